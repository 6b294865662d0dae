/**
 * Runs the steps of a class against a device, one after another, and says what came of each. A step
 * that cannot reach the device fails; the others still run. That a device keeps silent where it should
 * counts only once it was heard at all.
 */
import { type Fault, isFault } from '#devices/std/fault.ts'
import { type Bench, type Exchange, link_closed } from './bench.ts'
import {
  type Bilingual,
  type ConformKind,
  type Finding,
  notTried,
  type Settings,
  type Shown,
  type Verdict,
} from './kind.ts'

export type StepResult = {
  code: string
  title: Bilingual
  expected: Bilingual
  verdict: Verdict
  says: Bilingual
  /** As they may be shown: no card, no PIN. */
  exchanges: (Shown & { label: string })[]
}

export type RunOptions = {
  settings?: Settings
  /** Called as soon as each is known. */
  onStep?: (result: StepResult) => void
  /** The bytes themselves, for a contribution; nobody else gets them. */
  onExchanges?: (step: string, verdict: Verdict, exchanges: readonly Exchange[]) => void
}

export async function runSteps(
  kind: ConformKind,
  bench: Bench,
  options: RunOptions = {},
): Promise<StepResult[]> {
  const results: StepResult[] = []
  for (const step of kind.steps(options.settings ?? {})) {
    const found = await step.run(bench).catch(unreached)
    const exchanges = bench.takeExchanges()
    const mute = found.verdict === 'pass' && exchanges.length > 0 && !bench.heard
    const finding = mute ? neverHeard : found
    options.onExchanges?.(step.code, finding.verdict, exchanges)
    const { code, title, expected } = step
    const result: StepResult = {
      code,
      title,
      expected,
      ...finding,
      exchanges: exchanges.map((exchange) => ({ label: exchange.label, ...kind.show(exchange) })),
    }
    bench.note(`step ${code}`, finding.verdict)
    results.push(result)
    options.onStep?.(result)
  }
  return results
}

const neverHeard = notTried({
  zh: '设备从未发来任何字节，不应答不能说明问题',
  en: 'nothing was ever heard of the device: its silence says nothing',
})

/** The link broke and did not come back. Anything but a fault is a mistake of ours. */
function unreached(error: unknown): Finding {
  if (!isFault(error)) throw error
  return { verdict: 'fail', says: saidOf(error) }
}

function saidOf({ code, message }: Fault): Bilingual {
  const late = /(\d+) ms$/.exec(message)?.[1]
  if (code === 'timed_out' && late !== undefined) {
    return {
      zh: `应答太迟：${late} 毫秒后才到（可用 --timeout 放宽）`,
      en: `the answer came too late, after ${late} ms (--timeout allows more)`,
    }
  }
  if (message.includes(link_closed)) {
    return { zh: '设备未应答就断开了连接', en: 'the device closed the link without an answer' }
  }
  return { zh: `设备连不上：${code}`, en: `the device cannot be reached: ${message}` }
}

export function countVerdicts(results: readonly StepResult[]): Record<Verdict, number> {
  const counts: Record<Verdict, number> = { pass: 0, fail: 0, differs: 0, not_tried: 0 }
  for (const { verdict } of results) counts[verdict] += 1
  return counts
}
