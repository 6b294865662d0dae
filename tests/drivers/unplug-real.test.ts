/**
 * The same devices and the same uses as under virtual time, over what there really is: TCP, and
 * pseudo-terminals through the serial library. The cable is pulled early in a question, early in an
 * answer and later on, and plugged in again.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { lstat, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sleep } from '#devices/std/clock.ts'
import { silent } from '#devices/std/log.ts'
import { type Line, openLine } from '../../firmware-sim/line.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { realPace } from '../../gateway/pace.ts'
import { transportFor } from '../../gateway/transports/open.ts'
import type { Scenario } from './unplug-bench.ts'
import { otherScenarios } from './unplug-others.ts'
import { padScenarios } from './unplug-pads.ts'
import { Scheduler, seeded } from './virtual.ts'

const scenarios: Record<string, Scenario> = { ...padScenarios, ...otherScenarios }
const socat = spawnSync('socat', ['-V']).status === 0
if (!socat) console.warn('SKIPPED: no socat here, so cables of pseudo-terminals are not pulled')

/** Both ends are in this process: when it stands still, so do their answers, but no clock. */
const SLACK = 10

/** Real time where the scenarios know the virtual one. A machine may be slow: waits are long. */
class RealTime extends Scheduler {
  override now_ms(): number {
    return realPace.now_ms()
  }

  override after(ms: number, what: string, run: () => void): () => void {
    return realPace.after(ms, what, run)
  }

  override async run(most_ms: number, until: () => boolean): Promise<boolean> {
    const end_ms = this.now_ms() + Math.max(60_000, most_ms * 3)
    while (!until()) {
      if (this.now_ms() > end_ms) return false
      await sleep(realPace, 5, 'until')
    }
    return true
  }
}

type Direction = 'in' | 'out'

/** Lets so many bytes of one direction through, then pulls. */
class Scissors implements DeviceModel {
  readonly #model: DeviceModel
  readonly #direction: Direction
  #left: number
  pull: () => void = () => {}
  cut = false
  /** What was not reached in use is not cut while looking. */
  blunt = false

  constructor(model: DeviceModel, direction: Direction, left: number) {
    this.#model = model
    this.#direction = direction
    this.#left = left
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#model.attach((bytes) => this.#pass('in', bytes, send))
  }

  detach(): void {
    this.#model.detach()
  }

  receive(bytes: Uint8Array): void {
    this.#pass('out', bytes, (part) => this.#model.receive(part))
  }

  #pass(direction: Direction, bytes: Uint8Array, deliver: (part: Uint8Array) => void): void {
    if (this.cut || this.blunt || direction !== this.#direction || bytes.length <= this.#left) {
      if (direction === this.#direction) this.#left -= bytes.length
      deliver(bytes)
      return
    }
    this.cut = true
    if (this.#left > 0) deliver(bytes.subarray(0, this.#left))
    this.pull()
  }
}

type Cable = AsyncDisposable & { at: string; pull(): Promise<void>; plug(): Promise<void> }

async function tcpCable(model: DeviceModel): Promise<Cable> {
  const line = await openLine(model, { pace: realPace, random: seeded(1) })
  return {
    at: `tcp://127.0.0.1:${line.port}`,
    pull: () => line.unplug(),
    plug: () => line.plug(),
    [Symbol.asyncDispose]: async () => line[Symbol.asyncDispose](),
  }
}

/** A terminal whose far side is killed is a serial adapter that is pulled: read error, node gone. */
async function terminalCable(model: DeviceModel): Promise<Cable> {
  const line: Line = await openLine(model, { pace: realPace, random: seeded(1) })
  const folder = await mkdtemp(join(tmpdir(), 'hallway-unplug-'))
  const path = join(folder, 'tty')
  let far: ChildProcess | null = null
  const plug = async () => {
    far = spawn('socat', [`pty,raw,echo=0,link=${path}`, `tcp:127.0.0.1:${line.port}`])
    while ((await lstat(path).catch(() => null)) === null) await sleep(realPace, 10, 'terminal')
  }
  const pull = async () => {
    const gone = far
    if (gone === null) return
    far = null
    gone.kill('SIGKILL')
    await once(gone, 'exit')
    await rm(path, { force: true })
  }
  await plug()
  return {
    at: `serial:${path}?baud=115200`,
    pull,
    plug,
    async [Symbol.asyncDispose]() {
      await pull()
      await line[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function pulled(
  scenario: Scenario,
  open: (model: DeviceModel) => Promise<Cable>,
  { direction, left }: { direction: Direction; left: number },
): Promise<boolean> {
  const pace = new RealTime()
  const bench = scenario.make(pace, SLACK)
  const scissors = new Scissors(bench.model, direction, left)
  await using cable = await open(scissors)
  const away: Promise<void>[] = []
  scissors.pull = () => {
    const back = async () => {
      await cable.pull()
      await sleep(realPace, scenario.away_ms ?? 700, 'away')
      await cable.plug()
    }
    away.push(back())
  }
  const transport = transportFor(cable.at, { pace: realPace, log: silent })
  const wall_ms = () => Date.now()
  await using driver = bench.drive({ transport, pace, random: seeded(2), log: silent, wall_ms })
  driver.start()
  await bench.use()
  scissors.blunt = true
  await Promise.all(away)
  const isBack = () => {
    const { state, counters } = driver.view()
    return state === 'online' && (!scissors.cut || counters.reconnects > 0)
  }
  expect(await pace.run(20_000, isBack)).toBe(true)
  await bench.check()
  return scissors.cut
}

const cables = [
  { name: 'TCP', open: tcpCable, there: true, not: [] as string[] },
  // It greets whoever connects, which a serial line cannot tell: this one is for networks.
  { name: 'a pseudo-terminal', open: terminalCable, there: socat, not: ['hall display (pjlink)'] },
]

for (const { name, open, there, not } of cables) {
  describe.skipIf(!there).concurrent(`a cable pulled and plugged in again, over ${name}`, () => {
    for (const [device, scenario] of Object.entries(scenarios)) {
      if (not.includes(device)) continue
      it(`of a ${device}`, async () => {
        const cuts = (['out', 'in'] as const).flatMap((direction) =>
          [1, 23].map((left) => ({ direction, left })),
        )
        const tried = await Promise.all(cuts.map((cut) => pulled(scenario, open, cut)))
        expect(tried.some((cut) => cut)).toBe(true)
      })
    }
  })
}
