import { describe, expect, it } from 'vitest'
import { shownAt } from '../../../gateway/hall/effects.ts'
import { card, hall, openHall, order, press, rules, staffedHall } from './fixtures.ts'

describe('clerks', () => {
  it('a counter that another clerk holds is refused; the same clerk may change services', () => {
    const h = staffedHall()
    const signIn = (clerk: string, services: string[] = []) =>
      h.code({ type: 'counter.sign_in', counter: '1', clerk, services })
    expect([signIn('other'), signIn('clerk-1', ['loans']), signIn('clerk-1', ['nails'])]).toEqual([
      'wrong_state',
      'recorded',
      'unknown_service',
    ])
    expect(h.state.counters['1']?.services).toEqual(['loans'])
  })

  it('nobody signs out over an open ticket', () => {
    const h = staffedHall()
    h.must(press())
    h.must({ type: 'call.next', counter: '1' })
    expect(h.code({ type: 'counter.sign_out', counter: '1' })).toBe('counter_busy')
    h.must({ type: 'no_show', counter: '1' })
    expect(h.code({ type: 'counter.sign_out', counter: '1' })).toBe('recorded')
    expect(h.code({ type: 'counter.sign_out', counter: '1' })).toBe('not_signed_in')
  })

  it('a counter the rules dropped is finished with, then forgotten', () => {
    const h = staffedHall()
    h.must(press())
    h.must({ type: 'call.next', counter: '1' })
    h.must({ type: 'config', version: 2, rules: rules({ counters: ['2'] }) })
    expect(h.code({ type: 'done', counter: '1' })).toBe('recorded')
    expect(h.code({ type: 'counter.sign_out', counter: '1' })).toBe('recorded')
    h.must({ type: 'config', version: 3, rules: rules({ counters: ['2'] }) })
    expect(h.code({ type: 'counter.sign_out', counter: '1' })).toBe('unknown_counter')
  })

  it('a counter may be named like a property of every object', () => {
    const h = openHall()
    expect(h.code({ type: 'serve', counter: 'toString' })).toBe('unknown_counter')
    expect(h.code({ type: 'serve', counter: 'constructor' })).toBe('counter_idle')
  })
})

describe('calls', () => {
  it('a counter holds one ticket, and a ticket is at one counter', () => {
    const h = staffedHall()
    h.must(press())
    h.must(press())
    expect(h.must({ type: 'call.next', counter: '1' }).number).toBe('A001')
    expect(h.code({ type: 'call.next', counter: '1' })).toBe('counter_busy')
    expect(h.code({ type: 'call.number', counter: '1', number: 'A002' })).toBe('counter_busy')
    expect(h.code({ type: 'call.number', counter: '2', number: 'A001' })).toBe('ticket_taken')
    h.must({ type: 'serve', counter: '1' })
    expect(h.code({ type: 'call.number', counter: '2', number: 'A001' })).toBe('ticket_taken')
  })

  it('a no-show comes back by number, and what was done does not', () => {
    const h = staffedHall()
    h.must(press())
    h.must({ type: 'call.next', counter: '1' })
    h.must({ type: 'recall', counter: '1' })
    h.must({ type: 'no_show', counter: '1' })
    expect(h.code({ type: 'call.number', counter: '2', number: 'A001' })).toBe('recorded')
    expect(shownAt(h.state, '2')).toEqual({ number: 'A001', state: 'called', times: 0 })
    h.must({ type: 'done', counter: '2' })
    expect(h.code({ type: 'call.number', counter: '2', number: 'A001' })).toBe('wrong_state')
    expect(h.code({ type: 'call.number', counter: '2', number: 'A999' })).toBe('unknown_ticket')
  })

  it('recalls are counted per call, and only before serving', () => {
    const h = staffedHall()
    h.must(press())
    h.must({ type: 'call.next', counter: '1' })
    h.must({ type: 'recall', counter: '1' })
    h.must({ type: 'recall', counter: '1' })
    expect(h.facts.at(-1)).toMatchObject({ data: { times: 2 } })
    h.must({ type: 'serve', counter: '1' })
    for (const type of ['recall', 'serve', 'no_show'] as const) {
      expect(h.code({ type, counter: '1' })).toBe('wrong_state')
    }
  })

  it('need a clerk, a ticket and a day', () => {
    const h = openHall()
    expect(h.code({ type: 'call.next', counter: '1' })).toBe('not_signed_in')
    expect(h.code({ type: 'call.next', counter: '9' })).toBe('unknown_counter')
    for (const type of ['recall', 'serve', 'done', 'no_show'] as const) {
      expect(h.code({ type, counter: '1' })).toBe('counter_idle')
      expect(h.code({ type, counter: '9' })).toBe('unknown_counter')
    }
    expect(hall().code({ type: 'call.next', counter: '1' })).toBe('day_closed')
  })
})

describe('what a display shows', () => {
  it('paused, blank, called, called again, serving, blank', () => {
    const h = openHall()
    const seen: unknown[] = [shownAt(h.state, '1')]
    const then = (ask: Parameters<typeof h.must>[0]) => {
      h.must(ask)
      seen.push(shownAt(h.state, '1'))
    }
    then({ type: 'counter.sign_in', counter: '1', clerk: 'ann', services: [] })
    h.must(press())
    then({ type: 'call.next', counter: '1' })
    then({ type: 'recall', counter: '1' })
    then({ type: 'serve', counter: '1' })
    then({ type: 'done', counter: '1' })
    const number = 'A001'
    expect(seen).toEqual([
      'paused',
      'blank',
      { number, state: 'called', times: 0 },
      { number, state: 'called', times: 1 },
      { number, state: 'serving', times: 1 },
      'blank',
    ])
  })
})

describe('a session', () => {
  it('ties card and order to the open ticket, and ends with it', () => {
    const h = staffedHall()
    const { ticket } = h.must(press())
    h.must({ type: 'call.next', counter: '1' })
    expect(h.must(card())).toMatchObject({ ticket, counter: '1' })
    h.must(order())
    const subject = 'c'.repeat(64)
    expect(h.facts.at(-1)).toMatchObject({ data: { ticket, subject, clerk: 'clerk-1' } })
    h.must({ type: 'done', counter: '1' })
    h.must(order({ order: 'order-2' }))
    expect(h.facts.at(-1)).toMatchObject({ data: { ticket: null, subject: null } })
  })

  it('does not pass the card of one customer on to the next ticket', () => {
    const h = staffedHall()
    h.must(card())
    h.must(press())
    h.must({ type: 'call.next', counter: '1' })
    h.must(order())
    expect(h.facts.at(-1)).toMatchObject({ data: { subject: null } })
  })
})
