import { describe, expect, it } from 'vitest'
import { digest } from '../../../gateway/hall/digest.ts'
import {
  BOOTS_PER_DEVICE_MAX,
  DEVICES_MAX,
  EVENTS_PER_BOOT_MAX,
  KEYS_PER_GENERATION_MAX,
} from '../../../gateway/hall/limits.ts'
import { printState, readState } from '../../../gateway/hall/state.ts'
import { card, hall, openHall, press, staffedHall } from './fixtures.ts'

const event = (n: number, boot = 'a1', device = 'panel') => ({ device, boot, event: n })
const key = (name: string, caller = 'kiosk') => ({ caller, key: name })

describe('a numbered event', () => {
  it('gets its first outcome again, also out of order and after a restart', () => {
    const h = openHall()
    const first = h.must(press(), event(1))
    h.must(press(), event(2))
    expect(h.ask(press(), event(1))).toEqual({ outcome: 'recorded', repeat: true, subject: first })
    const again = hall(readState(printState(h.state))!)
    expect(again.ask(press(), event(1))).toMatchObject({ repeat: true, subject: first })
  })

  it('of another boot or another device is another event', () => {
    const h = openHall()
    h.must(press(), event(1))
    expect(h.code(press(), event(1, 'a2'))).toBe('recorded')
    expect(h.code(press(), event(1, 'a1', 'other'))).toBe('recorded')
    expect(h.code(press(), event(1))).toBe('repeat')
  })

  it('refused before is decided anew, also behind a later one', () => {
    const h = staffedHall()
    const next = { type: 'call.next', counter: '1' } as const
    expect(h.code(next, event(1))).toBe('nobody_waiting')
    h.must(press(), event(2))
    expect(h.code(next, event(1))).toBe('recorded')
  })

  it('behind all that is remembered is refused, never recorded twice', () => {
    const h = openHall()
    for (let n = 1; n <= EVENTS_PER_BOOT_MAX + 1; n++) h.must(press(), event(n))
    expect(h.code(press(), event(1))).toBe('wrong_state')
    expect(h.code(press(), event(2))).toBe('repeat')
    // Events that come out of order do not bring the forgotten ones back.
    h.must(press(), event(200))
    h.must(press(), event(199))
    expect(h.code(press(), event(200 - EVENTS_PER_BOOT_MAX))).toBe('wrong_state')
  })

  it('of devices that boot without end does not fill the memory', () => {
    const h = openHall()
    for (let n = 0; n < 20; n++) h.must(press(), event(1, `b${n}`))
    expect(h.state.sources.devices.panel).toHaveLength(BOOTS_PER_DEVICE_MAX)
    for (let n = 0; n < DEVICES_MAX + 5; n++) {
      h.must({ type: 'kiosk.visit', kiosk: 'k', purpose: 'p' }, event(1, 'a', `d${n}`))
    }
    expect(Object.keys(h.state.sources.devices)).toHaveLength(DEVICES_MAX)
    expect(h.code(press(), event(1, 'a', `d${DEVICES_MAX + 4}`))).toBe('repeat')
  })
})

describe("a caller's key", () => {
  it('with another request is refused; other callers may use it', () => {
    const h = staffedHall()
    h.must(press(), key('1'))
    expect(h.code(press(), key('1'))).toBe('repeat')
    expect(h.code(press('cash', 'plain'), key('1'))).toBe('repeat')
    expect(h.code(press('loans'), key('1'))).toBe('key_reused')
    expect(h.code({ type: 'call.next', counter: '1' }, key('1'))).toBe('key_reused')
    expect(h.code(press('loans'), key('1', 'clerk'))).toBe('recorded')
  })

  it('tells calling next from calling that number', () => {
    const h = staffedHall()
    h.must(press())
    h.must({ type: 'call.next', counter: '1' }, key('n'))
    expect(h.code({ type: 'call.number', counter: '1', number: 'A001' }, key('n'))).toBe(
      'key_reused',
    )
  })

  it('knows a card that was sealed anew', () => {
    const h = staffedHall()
    const first = card()
    h.must(first, key('c'))
    if (first.type !== 'card') throw new Error('not a card')
    const sealedAnew = { ...first, card: { ...first.card, sealed: 'v.w.x.y.z' } }
    expect(h.code(sealedAnew, key('c'))).toBe('repeat')
    expect(h.code(card('1', 'd'.repeat(64)), key('c'))).toBe('key_reused')
  })

  it('holds for the present and the previous business day', () => {
    const h = openHall()
    const first = h.must(press(), key('1'))
    h.must({ type: 'day.open', day: '2026-03-03', confirmed_by: null }, key('open'))
    expect(h.ask(press(), key('1'))).toMatchObject({ repeat: true, subject: first })
    h.clock.ms += 86_400_000
    h.must({ type: 'day.open', day: '2026-03-04', confirmed_by: 'ann' })
    expect(h.code(press(), key('1'))).toBe('recorded')
  })

  it('may be any text, and however many come, the last ones are known', () => {
    const h = openHall()
    const visit = { type: 'kiosk.visit', kiosk: 'k', purpose: 'p' } as const
    h.must(visit, key('__proto__'))
    expect(h.code(visit, key('__proto__'))).toBe('repeat')
    for (let n = 0; n < KEYS_PER_GENERATION_MAX * 2; n++) {
      const data = { kiosk: 'k', purpose: 'p' }
      h.tell({ kind: 'kiosk.visited', data, source: key(`k${n}`) })
    }
    const { keys, keys_before } = h.state.sources
    const held = Object.keys(keys).length + Object.keys(keys_before).length
    expect(held).toBeLessThanOrEqual(KEYS_PER_GENERATION_MAX * 2)
    expect(h.code(visit, key(`k${KEYS_PER_GENERATION_MAX + 1}`))).toBe('repeat')
  })
})

describe('a press repeated', () => {
  const delivery = (ticket: string, outcome: 'printed' | 'unknown') =>
    ({ type: 'ticket.delivery', ticket, outcome, reprint: false }) as const

  it('asks for the same number again only while its paper may be missing', () => {
    const h = openHall()
    const ticket = h.must(press(), event(1)).ticket!
    h.must(delivery(ticket, 'unknown'))
    expect(h.decide(press(), event(1))).toMatchObject({ drafts: [], reprint: ticket })
    h.must(delivery(ticket, 'printed'))
    expect(h.decide(press(), event(1)).reprint).toBeUndefined()
  })

  it('prints nothing for a ticket that is over', () => {
    const h = openHall()
    const ticket = h.must(press(), event(1)).ticket!
    h.must({ type: 'ticket.leave', ticket })
    expect(h.decide(press(), event(1)).reprint).toBeUndefined()
  })
})

/** Noll's published test vectors of FNV-1a, 64 bits. */
it.each([
  ['', 'cbf29ce484222325'],
  ['a', 'af63dc4c8601ec8c'],
  ['foobar', '85944171f73967e8'],
])('the digest of %j is %s', (text, expected) => {
  expect(digest(text)).toBe(expected)
})
