import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Draft, Source } from '#devices/contract/record.ts'
import { parseRecord, printRecord } from '#devices/contract/record.ts'
import { apply, type Fact } from '../../../gateway/hall/apply.ts'
import { decide } from '../../../gateway/hall/decide.ts'
import { unclosedPrints } from '../../../gateway/hall/effects.ts'
import type { Answer, Ask } from '../../../gateway/hall/input.ts'
import { emptyState, type HallState, printState, readState } from '../../../gateway/hall/state.ts'
import {
  card,
  HASH_A,
  HASH_B,
  hall,
  order,
  press,
  rules,
  staffedHall,
  stamp,
  TODAY,
} from './fixtures.ts'
import { askOf, broken, type Step, sourceOf, step, wrongIn } from './world.ts'

const days = fc.array(step, { minLength: 1, maxLength: 90 })
const fold = (facts: readonly Fact[]): HallState => facts.reduce(apply, emptyState())

type Asked = { ask: Ask; source: Source | undefined; answer: Answer }

function live(steps: readonly Step[], options: { breaks: boolean } = { breaks: true }) {
  const h = hall()
  h.must({ type: 'config', version: 1, rules: rules() })
  h.must({ type: 'day.open', day: '2026-03-02', confirmed_by: null })
  const asked: Asked[] = []
  steps.forEach((one, nth) => {
    h.clock.ms += one.wait_ms
    h.clock.wall_ms += one.wall_ms
    h.clock.boot = one.boot === 1 ? `b${(1_000_000 + nth).toString(16)}` : h.clock.boot
    if (one.break && options.breaks) h.tell(broken)
    const ask = askOf(h.state, one)
    const source = sourceOf(one, nth)
    asked.push({ ask, source, answer: h.ask(ask, source) })
  })
  return { ...h, asked }
}

describe('any day', () => {
  it('keeps tickets, counters and numbers apart', () => {
    fc.assert(
      fc.property(days, (steps) => {
        expect(wrongIn(live(steps).facts)).toBeNull()
      }),
      { numRuns: 300 },
    )
  })

  it('deciding leaves the state alone, and every draft is a record', () => {
    fc.assert(
      fc.property(days, (steps) => {
        const h = hall()
        steps.forEach((one, nth) => {
          const before = printState(h.state)
          const source = sourceOf(one, nth)
          const input = { ask: askOf(h.state, one), at: stamp(0), fresh: 'f'.repeat(16) }
          const decision = decide(h.state, source === undefined ? input : { ...input, source })
          expect(printState(h.state)).toBe(before)
          for (const draft of decision.drafts) {
            expect(parseRecord(printRecord(draft, stamp(0)))).toMatchObject({ ok: true })
          }
          h.ask(input.ask, source)
        })
      }),
      { numRuns: 60 },
    )
  })

  it('folded from its records, whole or from a snapshot within, is the live state', () => {
    fc.assert(
      fc.property(days, fc.nat(), (steps, cut) => {
        const { state, facts } = live(steps)
        // As they come back from disk.
        const texts = facts.map((fact) => JSON.parse(JSON.stringify(fact)) as Fact)
        const at = cut % (texts.length + 1)
        const snapshot = readState(printState(fold(texts.slice(0, at))))
        expect(printState(fold(texts))).toBe(printState(state))
        expect(printState(texts.slice(at).reduce(apply, snapshot!))).toBe(printState(state))
      }),
      { numRuns: 150 },
    )
  })

  it('asked again gives the first outcomes and no record', () => {
    fc.assert(
      fc.property(days, (steps) => {
        const h = live(steps)
        const firsts = new Map<string, Answer>()
        for (const { ask, source, answer } of h.asked) {
          const fresh = answer.outcome === 'recorded' && !answer.repeat
          // An order is repeated by its own id; days may have passed over a key.
          if (source === undefined || !fresh || ask.type === 'order.enter') continue
          const id = JSON.stringify(source)
          if (!firsts.has(id)) firsts.set(id, answer)
          const again = h.decide(ask, source)
          const days = h.facts.filter(({ kind }) => kind === 'day.opened').length
          if ('caller' in source && days > 2) continue
          expect(again.drafts).toEqual([])
          expect(again.answer).toEqual({ ...firsts.get(id), repeat: true })
        }
      }),
      { numRuns: 150 },
    )
  })

  it('what is open in the state is open in the records', () => {
    fc.assert(
      fc.property(days, (steps) => {
        const { state } = live(steps)
        const lines = Object.values(state.waiting).flat()
        const waiting = Object.values(state.tickets).filter((t) => t.state === 'waiting')
        expect([...lines].sort()).toEqual(waiting.map((t) => t.ticket).sort())
        const held = Object.values(state.counters).flatMap((c) => c.ticket ?? [])
        const open = Object.values(state.tickets).filter((t) => /called|serving/.test(t.state))
        expect(held.sort()).toEqual(open.map((t) => t.ticket).sort())
        for (const line of Object.values(state.waiting)) {
          const ranks = line.map((ticket) => state.tickets[ticket]!.rank_ms)
          expect(ranks).toEqual([...ranks].sort((a, b) => a - b))
        }
      }),
      { numRuns: 150 },
    )
  })
})

