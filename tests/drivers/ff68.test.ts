/** FF 68 pads: the real drivers against the simulated pads over real TCP. */
import { describe, expect, it } from 'vitest'
import { Ff68PadModel } from '../../firmware-sim/models/ff68-pad.ts'
import { Ff68RaterModel } from '../../firmware-sim/models/ff68-rater.ts'
import {
  createFf68Pad,
  createFf68Rater,
  type Ff68Press,
} from '../../gateway/drivers/ff68-driver.ts'
import type { Rating } from '../../gateway/drivers/rater-driver.ts'
import type { PressOutcome } from '../../gateway/drivers/session.ts'
import { lineFor, pace, partsFor, quick, until } from './helpers.ts'
import { Cable, pass, reach, Scheduler, virtualParts } from './virtual.ts'

const fast = { retry_ms: 5, assert_ms: 20, reflection_ms: 5, session: quick }

describe('an FF 68 call pad', () => {
  it('is echoed only when the press is decided', async () => {
    const model = new Ff68PadModel({ pace, repeat_ms: 10 })
    await using line = await lineFor(model)
    const decide = Promise.withResolvers<PressOutcome>()
    const presses: Ff68Press[] = []
    await using pad = createFf68Pad('pad1', partsFor(line.port), {
      handlers: {
        onPress: (press) => {
          presses.push(press)
          return decide.promise
        },
      },
      options: fast,
    })
    pad.start()
    let echoed = false
    const answer = model.press('next').then(() => {
      echoed = true
    })
    // The pad repeats itself: one press all the same, and no echo yet.
    await until(() => pad.view().counters.repeats > 2)
    expect(echoed).toBe(false)
    expect(presses).toHaveLength(1)
    expect(presses[0]).toMatchObject({ device: 'pad1', code: 'next', event: 1, key: 'next' })
    expect(presses[0]!.boot).toMatch(/^[0-9a-f]{8}$/)
    decide.resolve('recorded')
    await answer
    expect(pad.view()).toMatchObject({ state: 'online', reason: 'heard' })
  })

  it('beeps at a refused press, and refuses a key nobody takes', async () => {
    const model = new Ff68PadModel({ pace, repeat_ms: 10 })
    await using line = await lineFor(model)
    const handlers = { onPress: async () => 'refused' as const }
    await using pad = createFf68Pad('pad1', partsFor(line.port), { handlers, options: fast })
    pad.start()
    await model.press('recall')
    await until(() => model.beeps >= 1)
    const before = model.beeps
    await model.press('transfer')
    await until(() => model.beeps > before)
  })

  it('shows number and waiting, again after every connect and every power-up', async () => {
    const model = new Ff68PadModel({ pace })
    await using line = await lineFor(model)
    let wanted = 'A012'
    await using pad = createFf68Pad('pad1', partsFor(line.port), {
      handlers: { onPress: async () => 'recorded' },
      wanted: () => wanted,
      options: fast,
    })
    pad.start()
    await until(() => model.shown.ticket === '012')
    pad.showWaiting(7)
    await until(() => model.shown.waiting === 7)
    expect(model.shown.ticket).toBe('012')
    await line.unplug()
    wanted = 'B305'
    await line.plug()
    await until(() => model.shown.ticket === '305')
    model.powerUp()
    expect(model.shown.ticket).toBeNull()
    await until(() => model.shown.ticket === '305')
    expect(await pad.beep()).toBe(true)
    await until(() => model.beeps === 1)
  })

  it('takes nothing for a press on a wire that gives back what is sent', async () => {
    const model = new Ff68PadModel({ pace, reflects: true, repeat_ms: 600_000 })
    await using line = await lineFor(model)
    let handed = 0
    await using pad = createFf68Pad('pad1', partsFor(line.port), {
      handlers: {
        onPress: async () => {
          handed += 1
          return 'recorded'
        },
      },
      options: { ...fast, reflection_ms: 60_000, guard_ms: 1 },
    })
    pad.start()
    await model.press('next')
    await until(() => pad.view().counters.unasked_frames > 10)
    expect(handed).toBe(1)
  })

  for (const seed of [11, 12, 13]) {
    it(`loses no press and makes none up on a bad line (seed ${seed})`, async () => {
      const model = new Ff68PadModel({ pace, repeat_ms: 15 })
      const faults = { split: 0.3, noise: 0.2, corrupt: 0.1, delay: 0.2, unplug: 0.04, delay_ms: 5 }
      await using line = await lineFor(model, { faults }, seed)
      const book: Ff68Press[] = []
      await using pad = createFf68Pad('pad1', partsFor(line.port, seed), {
        handlers: {
          onPress: async (press) => {
            book.push(press)
            return 'recorded'
          },
        },
        // The guard window outlasts every repeat; two keys in turns, as one key twice is one press.
        options: { ...fast, assert_ms: 1000, guard_ms: 600_000 },
      })
      pad.start()
      for (const key of ['next', 'recall', 'no_show', 'rate'] as const) await model.press(key)
      expect(book.map(({ key, event }) => [key, event])).toEqual([
        ['next', 1],
        ['recall', 2],
        ['no_show', 3],
        ['rate', 4],
      ])
    })
  }
})

