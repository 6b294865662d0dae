/** Rating pads of the register map, and addresses given over a line, under virtual time. */
import { describe, expect, it } from 'vitest'
import { silent } from '#devices/std/log.ts'
import { BusModel } from '../../firmware-sim/models/bus.ts'
import { createCallPadModel } from '../../firmware-sim/models/call-pad.ts'
import { createRatingPadModel } from '../../firmware-sim/models/rating-pad.ts'
import { Bus } from '../../gateway/drivers/bus.ts'
import { busProblems, createBuses, usesBus } from '../../gateway/drivers/buses.ts'
import {
  createRatingPad,
  type Rating,
  type RatingPadDriverOptions,
} from '../../gateway/drivers/rater-driver.ts'
import { createCallPad } from '../../gateway/drivers/unit-driver.ts'
import { Cable, pass, reach, Scheduler, seeded, virtualParts } from './virtual.ts'

async function raterOn(options: RatingPadDriverOptions = {}) {
  const pace = new Scheduler()
  const model = createRatingPadModel(seeded(1), { serial: 'RATER', pace })
  const cable = new Cable(pace, model, { baud: 19_200, turnaround_ms: 3 })
  const kept: Rating[] = []
  const ends: string[] = []
  const pad = createRatingPad('rater1', virtualParts(pace, cable), {
    handlers: {
      onRating: async (rating) => {
        kept.push(rating)
        return 'recorded'
      },
    },
    options,
  })
  pad.start()
  await reach(pace, 2000, () => pad.view().state === 'online')
  const ask = (visit: string) => void pad.ask(visit).then((end) => ends.push(`${visit} ${end}`))
  const isAsking = () => model.prompted.mode === 'asking'
  return { pace, model, cable, pad, kept, ends, ask, isAsking }
}

describe('a rating pad', () => {
  it('gives the first press after asking to the visit, echoing its request, and no other', async () => {
    const { pace, model, pad, kept, ends, ask, isAsking } = await raterOn()
    void model.rate(5)
    await reach(pace, 2000, () => kept.length === 1)
    ask('visit-1')
    await reach(pace, 2000, isAsking)
    expect(model.prompted).toMatchObject({ keys: 5, seconds: 20 })
    void model.rate(2)
    void model.rate(3)
    await reach(pace, 2000, () => kept.length === 3)
    expect(kept.map(({ visit, key, score }) => [visit, key, score])).toEqual([
      [null, 5, 1],
      ['visit-1', 2, 4],
      [null, 3, 3],
    ])
    expect(kept.map(({ event }) => event)).toEqual([1, 2, 3])
    expect(ends).toEqual(['visit-1 rated'])
    expect(isAsking()).toBe(false)
    await pad[Symbol.asyncDispose]()
  })

  it('knows whose press it was also when it is read late', async () => {
    const { pace, model, cable, pad, kept, ask, isAsking } = await raterOn()
    ask('visit-1')
    await reach(pace, 2000, isAsking)
    cable.unplug()
    void model.rate(1)
    await pass(pace, 30_000)
    cable.plug()
    await reach(pace, 20_000, () => kept.length === 1)
    expect(kept[0]).toMatchObject({ visit: 'visit-1', score: 5 })
    await pad[Symbol.asyncDispose]()
  })

  it('is idle after every connect and every power-up, and the question has ended', async () => {
    const { pace, model, cable, pad, ends, ask, isAsking } = await raterOn()
    ask('a')
    await reach(pace, 2000, isAsking)
    cable.unplug()
    await reach(pace, 100, () => ends.length === 1)
    // The pad was asking all the while.
    expect(isAsking()).toBe(true)
    cable.plug()
    await reach(pace, 8000, () => !isAsking())
    await reach(pace, 2000, () => pad.view().state === 'online')
    ask('b')
    await reach(pace, 2000, isAsking)
    model.powerUp()
    await reach(pace, 2000, () => ends.length === 2)
    await pass(pace, 2000)
    expect(isAsking()).toBe(false)
    expect(ends).toEqual(['a no_rating', 'b no_rating'])
    await pad[Symbol.asyncDispose]()
  })

  it('ends a question by time, by the next one, by withdrawing it', async () => {
    const { pace, pad, ends, ask, isAsking } = await raterOn({ asking_ms: 5000 })
    ask('a')
    await pass(pace, 1000)
    ask('b')
    await reach(pace, 8000, () => ends.length === 2)
    await reach(pace, 1000, () => !isAsking())
    ask('c')
    await reach(pace, 1000, isAsking)
    pad.idle()
    await reach(pace, 1000, () => !isAsking())
    expect(ends).toEqual(['a replaced', 'b no_rating', 'c no_rating'])
    await pad[Symbol.asyncDispose]()
  })

  it('maps three and four keys as configured, and refuses a key beyond them on the pad', async () => {
    for (const keys of [
      [5, 3, 1],
      [5, 4, 2, 1],
    ]) {
      const { pace, model, pad, kept, ask, isAsking } = await raterOn({ keys })
      ask('v')
      await reach(pace, 2000, isAsking)
      expect(model.prompted).toMatchObject({ keys: keys.length })
      const answers: string[] = []
      for (const key of [keys.length + 1, keys.length]) {
        void model.rate(key).then(({ outcome }) => answers.push(outcome))
      }
      await reach(pace, 3000, () => answers.length === 2)
      expect(answers).toEqual(['refused', 'recorded'])
      expect(kept).toMatchObject([{ key: keys.length, score: 1 }])
      await pad[Symbol.asyncDispose]()
    }
  })
})

