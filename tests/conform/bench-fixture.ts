/** A simulated device on the kit's bench, over a real TCP line, with its own hands. */

import { type LineFaults, openLine } from '../../firmware-sim/line.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { seeded } from '../../firmware-sim/people/seeded.ts'
import { loadKinds, type MakeOptions, makeDevice } from '../../firmware-sim/types.ts'
import { Bench, type BenchOptions, type Helper } from '../../gateway/conform/bench.ts'
import { createContribution } from '../../gateway/conform/contribution.ts'
import { nobodyThere } from '../../gateway/conform/helpers.ts'
import type { ConformKind } from '../../gateway/conform/kind.ts'
import { conformKinds } from '../../gateway/conform/kinds.ts'
import { reportHtml, reportOf } from '../../gateway/conform/report.ts'
import { runSteps, type StepResult } from '../../gateway/conform/run.ts'
import { realPace } from '../../gateway/pace.ts'
import { tcpTransport } from '../../gateway/transports/tcp.ts'

export const simKinds = await loadKinds()

/** Quick enough for a suite, and longer than any delay of a line below. */
export const quick: Partial<BenchOptions> = {
  reply_ms: 700,
  quiet_ms: 200,
  silence_ms: 60,
  hand_ms: 700,
  repeat_ms: 300,
}

export type OnBench = MakeOptions & {
  line?: Partial<LineFaults>
  /** Settings of the kit. */
  kit?: Record<string, string>
  options?: Partial<BenchOptions>
  attended?: boolean
  /** Its own without. */
  kind?: ConformKind
  seed?: number
  /** Between the device and its line. */
  onWire?: (model: DeviceModel) => DeviceModel
  /** Before the kit begins. */
  before?: (hands: Record<string, (argument: string) => void>) => void
}

export type Tried = {
  results: StepResult[]
  /** The verdicts that are not a pass, by step. */
  bad: Record<string, string>
  report: string
  html: string
  contribution: ReturnType<ReturnType<typeof createContribution>['get']>
}

const same = (model: DeviceModel) => model

export async function tryOut(type: string, on: OnBench = {}): Promise<Tried> {
  const parts = { pace: realPace, random: seeded('conform', type, on.seed ?? 1) }
  const device = makeDevice(simKinds.get(type)!, parts, on)
  await using line = await openLine((on.onWire ?? same)(device.model), parts, {
    faults: on.line ?? {},
  })
  const hands = { ...device.hands }
  on.before?.(hands)
  const helper: Helper = {
    async hand(hand, argument) {
      if (!Object.hasOwn(hands, hand)) return false
      hands[hand]!(argument)
      return true
    },
    sees: async () => null,
  }
  const kind = on.kind ?? conformKinds.get(type)!
  const settings = on.kit ?? {}
  const below = tcpTransport(realPace, { host: '127.0.0.1', port: line.port })
  const transport = kind.link?.(below, settings) ?? below
  const present = on.attended === false ? nobodyThere : helper
  const options = { ...quick, ...on.options }
  await using bench = new Bench({ transport, pace: realPace, helper: present }, options)
  await bench.connect()
  const contribution = createContribution(kind)
  const onExchanges = contribution.add
  const results = await runSteps(kind, bench, { settings, onExchanges })
  const report = reportOf({
    type,
    title: { zh: '', en: '' },
    protocol: '',
    at: '',
    began: '',
    unattended: false,
    assumptions: [],
    steps: results,
  })
  const bad = Object.fromEntries(
    results
      .filter(({ verdict }) => verdict === 'fail' || verdict === 'differs')
      .map(({ code, verdict, says }) => [code, `${verdict}: ${says.en}`]),
  )
  return {
    results,
    bad,
    report: JSON.stringify(report),
    html: reportHtml(report, 'zh'),
    contribution: contribution.get(),
  }
}
