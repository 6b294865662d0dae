import { describe, expect, it } from 'vitest'
import { decide } from '../../../gateway/hall/decide.ts'
import type { Ask } from '../../../gateway/hall/input.ts'
import { hall, NINE_MS, openHall, press, rules, staffedHall, stamp, TODAY } from './fixtures.ts'

const open = (day: string, confirmed_by: string | null = null): Ask => ({
  type: 'day.open',
  day,
  confirmed_by,
})

describe('a business day', () => {
  it('is opened once', () => {
    const h = openHall()
    expect(h.code(open(TODAY))).toBe('repeat')
    expect(h.facts.filter(({ kind }) => kind === 'day.opened')).toHaveLength(1)
  })

  it('never goes back, whoever confirms it', () => {
    const h = openHall()
    expect(h.code(open('2026-03-01'))).toBe('day_doubtful')
    expect(h.code(open('2026-03-01', 'ann'))).toBe('day_doubtful')
  })

  it('far from the clock needs a person', () => {
    const h = hall()
    h.must({ type: 'config', version: 1, rules: rules() })
    expect(h.code(open('2026-03-04'))).toBe('day_doubtful')
    expect(h.code(open('2026-02-28'))).toBe('day_doubtful')
    expect(h.code(open('2026-02-28', 'ann'))).toBe('recorded')
  })

  it("beyond tomorrow is nobody's to confirm, as it could never be taken back", () => {
    const h = openHall()
    expect(h.code(open('2026-03-04', 'ann'))).toBe('day_doubtful')
    expect(h.code(open('9999-12-31', 'ann'))).toBe('day_doubtful')
    expect(h.code(open('2026-03-03', 'ann'))).toBe('recorded')
  })

  it('far behind the last one is not believed of a clock that nothing vouches for', () => {
    const h = openHall()
    const years_ms = 9 * 365 * 86_400_000
    const ask = (confirmed_by: string | null) => ({
      ...{ ask: open('2035-02-28', confirmed_by), fresh: 'f'.repeat(16) },
    })
    const alone = stamp(years_ms)
    expect(decide(h.state, { ...ask(null), at: alone }).answer).toMatchObject({
      ...{ outcome: 'refused', fault: { code: 'day_doubtful' } },
    })
    expect(decide(h.state, { ...ask('ann'), at: alone }).answer.outcome).toBe('recorded')
    const vouched = { ...alone, skew_ms: 40, skew_error_ms: 20 }
    expect(decide(h.state, { ...ask(null), at: vouched }).answer.outcome).toBe('recorded')
    const found_wrong = { ...alone, skew_ms: -years_ms, skew_error_ms: 20 }
    expect(decide(h.state, { ...ask(null), at: found_wrong }).answer.outcome).toBe('refused')
  })

  it('tomorrow is told by the clock put right, where its skew is known', () => {
    const h = openHall()
    const draft = { ask: open('2026-03-05', 'ann'), fresh: 'f'.repeat(16) }
    const behind = { ...stamp(0), skew_ms: 3 * 86_400_000, skew_error_ms: 0 }
    expect(decide(h.state, { ...draft, at: behind }).answer.outcome).toBe('recorded')
    const ahead = { ...stamp(3 * 86_400_000), skew_ms: -3 * 86_400_000, skew_error_ms: 0 }
    expect(decide(h.state, { ...draft, at: ahead }).answer.outcome).toBe('refused')
  })

  it('is a date of the hall, not of Greenwich', () => {
    const h = hall()
    h.must({ type: 'config', version: 1, rules: rules() })
    // 23:00 UTC on the 2nd is already the 3rd in Shanghai: the 4th is one day off, the 1st two.
    h.clock.ms = Date.UTC(2026, 2, 2, 23) - NINE_MS
    expect(h.code(open('2026-03-01'))).toBe('day_doubtful')
    expect(h.code(open('2026-03-04'))).toBe('recorded')
  })

  it('with a clock beyond all calendars needs a person', () => {
    const h = hall()
    h.must({ type: 'config', version: 1, rules: rules() })
    h.clock.ms = 9e15 - NINE_MS
    expect(h.code(open(TODAY))).toBe('day_doubtful')
    expect(h.code(open(TODAY, 'ann'))).toBe('recorded')
  })

  it('must be a date, and needs rules', () => {
    expect(hall().code(open(TODAY))).toBe('wrong_state')
    expect(openHall().code(open('2026-13-01'))).toBe('invalid')
  })

  it('closing it sends away who waits or was called, and the numbers with them', () => {
    const h = staffedHall()
    h.must(press())
    h.must(press())
    h.must({ type: 'call.next', counter: '1' })
    const before = h.facts.length
    h.must({ type: 'day.close' })
    expect(h.facts.slice(before).map(({ kind }) => kind)).toEqual([
      'ticket.left',
      'ticket.left',
      'day.closed',
    ])
    expect(h.code({ type: 'call.number', counter: '1', number: 'A001' })).toBe('day_closed')
    expect(h.code({ type: 'counter.sign_out', counter: '1' })).toBe('recorded')
  })

  it('is not closed over somebody who is being served', () => {
    const h = staffedHall()
    h.must(press())
    h.must({ type: 'call.next', counter: '1' })
    h.must({ type: 'serve', counter: '1' })
    expect(h.code({ type: 'day.close' })).toBe('wrong_state')
  })

  it('opened over yesterday closes that first; who is being served stays', () => {
    const h = staffedHall()
    const served = h.must(press()).ticket
    h.must(press())
    h.must({ type: 'call.next', counter: '1' })
    h.must({ type: 'serve', counter: '1' })
    const before = h.facts.length
    h.must(open('2026-03-03'))
    expect(h.facts.slice(before).map(({ kind }) => kind)).toEqual([
      'ticket.left',
      'day.closed',
      'day.opened',
    ])
    expect(h.must({ type: 'done', counter: '1' }).ticket).toBe(served)
  })

  it('looks back on its tickets until the next one opens', () => {
    const h = openHall()
    h.must(press())
    h.must({ type: 'day.close' })
    expect(Object.keys(h.state.tickets)).toHaveLength(1)
    h.must(open('2026-03-03'))
    expect(Object.keys(h.state.tickets)).toHaveLength(0)
  })
})

it('rules in force already are not recorded again; a zone must exist', () => {
  const h = openHall()
  expect(h.code({ type: 'config', version: 1, rules: rules() })).toBe('repeat')
  expect(h.code({ type: 'config', version: 1, rules: rules({ counters: ['1'] }) })).toBe('recorded')
  const lost = rules({ zone: 'Asia/Atlantis' })
  expect(h.code({ type: 'config', version: 2, rules: lost })).toBe('config_invalid')
})