describe('an address given over the line', () => {
  function twoOnOneAddress() {
    const pace = new Scheduler()
    // Both as they come out of the box.
    const models = [1, 2].map((n) => createCallPadModel(seeded(n), { serial: `PAD-${n}` }))
    const wire = new BusModel(models)
    const cable = new Cable(pace, wire, { baud: 19_200, turnaround_ms: 3 })
    const bus = new Bus(cable, { pace, log: silent })
    const pads = [1, 2].map((unit) =>
      createCallPad(`pad${unit}`, virtualParts(pace, bus.line(`pad${unit}`), unit), {
        handlers: { onPress: async () => 'recorded' },
        options: { unit, serial: `PAD-${unit}` },
      }),
    )
    for (const pad of pads) pad.start()
    return { pace, wire, models, pads }
  }

  async function given(pace: Scheduler, pad: ReturnType<typeof createCallPad>) {
    let answer = ''
    void pad.setAddress!().then((result) => {
      answer = result
    })
    await reach(pace, 40_000, () => answer !== '')
    return answer
  }

  it('goes to the unit of which a key is held, and to nobody else', async () => {
    const { pace, wire, models, pads } = twoOnOneAddress()
    const [first, second] = models as [(typeof models)[0], (typeof models)[0]]
    wire.setDead(second, true)
    await reach(pace, 3000, () => pads[0]!.view().state === 'online')
    expect(await given(pace, pads[0]!)).toBe('taken')
    // Nobody holds a key.
    wire.setDead(second, false)
    expect(await given(pace, pads[1]!)).toBe('no_answer')
    expect([first.address, second.address]).toEqual([1, 1])
    second.keyHeld = true
    expect(await given(pace, pads[1]!)).toBe('accepted')
    second.keyHeld = false
    expect([first.address, second.address]).toEqual([1, 2])
    await reach(pace, 15_000, () => pads.every((pad) => pad.view().state === 'online'))
    expect(pads.map((pad) => pad.view().identity)).toEqual(['PAD-1', 'PAD-2'])
    for (const pad of pads) await pad[Symbol.asyncDispose]()
  })

  it('ends without a link, whatever else happens', async () => {
    const pace = new Scheduler()
    const cable = new Cable(pace, new BusModel([]))
    cable.unplug()
    const pad = createCallPad('pad', virtualParts(pace, cable), {
      handlers: { onPress: async () => 'recorded' },
    })
    pad.start()
    expect(await given(pace, pad)).toBe('not_connected')
    await pad[Symbol.asyncDispose]()
  })
})

describe('lines that several units share', () => {
  const at = 'serial:/dev/ttyUSB0'
  const unit = (device: string, number?: number, type = 'call_pad') => ({
    ...{ device, type, at },
    options: number === undefined ? {} : { unit: number },
  })

  it('are told from places that cannot be', () => {
    const panel = unit('panel', 3, 'ticket_panel')
    expect(busProblems([unit('a'), unit('b', 2), panel])).toEqual([])
    expect(busProblems([unit('a'), unit('b', 1)])).toEqual([
      { index: 1, problem: 'a has unit 1 there already; set options.unit' },
    ])
    expect(busProblems([unit('a'), unit('pin', 2, 'pin_pad')])).toMatchObject([{ index: 1 }])
    const many = Array.from({ length: 17 }, (_, i) => unit(`u${i}`, i + 1))
    expect(busProblems(many)).toEqual([{ index: 16, problem: 'at most 16 units share a line' }])
    expect(busProblems([{ ...unit('a'), type: 'nothing' }])).toEqual([])
  })

  it('are used where units share an address, and on every serial port', () => {
    const tcp = { ...unit('a'), at: 'tcp://127.0.0.1:1' }
    expect(usesBus(tcp, [tcp])).toBe(false)
    expect(usesBus(tcp, [tcp, { ...tcp, device: 'b' }])).toBe(true)
    expect(usesBus(unit('a'), [unit('a')])).toBe(true)
    expect(usesBus(unit('a', 1, 'pin_pad'), [])).toBe(false)
  })

  it('are one bus an address', async () => {
    const pace = new Scheduler()
    const opened: string[] = []
    await using buses = createBuses({
      ...{ pace, log: silent },
      transportFor: (place) => {
        opened.push(place)
        return new Cable(pace, new BusModel([]))
      },
    })
    expect(buses.busFor(at)).toBe(buses.busFor(at))
    buses.busFor('tcp://h:1').line('a')
    expect(opened).toEqual([at, 'tcp://h:1'])
    expect(buses.views()).toMatchObject([{ units: [] }, { units: ['a'], state: 'closed' }])
  })
})
