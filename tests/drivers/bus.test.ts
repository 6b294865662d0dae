/** Units that share a line, under virtual time: turns, the dead, the jabbering, and other lines. */
import { describe, expect, it } from 'vitest'
import { silent } from '#devices/std/log.ts'
import { createModbusRequestDeframer } from '#devices/wire/modbus-rtu.ts'
import { BusModel } from '../../firmware-sim/models/bus.ts'
import { createCallPadModel } from '../../firmware-sim/models/call-pad.ts'
import type { RegisterUnitModel } from '../../firmware-sim/models/register-unit.ts'
import { Bus } from '../../gateway/drivers/bus.ts'
import type { PressOutcome } from '../../gateway/drivers/session.ts'
import { type CallPadDriver, createCallPad } from '../../gateway/drivers/unit-driver.ts'
import {
  Cable,
  type CableOptions,
  pass,
  reach,
  Scheduler,
  seeded,
  virtualParts,
} from './virtual.ts'

const rs485 = { baud: 19_200, turnaround_ms: 3 }

type Unit = {
  model: RegisterUnitModel
  pad: CallPadDriver
  /** Presses that were recorded, by number of the boot. */
  book: string[]
  wanted: string
}

type Given = { decide?: () => Promise<PressOutcome>; line?: CableOptions }

function busOf(pace: Scheduler, count: number, { decide = recorded, line = rs485 }: Given = {}) {
  const models = Array.from({ length: count }, (_, i) =>
    createCallPadModel(seeded(i + 1), { serial: `PAD-${i + 1}`, address: i + 1 }),
  )
  const wire = new BusModel(models)
  const cable = new Cable(pace, wire, line)
  const bus = new Bus(cable, { pace, log: silent })
  const units = models.map((model, i): Unit => {
    const unit = { model, book: [] as string[], wanted: 'blank' } as unknown as Unit
    unit.pad = createCallPad(`pad${i + 1}`, virtualParts(pace, bus.line(`pad${i + 1}`), i), {
      handlers: {
        onPress: async ({ boot, event }) => {
          const outcome = await decide()
          unit.book.push(`${boot}/${event}`)
          return outcome
        },
      },
      wanted: () => unit.wanted,
      options: { unit: i + 1 },
    })
    unit.pad.start()
    return unit
  })
  const online = () => units.every(({ pad }) => pad.view().state === 'online')
  const close = async () => {
    for (const { pad } of units) await pad[Symbol.asyncDispose]()
    await bus[Symbol.asyncDispose]()
  }
  return { wire, cable, bus, units, online, close }
}

const recorded = async (): Promise<PressOutcome> => 'recorded'

function show({ model }: Unit): string {
  return model.displayed.mode === 'number' ? model.displayed.number : model.displayed.mode
}

function askedOf(cable: Cable, unit: number): number {
  return cable.sent.filter(({ bytes }) => bytes[0] === unit).length
}

/** From each press to the number on its own display, milliseconds of virtual time. */
async function pressToDisplay(pace: Scheduler, units: readonly Unit[], rounds: number) {
  const took: number[] = []
  for (let round = 0; round < rounds; round++) {
    for (const [i, unit] of units.entries()) {
      await pass(pace, (round * 37 + i * 11) % 90)
      const from_ms = pace.now_ms()
      const number = `A${round}${i}`
      void unit.model.press('next').then(() => unit.pad.show(number))
      await reach(pace, 5000, () => show(unit) === number)
      took.push(pace.now_ms() - from_ms)
    }
  }
  return took.sort((a, b) => a - b)
}

