import { describe, expect, it } from 'vitest'
import { effectsOf, padsAsking } from '../../../gateway/hall/effects.ts'
import type { Ask } from '../../../gateway/hall/input.ts'
import { pinAt, unclosedPins } from '../../../gateway/hall/pins.ts'
import { HASH_A, HASH_B, order, staffedHall } from './fixtures.ts'

const ONE = '1'.repeat(16)
const TWO = '2'.repeat(16)

const begin = (request = ONE, content_hash = HASH_A, counter = '1'): Ask => ({
  ...{ type: 'order.pin_begin', order: 'order-1', content_hash, counter, screen: 'screen-1' },
  request,
})
type Outcome = Extract<Ask, { type: 'pin.outcome' }>
const ended = (outcome: Outcome['outcome'] = 'entered', request = ONE): Ask => ({
  ...{ type: 'pin.outcome', order: 'order-1', request, outcome },
  ...{ device: 'pin-1', pad: 'ZT588 1208-0042', key: '64' },
})
const confirm = (content_hash = HASH_A): Ask => ({
  ...{ type: 'order.confirm', order: 'order-1', content_hash },
})

function entered(pin?: 'required') {
  const h = staffedHall()
  h.must(order(pin === undefined ? {} : { pin }))
  return h
}

describe('an order that needs a PIN', () => {
  it('is confirmed by content, screen and pad bound in one record', () => {
    const h = entered('required')
    h.must(begin())
    expect(pinAt(h.state, '1')).toMatchObject({ state: 'open', request: ONE, content_hash: HASH_A })
    h.must(ended())
    expect(pinAt(h.state, '1')).toEqual({ state: 'idle' })
    h.must(confirm())
    expect(h.facts.at(-1)).toMatchObject({
      kind: 'order.confirmed',
      data: {
        content_hash: HASH_A,
        pin: {
          ...{ request: ONE, content_hash: HASH_A, screen: 'screen-1', device: 'pin-1' },
          ...{ pad: 'ZT588 1208-0042', key: '64' },
        },
      },
    })
  })

  it('is not confirmed before, nor after any other end', () => {
    const h = entered('required')
    expect(h.code(confirm())).toBe('pin_missing')
    h.must(begin())
    expect(h.code(confirm())).toBe('pin_missing')
    for (const [i, outcome] of (
      ['cancelled', 'timed_out', 'failed', 'unknown'] as const
    ).entries()) {
      const request = String(i + 3).repeat(16)
      h.must(begin(request))
      h.must(ended(outcome, request))
      expect(h.code(confirm())).toBe('pin_missing')
    }
  })

  it('is not confirmed with a PIN that was entered for other content', () => {
    const h = entered('required')
    h.must(begin())
    h.must(ended())
    h.must(order({ content_hash: HASH_B, pin: 'required' }))
    expect(h.code(confirm(HASH_A))).toBe('hash_mismatch')
    expect(h.code(confirm(HASH_B))).toBe('pin_missing')
    expect(h.code(begin(TWO, HASH_A))).toBe('hash_mismatch')
    h.must(begin(TWO, HASH_B))
    expect(h.code(ended('entered', ONE))).toBe('wrong_state')
    h.must(ended('entered', TWO))
    expect(h.must(confirm(HASH_B)).content_hash).toBe(HASH_B)
  })
})

describe('a prompt', () => {
  it('once begun must end in a PIN, required or not; never begun nothing is asked', () => {
    const h = entered()
    h.must(begin())
    expect(h.code(confirm())).toBe('pin_missing')
    h.must(ended())
    h.must(confirm())
    const plain = entered()
    plain.must(confirm())
    expect(plain.facts.at(-1)!.data).toEqual({ order: 'order-1', content_hash: HASH_A })
  })

  it('is begun for exactly what is entered, at its counter', () => {
    const h = entered()
    expect(h.code(begin(ONE, HASH_B))).toBe('hash_mismatch')
    expect(h.code(begin(ONE, HASH_A, '2'))).toBe('wrong_state')
    expect(h.code({ ...begin(), order: 'other' } as Ask)).toBe('not_found')
    h.must(begin())
    expect(h.code(begin())).toBe('repeat')
    h.must(ended())
    h.must(confirm())
    expect(h.code(begin(TWO))).toBe('order_final')
  })

  it('ends once', () => {
    const h = entered()
    h.must(begin())
    h.must(ended('timed_out'))
    expect(h.code(ended('timed_out'))).toBe('repeat')
    expect(h.code(ended('entered'))).toBe('wrong_state')
  })

  it('is cancelled by a newer one at its counter and by other content, each on record', () => {
    const h = entered()
    h.must(order({ order: 'order-2', content_hash: HASH_B }))
    h.must(begin())
    h.must({ ...begin(TWO, HASH_B), order: 'order-2' } as Ask)
    expect(h.facts.slice(-2)).toMatchObject([
      { kind: 'pin.ended', data: { request: ONE, order: 'order-1', outcome: 'cancelled' } },
      { kind: 'pin.asked', data: { request: TWO, order: 'order-2' } },
    ])
    h.must(order({ order: 'order-2', content_hash: HASH_A }))
    expect(h.facts.slice(-2)).toMatchObject([
      { kind: 'pin.ended', data: { request: TWO, outcome: 'cancelled' } },
      { kind: 'order.entered' },
    ])
    expect(pinAt(h.state, '1')).toEqual({ state: 'idle' })
  })

  it('goes to the pad and from it by its records alone', () => {
    const h = entered()
    const pin = { type: 'pin', counter: '1' }
    expect(effectsOf(h.decide(begin()), h.state)).toContainEqual(pin)
    expect(padsAsking(h.state)).toEqual([pin])
    expect(effectsOf(h.decide(ended('cancelled')), h.state)).toContainEqual(pin)
    expect(padsAsking(h.state)).toEqual([])
  })

  it('left open by a stop is closed as unknown', () => {
    const h = entered()
    h.must(begin())
    const [left, ...more] = unclosedPins(h.state)
    expect(more).toEqual([])
    h.must(left!)
    expect(h.facts.at(-1)!.data).toMatchObject({ outcome: 'unknown', device: null })
    expect(unclosedPins(h.state)).toEqual([])
    expect(h.code(confirm())).toBe('pin_missing')
  })
})
