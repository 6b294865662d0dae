import { describe, expect, it } from 'vitest'
import type { Source } from '#devices/contract/record.ts'
import { effectsOf } from '../../../gateway/hall/effects.ts'
import type { Ask } from '../../../gateway/hall/input.ts'
import { ratingAt } from '../../../gateway/hall/ratings.ts'
import { printState, readState } from '../../../gateway/hall/state.ts'
import { press, staffedHall, stamp } from './fixtures.ts'

const raters = [{ counter: '1', keys: 5 }]

/** A hall in which the visit at counter 1 has just been done, and what its customer was asked. */
function asked(changes: Parameters<typeof staffedHall>[0] = {}) {
  const h = staffedHall({ raters, ...changes })
  const ticket = h.must(press()).ticket!
  h.must({ type: 'call.next', counter: '1' })
  const effects = h.decide({ type: 'done', counter: '1' })
  const question = h.state.counters['1']!.asking!
  return { ...h, ticket, effects, request: question.request }
}

const rate = (request: string | null, score = 5): Ask => ({
  ...{ type: 'rating.press', counter: '1', key: 1, score, keys: 5, request },
})
const last = (h: { facts: readonly { kind: string; data: unknown }[] }) => h.facts.at(-1)

describe('a rating', () => {
  it('is asked for in the append that ends the visit, where the counter has a pad', () => {
    const h = asked()
    expect(h.effects.drafts.map(({ kind }) => kind)).toEqual(['rating.asked', 'ticket.done'])
    expect(h.effects.drafts[0]!.data).toMatchObject({
      ...{ ticket: h.ticket, counter: '1', clerk: 'clerk-1', service: 'cash', keys: 5 },
    })
    h.must(press())
    h.must({ type: 'call.next', counter: '2' })
    const without = h.decide({ type: 'done', counter: '2' })
    expect(without.drafts.map(({ kind }) => kind)).toEqual(['ticket.done'])
  })

  it('is asked for as well where a rating pad was bound to the counter', () => {
    const h = staffedHall()
    const at = { identity: 'FF68-7', place: 'serial:/dev/ttyS1', counter: '2', by: 'ann' }
    h.must({ type: 'device.bind', device: 'rater-2', device_type: 'ff68_rater', ...at })
    h.must(press())
    h.must({ type: 'call.next', counter: '2' })
    const { drafts } = h.decide({ type: 'done', counter: '2' })
    expect(drafts.map(({ kind }) => kind)).toEqual(['rating.asked', 'ticket.done'])
  })

  it('within the time belongs to the visit and its clerk; a second one to nobody', () => {
    const h = asked()
    h.clock.ms += 19_999
    expect(h.must(rate(h.request, 4))).toMatchObject({ attributed: true, request: h.request })
    expect(last(h)!.data).toMatchObject({
      ...{ ticket: h.ticket, clerk: 'clerk-1', service: 'cash', score: 4, attributed: true },
    })
    expect(h.must(rate(h.request, 1))).toMatchObject({ attributed: false })
    expect(last(h)!.data).toMatchObject({ ticket: null, clerk: null, score: 1, attributed: false })
  })

  it.each([
    ['too late', 20_000, (request: string) => request],
    ['answers no question', 0, () => null],
    ['answers another question', 0, () => 'e'.repeat(16)],
    ['echoes nonsense', 0, () => 'not an id'],
  ])('that %s is kept, and is nobody’s', (_, wait_ms, request) => {
    const h = asked()
    h.clock.ms += wait_ms
    expect(h.must(rate(request(h.request)))).toMatchObject({ attributed: false })
    expect(last(h)!.data).toMatchObject({ attributed: false, ticket: null, clerk: null })
  })

  it('for a visit after which another one was done at the counter is nobody’s', () => {
    const h = staffedHall()
    for (const _ of [1, 2]) h.must(press())
    h.must({ type: 'call.next', counter: '1' })
    const { request = null } = h.must({ type: 'rating.ask', counter: '1' })
    h.must({ type: 'done', counter: '1' })
    h.must({ type: 'call.next', counter: '1' })
    expect(ratingAt(h.state, '1', stamp(0)).state).toBe('asking')
    const done = h.decide({ type: 'done', counter: '1' })
    expect(effectsOf(done, h.state)).toContainEqual({ type: 'rate', counter: '1' })
    expect(ratingAt(h.state, '1', stamp(0)).state).toBe('idle')
    expect(h.must(rate(request)).attributed).toBe(false)
  })

  it('has the time that the rules give', () => {
    const h = asked({ rating_window_ms: 5_000 })
    h.clock.ms += 5_000
    expect(h.must(rate(h.request)).attributed).toBe(false)
  })

  it('is timed by the monotonic clock: a stepped wall neither gives nor takes time', () => {
    const h = asked()
    h.clock.wall_ms += 3_600_000
    expect(h.must(rate(h.request)).attributed).toBe(true)
  })

  it('pressed once is one rating, however often the pad says it', () => {
    const h = asked()
    const source: Source = { device: 'rater-1', boot: 'a1', event: 7 }
    const first = h.must(rate(h.request), source)
    expect(h.code(rate(h.request), source)).toBe('repeat')
    h.clock.ms += 60_000
    expect(h.must(rate(null, 2), source)).toEqual(first)
    expect(h.facts.filter(({ kind }) => kind === 'rating.given')).toHaveLength(1)
  })

  it('can be asked for by hand while the visit is open and after it, once', () => {
    const h = staffedHall()
    const again: Ask = { type: 'rating.ask', counter: '1' }
    expect(h.code(again)).toBe('counter_idle')
    h.must(press())
    h.must({ type: 'call.next', counter: '1' })
    const one = h.must(again).request!
    h.must({ type: 'done', counter: '1' })
    const two = h.must(again).request!
    expect(two).not.toBe(one)
    expect(h.must(rate(one)).attributed).toBe(false)
    expect(h.must(rate(two)).attributed).toBe(true)
    expect(h.code(again)).toBe('wrong_state')
  })

  it('from a counter that the hall has not is the only one refused, also on a closed day', () => {
    const h = asked()
    expect(h.code({ ...rate(null), counter: '77' } as Ask)).toBe('unknown_counter')
    h.must({ type: 'day.close' })
    expect(h.must(rate(h.request)).attributed).toBe(true)
  })
})

describe('what the pad shows', () => {
  it('changes where a question begins or is answered, and for nobody’s press not', () => {
    const h = asked()
    const rate_effects = (ask: Ask) =>
      effectsOf(h.decide(ask), h.state).filter(({ type }) => type === 'rate')
    expect(effectsOf(h.effects, h.state)).toContainEqual({ type: 'rate', counter: '1' })
    expect(rate_effects(rate(h.request))).toEqual([{ type: 'rate', counter: '1' }])
    expect(rate_effects(rate(null))).toEqual([])
  })

  it('is the question with its rest of time, also folded again, then nothing', () => {
    const h = asked()
    const { request, ticket } = h
    const asking = { state: 'asking', request, ticket, keys: 5 }
    expect(ratingAt(h.state, '1', stamp(4_000))).toEqual({ ...asking, left_ms: 16_000 })
    const again = readState(printState(h.state))!
    expect(ratingAt(again, '1', stamp(4_000))).toEqual({ ...asking, left_ms: 16_000 })
    expect(ratingAt(h.state, '1', stamp(20_000))).toEqual({ state: 'idle' })
    h.must(rate(request))
    expect(ratingAt(h.state, '1', stamp(4_000))).toEqual({ state: 'idle' })
    expect(ratingAt(h.state, '2', stamp(0))).toEqual({ state: 'idle' })
  })
})
