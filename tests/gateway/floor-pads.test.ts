/** Rating pads and shared lines on the floor: from a customer's finger to a record, over real TCP. */
import { afterEach, describe, expect, it } from 'vitest'
import { BusModel } from '../../firmware-sim/models/bus.ts'
import { createCallPadModel } from '../../firmware-sim/models/call-pad.ts'
import { Ff68PadModel } from '../../firmware-sim/models/ff68-pad.ts'
import { Ff68RaterModel } from '../../firmware-sim/models/ff68-rater.ts'
import { createRatingPadModel } from '../../firmware-sim/models/rating-pad.ts'
import { pace, seeded, until } from '../drivers/helpers.ts'
import { closeFloors, openFloor, type Place } from './floor-fixture.ts'

afterEach(closeFloors)

type Hall = Awaited<ReturnType<typeof openFloor>>

/** A customer of counter 1 is called, served and done. */
async function serveOne({ desk }: Hall): Promise<void> {
  await desk.submit({ type: 'counter.sign_in', counter: '1', clerk: 'ann', services: [] })
  await desk.submit({ type: 'ticket.press', service: 'cash' })
  await desk.submit({ type: 'call.next', counter: '1' })
  await desk.submit({ type: 'serve', counter: '1' })
  await desk.submit({ type: 'done', counter: '1' })
}

function ratings({ drafts }: Hall) {
  return drafts.flatMap((draft) => (draft.kind === 'rating.given' ? [draft.data] : []))
}

function ratingPad(): {
  place: Place
  rate: (key: number) => Promise<unknown>
  asks: () => boolean
} {
  const model = createRatingPadModel(seeded(4), { serial: 'RATE1', pace })
  const place = { device: 'rater-1', type: 'rating_pad', counter: '1', model }
  const asks = () => model.prompted.mode === 'asking'
  return { place, rate: (key) => model.rate(key), asks }
}

describe('a call pad with digits for people waiting', () => {
  it('shows how many stand in line for its counter, and none while that is closed', async () => {
    const model = new Ff68PadModel({ pace })
    const hall = await openFloor([{ device: 'pad-1', type: 'ff68_pad', counter: '1', model }])
    const floor = await hall.start()
    await until(() => floor.views()[0]?.state === 'online')
    await hall.desk.submit({ type: 'ticket.press', service: 'cash' })
    await hall.desk.submit({ type: 'counter.sign_in', counter: '1', clerk: 'ann', services: [] })
    await until(() => model.shown.waiting === 1)
    await hall.desk.submit({ type: 'ticket.press', service: 'cash' })
    await until(() => model.shown.waiting === 2)
    await hall.desk.submit({ type: 'call.next', counter: '1' })
    await until(() => model.shown.waiting === 1 && model.shown.ticket !== null)
    await hall.desk.submit({ type: 'serve', counter: '1' })
    await hall.desk.submit({ type: 'done', counter: '1' })
    await hall.desk.submit({ type: 'counter.sign_out', counter: '1' })
    await until(() => model.shown.waiting === null)
  })
})

describe('a rating pad', () => {
  it('asks when the visit is done; the first press is that visit’s, a second is nobody’s', async () => {
    const pad = ratingPad()
    const hall = await openFloor([pad.place])
    await hall.start()
    await until(() => hall.bindingOf('rater-1') === 'bound')
    await serveOne(hall)
    await until(pad.asks)
    await pad.rate(1)
    expect(ratings(hall)).toMatchObject([
      { counter: '1', clerk: 'ann', service: 'cash', key: 1, score: 5, keys: 5, attributed: true },
    ])
    await until(() => !pad.asks())
    await pad.rate(4)
    expect(ratings(hall)[1]).toMatchObject({ key: 4, ticket: null, attributed: false })
  })

  it('of the fielded kind does the same without naming the question', async () => {
    const model = new Ff68RaterModel({ pace })
    const place = { device: 'rater-1', type: 'ff68_rater', counter: '1', model }
    const hall = await openFloor([place])
    await hall.desk.submit({
      ...{ type: 'device.bind', device: 'rater-1', device_type: 'ff68_rater', identity: 'pad' },
      ...{ place: 'tcp://127.0.0.1:1', counter: '1', by: 'installer' },
    })
    const floor = await hall.start()
    await until(() => floor.views()[0]?.state === 'online')
    await serveOne(hall)
    await until(() => hall.kinds().includes('rating.asked'))
    await model.rate(2)
    expect(ratings(hall)).toMatchObject([{ key: 2, score: 4, attributed: true }])
    // Another key: the same one so soon would be the same finger.
    await model.rate(4)
    expect(ratings(hall)[1]).toMatchObject({ attributed: false, ticket: null })
  })
})

describe('two call pads on one line', () => {
  it('are two devices: each press is its own counter’s, each display shows its own number', async () => {
    const models = [1, 2].map((address) =>
      createCallPadModel(seeded(address), { serial: `PAD${address}`, pace, address }),
    )
    const bus = new BusModel(models)
    const hall = await openFloor(
      models.map((model, i) => ({
        ...{ device: `pad-${i + 1}`, type: 'call_pad', counter: String(i + 1), model, bus },
        options: { unit: i + 1 },
      })),
    )
    await hall.start()
    for (const counter of ['1', '2']) {
      await hall.desk.submit({
        type: 'counter.sign_in',
        counter,
        clerk: `c${counter}`,
        services: [],
      })
      await hall.desk.submit({ type: 'ticket.press', service: 'cash' })
      await until(() => hall.bindingOf(`pad-${counter}`) === 'bound')
    }
    const answers = await Promise.all(models.map((model) => model.press('next')))
    expect(answers.map(({ outcome }) => outcome)).toEqual(['recorded', 'recorded'])
    await until(() => models.every(({ displayed }) => displayed.mode === 'number'))
    const shown = models.map(({ displayed }) => displayed)
    expect(new Set(shown.map((display) => JSON.stringify(display))).size).toBe(2)
    for (const [i, counter] of ['1', '2'].entries()) {
      const ticket = hall.desk.state.counters[counter]!.ticket!
      expect(shown[i]).toEqual({ mode: 'number', number: hall.desk.state.tickets[ticket]!.number })
    }
  })
})