describe('sixteen units on one line', () => {
  it('are all served; a press is on its display before a person wonders', async () => {
    const pace = new Scheduler()
    const { units, online, bus, close } = busOf(pace, 16)
    await reach(pace, 3000, online)
    const took = await pressToDisplay(pace, units, 8)
    // Computed for a poll of four registers: 331 ms to the press, and two exchanges of its own.
    expect(took.at(-1)).toBeLessThan(500)
    for (const { book } of units) expect(book).toHaveLength(8)
    expect(bus.view().counters).toMatchObject({ jams: 0, stray_bytes: 0 })
    await close()
  })

  it('speak one at a time: no question before the answer to the one before, and silence between', async () => {
    const pace = new Scheduler()
    const { units, online, cable, close } = busOf(pace, 16)
    await reach(pace, 3000, online)
    for (const [i, { pad, model }] of units.entries()) {
      pad.show(`B${i}`)
      void model.press('next')
    }
    await pass(pace, 3000)
    const line_ms = (bytes: number) => (bytes * 11_000) / rs485.baud
    for (const [i, { at_ms, bytes }] of cable.sent.slice(1).entries()) {
      const before = cable.sent[i]!
      const answered_ms = before.at_ms + line_ms(before.bytes.length) + rs485.turnaround_ms
      // The shortest answer, then 3.5 characters at the least.
      expect(at_ms - answered_ms).toBeGreaterThan(line_ms(8) + line_ms(3.5) - 0.01)
      expect(createModbusRequestDeframer().push(bytes).frames).toHaveLength(1)
    }
    await close()
  })

  it('serve who only polls while others never stop having something to show', async () => {
    const pace = new Scheduler()
    const { units, online, cable, close } = busOf(pace, 16)
    await reach(pace, 3000, online)
    const busy = units.slice(0, 8)
    let n = 0
    const change = () => {
      n += 1
      for (const { pad } of busy) pad.show(`C${n % 1000}`)
      pace.after(5, 'change', change)
    }
    change()
    cable.sent.length = 0
    await pass(pace, 5000)
    for (const unit of units.keys()) expect(askedOf(cable, unit + 1)).toBeGreaterThan(5)
    const slow = await pressToDisplay(pace, units.slice(8), 1)
    expect(slow.at(-1)).toBeLessThan(1500)
    await close()
  })
})

describe('a dead unit', () => {
  it('costs one time-out a back-off and is named, while the others go on', async () => {
    const pace = new Scheduler()
    const { wire, units, online, cable, close } = busOf(pace, 16)
    await reach(pace, 3000, online)
    const dead = units[4]!
    wire.setDead(dead.model, true)
    await reach(pace, 5000, () => dead.pad.view().reason === 'silent')
    expect(dead.pad.view().state).toBe('offline')
    await reach(pace, 5000, () => dead.pad.view().state === 'power_off')
    cable.sent.length = 0
    const before = dead.pad.view().counters
    await pass(pace, 120_000)
    const after = dead.pad.view().counters
    const tries = after.reconnects - before.reconnects
    expect(tries).toBeGreaterThan(15)
    expect(after.timeouts - before.timeouts).toBeLessThanOrEqual(tries + 1)
    expect(askedOf(cable, 5)).toBeLessThanOrEqual(tries + 1)
    expect(askedOf(cable, 6)).toBeGreaterThan(120)
    const others = units.filter((unit) => unit !== dead)
    for (const { pad } of others) expect(pad.view().state).toBe('online')
    wire.setDead(dead.model, false)
    dead.wanted = 'B017'
    await reach(pace, 9000, () => dead.pad.view().state === 'online' && show(dead) === 'B017')
    await close()
  })

  it('alone on its line, is asked once a back-off too', async () => {
    const pace = new Scheduler()
    const { wire, units, cable, close } = busOf(pace, 2)
    for (const { model } of units) wire.setDead(model, true)
    await pass(pace, 20_000)
    cable.sent.length = 0
    await pass(pace, 60_000)
    for (const { pad } of units) expect(pad.view()).toMatchObject({ state: 'power_off' })
    expect(cable.sent.length).toBeLessThan(60)
    await close()
  })
})

