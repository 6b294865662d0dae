/**
 * From a key pressed on a call pad to the number on its display, with the record on disk in between:
 * on ports of their own, and eight and sixteen to a bus; among forty devices, quiet, and while three
 * of the forty flood, are dead and answer rubbish. Lines are simulated to the bit; the rest is real.
 */
import { sleep } from '#devices/std/clock.ts'
import { BusModel } from '../../firmware-sim/models/bus.ts'
import type { CallPadModel } from '../../firmware-sim/models/call-pad.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { realPace } from '../../firmware-sim/pace.ts'
import { type Figure, figure, type Progress, percentile } from './figure.ts'
import { seeded } from './hall-day.ts'
import { machineMs } from './reader-child.ts'
import { type BenchHall, modelOf, openBenchHall, type Standing } from './reader-hall.ts'

const DEVICES = 40
const PRESSES = 3
/** A clerk's customers are this far apart, drawn evenly; real ones take minutes. */
const BETWEEN_MS = { least: 5_000, most: 15_000 }
/** Longer than any press takes: then it counts as this long. */
const GIVEN_UP_MS = 5_000

type Topology = { name: string; buses: number; units: number }
const topologies: readonly Topology[] = [
  { name: 'own ports', buses: 0, units: 16 },
  { name: '8 on a bus', buses: 2, units: 8 },
  { name: '16 on a bus', buses: 2, units: 16 },
]

export async function pads(progress: Progress): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const topology of topologies) {
    figures.push(...(await pressed(topology)))
    progress(`pads: measured with ${topology.name}`)
  }
  return figures
}

type Pad = { counter: string; model: CallPadModel; bus: number }

/** Quiet first, then with trouble on the first bus, or on ports of its own. */
async function pressed({ name, buses, units }: Topology): Promise<Figure[]> {
  const bad = new Bad()
  const { standing, all } = placed({ buses, units }, bad)
  const counters = all.map(({ counter }) => counter)
  const tickets = all.length * PRESSES * 2
  await using hall = await openBenchHall(standing, { counters, tickets })
  await online(hall, standing.length)
  const quiet = await press(all)
  bad.begin()
  // Until each of the three was noticed, and its back-off has begun.
  await sleep(realPace, 3_000, 'trouble begins')
  const near = buses === 0 ? [] : all.filter(({ bus }) => bus === 0)
  const others = all.filter((pad) => !near.includes(pad))
  const [far, beside] = await Promise.all([press(others), press(near)])
  bad.end()
  const p99 = (times: readonly number[]) => percentile(times, 0.99)
  return [
    figure({
      name: `press to number, ${name}, quiet, p50`,
      value: percentile(quiet, 0.5),
      unit: 'ms',
    }),
    figure({ name: `press to number, ${name}, quiet, p99`, value: p99(quiet), unit: 'ms' }),
    figure({
      name: `press to number, ${name}, three of ${DEVICES} in trouble, p99`,
      ...{ value: p99(far), unit: 'ms', against: p99(quiet), bar: 2 },
    }),
    ...(beside.length === 0
      ? []
      : [
          figure({
            name: `press to number, ${name}, a dead unit on the same bus, p99`,
            ...{ value: p99(beside), unit: 'ms', against: p99(quiet) },
          }),
        ]),
  ]
}

/** The three: one that floods, one that answers nothing, one that answers rubbish. */
class Bad {
  readonly models: DeviceModel[] = []
  #on = false
  #flood: (() => void) | null = null
  readonly #random = seeded(9)
  /** A unit of the first bus that dies with them. */
  onBus: { bus: BusModel; unit: DeviceModel } | null = null

  /** A good device that turns bad when it begins. */
  turning(model: DeviceModel, how: 'flood' | 'dead' | 'rubbish'): DeviceModel {
    const wire = this.#wrapped(model, how)
    this.models.push(wire)
    return wire
  }

  begin(): void {
    this.#on = true
    this.onBus?.bus.setDead(this.onBus.unit, true)
  }