describe('any history', () => {
  /** Records of several days, some lost, some twice, in any order. */
  const odd = fc.tuple(days, days, fc.infiniteStream(fc.nat(9))).map(([one, two, dice]) => {
    const facts = [...live(one).facts, ...live(two).facts]
    const kept = facts.filter(() => dice.next().value! > 2)
    return kept
      .map((fact, i) => ({ fact, place: i + (dice.next().value! > 7 ? 20 : 0) }))
      .sort((a, b) => a.place - b.place)
      .map(({ fact }) => fact)
  })

  it('is taken without a throw, and what comes of it can be worked with', () => {
    fc.assert(
      fc.property(odd, days, (facts, steps) => {
        const h = hall(fold(facts))
        const lines = Object.values(h.state.waiting).flat()
        expect(new Set(lines).size).toBe(lines.length)
        const held = Object.values(h.state.counters).flatMap((c) => c.ticket ?? [])
        expect(new Set(held).size).toBe(held.length)
        expect(held.filter((ticket) => h.state.tickets[ticket] === undefined)).toEqual([])
        for (const [nth, one] of steps.entries()) {
          h.ask(askOf(h.state, one), sourceOf(one, nth + 1_000))
        }
        for (const ask of unclosedPrints(h.state)) h.must(ask)
        expect(unclosedPrints(h.state)).toEqual([])
      }),
      { numRuns: 150 },
    )
  })

  it('a call at another counter takes the ticket along', () => {
    const h = staffedHall()
    const ticket = h.must(press()).ticket!
    h.must(press())
    h.must({ type: 'call.next', counter: '1' })
    h.must({ type: 'call.next', counter: '2' })
    // The end of both is lost.
    h.tell({ kind: 'ticket.called', data: { ticket, counter: '2', clerk: 'bob', how: 'number' } })
    expect([h.state.counters['1']?.ticket, h.state.counters['2']?.ticket]).toEqual([null, ticket])
    expect(h.code({ type: 'call.number', counter: '1', number: 'A002' })).toBe('recorded')
  })

  it('an old number heard late does not bring the band back', () => {
    const h = staffedHall()
    h.must(press())
    h.tell(broken)
    const late = { ticket: 'a'.repeat(16), number: 'A010', service: 'cash', class: 'plain' }
    h.tell({ kind: 'ticket.issued', data: { ...late, day: TODAY, ahead: 0 } })
    expect(h.must(press()).number).toBe('A052')
  })

  it('a ticket of a day whose opening is lost opens that day', () => {
    const h = staffedHall()
    h.must(press())
    const lost = { ticket: 'a'.repeat(16), number: 'A001', service: 'cash', class: 'plain' }
    h.tell({ kind: 'ticket.issued', data: { ...lost, day: '2026-03-03', ahead: 0 } })
    expect(h.must(press()).number).toBe('A002')
    expect(h.state.day?.day).toBe('2026-03-03')
  })

  it('a confirmed order stays as it was confirmed', () => {
    const h = staffedHall()
    h.must(order())
    h.must({ type: 'order.confirm', order: 'order-1', content_hash: HASH_A })
    const entered = h.facts.find(({ kind }) => kind === 'order.entered') as Draft
    if (entered.kind !== 'order.entered') throw new Error('no order')
    h.tell({ kind: 'order.entered', data: { ...entered.data, content_hash: HASH_B } })
    expect(h.code(order())).toBe('repeat')
  })

  it('a card of another ticket is not the card of the session', () => {
    const h = staffedHall()
    h.must(card())
    const read = h.facts.at(-1) as Draft
    h.must(press())
    h.must({ type: 'call.next', counter: '1' })
    h.tell(read)
    h.must(order())
    expect(h.facts.at(-1)).toMatchObject({ data: { subject: null } })
  })

  it('a hundred thousand records do not make it grow', () => {
    const h = hall()
    h.must({ type: 'config', version: 1, rules: rules() })
    h.must({ type: 'counter.sign_in', counter: '1', clerk: 'ann', services: [] })
    h.clock.ms = -86_400_000
    const sizes: number[] = []
    for (let day = 1; day <= 25; day++) {
      const opened = `2026-03-${String(day).padStart(2, '0')}`
      h.clock.ms = (day - 2) * 86_400_000
      h.must({ type: 'day.open', day: opened, confirmed_by: 'ann' })
      for (let n = 0; n < 800; n++) {
        const event = { device: 'panel', boot: 'a1', event: day * 1_000 + n }
        h.must({ type: 'ticket.press', service: 'cash' }, event)
        h.must({ type: 'call.next', counter: '1' }, { caller: 'crm', key: `${day}-${n}` })
        h.must({ type: 'serve', counter: '1' })
        h.must({ type: 'done', counter: '1' })
      }
      sizes.push(printState(h.state).length)
    }
    expect(h.facts.length).toBeGreaterThan(80_000)
    expect(sizes.at(-1)).toBeLessThan(sizes[2]! * 1.1)
    expect(printState(fold(h.facts))).toBe(printState(h.state))
  })
})
