/** What a page may say of a ticket or an order: booked, refused, or neither yet. */
import { expect, it } from 'vitest'
import type { Draft } from '#devices/contract/record.ts'
import { PLACES_MAX } from '../../../gateway/hall/limits.ts'
import { Places } from '../../../gateway/hall/places.ts'

const epoch = 'a'.repeat(32)
const at = (seq: number) => ({ epoch, seq })
const about = (data: object) => ({ kind: 'order.result', data }) as unknown as Draft

it('is booked once a receipt covers its last record', () => {
  const places = new Places()
  places.note(about({ order: 'o1' }), at(1))
  places.note(about({ order: 'o1' }), at(3))
  places.receiptedTo(at(2))
  expect(places.booked(places.of({ order: 'o1' })!)).toBe(false)
  places.receiptedTo(at(3))
  expect(places.booked(places.of({ order: 'o1' })!)).toBe(true)
})

it('is refused, and never booked, where the cloud could not use one of its records', () => {
  const places = new Places()
  places.note(about({ order: 'o1', ticket: 't1' }), at(1))
  places.note(about({ order: 'o1' }), at(2))
  places.note(about({ order: 'o2' }), at(3))
  places.receiptedTo(at(3))
  places.refuse([{ ...at(1), code: 'order_final' }])
  expect(places.of({ order: 'o1' })).toEqual({ ...at(2), refused: 'order_final' })
  expect(places.of({ ticket: 't1' })).toMatchObject({ refused: 'order_final' })
  expect(places.booked(places.of({ order: 'o1' })!)).toBe(false)
  expect(places.booked(places.of({ order: 'o2' })!)).toBe(true)
  places.refuse([{ ...at(77), code: 'of nothing known here' }])
})

it('remembers so much and no more', () => {
  const places = new Places()
  for (let seq = 1; seq <= PLACES_MAX + 10; seq++) places.note(about({ order: `o${seq}` }), at(seq))
  places.refuse([
    { ...at(1), code: 'forgotten' },
    { ...at(PLACES_MAX + 10), code: 'known' },
  ])
  expect(places.of({ order: 'o1' })).toBeNull()
  expect(places.of({ order: `o${PLACES_MAX + 10}` })).toMatchObject({ refused: 'known' })
})