  end(): void {
    this.#on = false
    this.#flood?.()
    this.onBus?.bus.setDead(this.onBus.unit, false)
  }

  #wrapped(model: DeviceModel, how: 'flood' | 'dead' | 'rubbish'): DeviceModel {
    let out: (bytes: Uint8Array) => void = () => {}
    const noise = (bytes: number) =>
      Uint8Array.from({ length: bytes }, () => Math.floor(this.#random() * 256))
    const pour = () => {
      if (this.#on) out(noise(4_096))
      this.#flood = realPace.after(20, 'flood', pour)
    }
    if (how === 'flood') pour()
    return {
      attach: (send) => {
        out = send
        model.attach((bytes) => {
          if (!this.#on) send(bytes)
          else if (how === 'rubbish') send(noise(bytes.length))
        })
      },
      detach: () => model.detach(),
      receive: (bytes) => model.receive(bytes),
    }
  }
}

function placed({ buses, units }: Omit<Topology, 'name'>, bad: Bad) {
  const wires = Array.from({ length: buses }, () => new BusModel([]))
  const all: Pad[] = []
  const standing: Standing[] = []
  const lines = Math.max(1, buses)
  for (let line = 0; line < lines; line++) {
    const members: DeviceModel[] = []
    const bus = buses === 0 ? null : new BusModel(members)
    if (bus !== null) wires[line] = bus
    for (let unit = 1; unit <= units; unit++) {
      const counter = `c${line * units + unit}`
      const wired = { device: `pad-${counter}`, type: 'call_pad', counter } as const
      const model = modelOf(wired, bus === null ? 1 : unit) as CallPadModel
      members.push(model)
      standing.push({
        ...wired,
        model,
        ...(bus === null ? {} : { bus: { model: bus, address: unit } }),
      })
      all.push({ counter, model, bus: line })
    }
  }
  if (buses > 0) {
    // The dead one on the bus is nobody's counter: its presses are not among those measured.
    const last = all.find(({ bus }) => bus === 0)
    if (last !== undefined && wires[0] !== undefined) {
      bad.onBus = { bus: wires[0], unit: last.model }
      all.splice(all.indexOf(last), 1)
    }
  }
  const hows = ['flood', 'dead', 'rubbish'] as const
  for (let i = 0; standing.length < DEVICES; i++) {
    const wired = { device: `printer-${i + 1}`, type: 'ticket_printer' } as const
    const model = modelOf(wired)
    const how = hows[i]
    standing.push({ ...wired, model: how === undefined ? model : bad.turning(model, how) })
  }
  return { standing, all }
}

/** Every clerk presses "next" again and again, as clerks do: not all in the same moment. */
async function press(pads: readonly Pad[]): Promise<number[]> {
  const random = seeded(5)
  const { least, most } = BETWEEN_MS
  const times = await Promise.all(
    pads.map(async ({ model }) => {
      const own: number[] = []
      for (let i = 0; i < PRESSES; i++) {
        await sleep(realPace, least + random() * (most - least), 'clerk')
        own.push(await shownAfter(model))
        await model.press('done')
      }
      return own
    }),
  )
  return times.flat()
}

/** Milliseconds from the key to another number on the display. */
function shownAfter(model: CallPadModel): Promise<number> {
  const from_ms = machineMs()
  return new Promise((resolve) => {
    const giveUp = realPace.after(GIVEN_UP_MS, 'press', () => finish(GIVEN_UP_MS))
    const finish = (ms: number) => {
      giveUp()
      model.onDisplay = null
      resolve(ms)
    }
    model.onDisplay = (display) => {
      if (display.mode === 'number') finish(machineMs() - from_ms)
    }
    void model.press('next')
  })
}

async function online(hall: BenchHall, devices: number): Promise<void> {
  for (;;) {
    const now = await hall.cpu()
    if (now.online === devices) return
    await sleep(realPace, 200, 'devices come on line')
  }
}