describe('an FF 68 call pad whose answers are lost', () => {
  /** Under virtual time; the pad repeats itself once a second and hears nothing while `deaf`. */
  async function padHeard() {
    const clock = new Scheduler()
    const model = new Ff68PadModel({ pace: clock, repeat_ms: 1000 })
    const ears = { deaf: false }
    const cable = new Cable(clock, {
      attach: (send) => model.attach(send),
      detach: () => model.detach(),
      receive: (bytes) => ears.deaf || model.receive(bytes),
    })
    const keys: string[] = []
    const pad = createFf68Pad('pad1', virtualParts(clock, cable), {
      handlers: {
        onPress: async ({ key }) => {
          keys.push(key)
          return 'recorded'
        },
      },
    })
    pad.start()
    await reach(clock, 2000, () => pad.view().state === 'online')
    return { clock, model, cable, keys, pad, ears }
  }

  it('one after the other: a press is one press however long it takes', async () => {
    const { clock, model, keys, pad, ears } = await padHeard()
    ears.deaf = true
    const echoed = model.press('next')
    await pass(clock, 60_000)
    expect(pad.view().counters.repeats).toBeGreaterThan(50)
    ears.deaf = false
    await pass(clock, 2000)
    await echoed
    expect(keys).toEqual(['next'])
    await pass(clock, 2000)
    const again = model.press('next')
    await pass(clock, 1000)
    await again
    expect(keys).toEqual(['next', 'next'])
    await pad[Symbol.asyncDispose]()
  })

  it('and was refused: it is decided anew in time, as who goes on pressing goes on asking', async () => {
    const { clock, model, keys, pad, ears } = await padHeard()
    ears.deaf = true
    void model.press('transfer')
    await pass(clock, 10_000)
    expect(keys.length).toBe(0)
    expect(pad.view().counters.repeats).toBeLessThan(9)
    await pad[Symbol.asyncDispose]()
  })

  it('with the link: what is sent again after it is back is the press of before', async () => {
    const { clock, model, cable, keys, pad, ears } = await padHeard()
    ears.deaf = true
    const echoed = model.press('next')
    await reach(clock, 500, () => keys.length === 1)
    cable.unplug()
    ears.deaf = false
    await pass(clock, 30_000)
    cable.plug()
    await pass(clock, 12_000)
    await echoed
    expect(keys).toEqual(['next'])
    // One that was answered long before the link was lost guards nothing after it.
    cable.unplug()
    await pass(clock, 1000)
    cable.plug()
    const again = model.press('next')
    await pass(clock, 12_000)
    await again
    expect(keys).toEqual(['next', 'next'])
    await pad[Symbol.asyncDispose]()
  })
})

describe('an FF 68 rating pad', () => {
  it('is answered after the rating is kept, and idle again after a lost link', async () => {
    const model = new Ff68RaterModel({ pace, repeat_ms: 10 })
    await using line = await lineFor(model)
    const kept: Rating[] = []
    await using rater = createFf68Rater('rater1', partsFor(line.port), {
      handlers: {
        onRating: async (rating) => {
          kept.push(rating)
          return 'recorded'
        },
      },
      options: { ...{ retry_ms: 5, session: quick }, guard_ms: 60_000 },
    })
    rater.start()
    await until(() => rater.view().state === 'online')
    const asked = rater.ask('visit-1')
    await model.rate(2)
    expect(await asked).toBe('rated')
    expect(kept).toMatchObject([{ device: 'rater1', visit: 'visit-1', score: 4, event: 1 }])
    const open = rater.ask('visit-2')
    await line.unplug()
    expect(await open).toBe('no_rating')
    await line.plug()
    await model.rate(5)
    expect(kept[1]).toMatchObject({ visit: null, score: 1 })
    expect(model.unexpected).toBe(0)
  })
})