describe('a jabbering bus', () => {
  for (const [name, every_ms, bytes, line] of [
    ['at the speed of the line', 10, 17, rs485],
    ['a flood from a network', 1, 5000, { baud: 0 }],
  ] as const) {
    it(`is named for all its units and recovers (${name})`, async () => {
      const pace = new Scheduler()
      const one = busOf(pace, 8, { line })
      const other = busOf(pace, 8)
      await reach(pace, 3000, () => one.online() && other.online())
      const quiet = await pressToDisplay(pace, other.units, 3)
      one.wire.jabber({ pace, random: seeded(9) }, every_ms, bytes)
      const jammed = () => one.units.every(({ pad }) => pad.view().reason === 'bus_jammed')
      await reach(pace, 8000, jammed)
      expect(one.bus.view().state).toBe('jammed')
      // The other line feels nothing, and nothing is asked on the jammed one.
      one.cable.sent.length = 0
      const meanwhile = await pressToDisplay(pace, other.units, 3)
      expect(meanwhile.at(-1)).toBeLessThanOrEqual(quiet.at(-1)! * 1.5)
      expect(one.cable.sent).toEqual([])
      for (const { pad } of other.units) expect(pad.view().counters.timeouts).toBe(0)
      const presses = one.units.map(({ model }) => model.press('next'))
      one.wire.quiet()
      await reach(pace, 8000, one.online)
      let answered = 0
      for (const press of presses) void press.then(() => (answered += 1))
      await reach(pace, 3000, () => answered === 8)
      for (const { book } of one.units) expect(book).toHaveLength(1)
      await one.close()
      await other.close()
    })
  }

  it('is not what a few stray bytes now and then are: units that answer are used', async () => {
    const pace = new Scheduler()
    const { wire, units, online, bus, close } = busOf(pace, 8)
    await reach(pace, 3000, online)
    wire.jabber({ pace, random: seeded(9) }, 60, 4)
    await pass(pace, 20_000)
    expect(bus.view().counters.jams).toBe(0)
    const took = await pressToDisplay(pace, units, 2)
    expect(took.at(-1)).toBeLessThan(3000)
    await close()
  })

  it('is not what a burst of noise is', async () => {
    const pace = new Scheduler()
    const { wire, units, online, bus, close } = busOf(pace, 8)
    await reach(pace, 3000, online)
    for (let burst = 0; burst < 20; burst++) {
      wire.jabber({ pace, random: seeded(burst) }, 10, 12)
      await pass(pace, 120)
      wire.quiet()
      await pass(pace, 1000)
    }
    expect(bus.view().counters.jams).toBe(0)
    for (const { pad } of units) expect(pad.view().state).toBe('online')
    await close()
  })
})

describe('whatever happens on a line', () => {
  for (let seed = 1; seed <= 12; seed++) {
    it(`each press is recorded once or its person knows, and all is right in the end (seed ${seed})`, async () => {
      const pace = new Scheduler()
      const rng = seeded(seed)
      const pick = (limit: number) => Math.floor(rng() * limit)
      // Decisions take their time, and some fail for a moment.
      const decide = () =>
        new Promise<PressOutcome>((resolve, reject) => {
          pace.after(rng() * 40, 'disk', () =>
            rng() < 0.1 ? reject(new Error('the disk is away')) : resolve('recorded'),
          )
        })
      const { wire, cable, bus, units, online, close } = busOf(pace, 16, { decide })
      const promised: { unit: Unit; key: string }[] = []
      let open = 0
      for (let act = 0; act < 150; act++) {
        const unit = units[pick(16)]!
        const what = pick(20)
        if (what < 9) {
          open += 1
          void unit.model
            .press('next')
            .then(({ boot, event }) => promised.push({ unit, key: `${boot}/${event}` }))
            .catch(() => {})
            .finally(() => (open -= 1))
        } else if (what < 13) {
          unit.wanted = `D${act}`
          unit.pad.show(unit.wanted)
        } else if (what === 13) wire.setDead(unit.model, rng() < 0.5)
        else if (what === 14) unit.model.powerUp()
        else if (what === 15) cable.cut()
        else if (what === 16) wire.jabber({ pace, random: rng }, 5 + pick(50), 1 + pick(30))
        else if (what === 17) wire.quiet()
        else if (what === 18) cable.unplug()
        else cable.plug()
        await pass(pace, pick(300))
      }
      wire.quiet()
      cable.plug()
      for (const { model } of units) wire.setDead(model, false)
      await reach(pace, 30_000, () => online() && open === 0)
      await reach(pace, 5000, () => units.every((unit) => show(unit) === unit.wanted))
      for (const { unit, key } of promised) {
        expect(unit.book.filter((one) => one === key)).toHaveLength(1)
      }
      expect(promised.length).toBeGreaterThan(10)
      expect(bus.view().units).toHaveLength(16)
      await close()
    })
  }
})
