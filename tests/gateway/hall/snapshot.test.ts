import { expect, it } from 'vitest'
import { printState, readState, STATE_VERSION } from '../../../gateway/hall/state.ts'
import { hall, order, press, staffedHall } from './fixtures.ts'

/** What a snapshot of version 1 did not hold. */
function asVersion1(text: string): string {
  const { devices: _, ...state } = JSON.parse(text)
  for (const row of Object.values<Record<string, unknown>>(state.counters)) {
    for (const name of ['visited', 'asking', 'pin_order']) delete row[name]
  }
  for (const row of Object.values<Record<string, unknown>>(state.orders)) {
    for (const name of ['pin_required', 'pin']) delete row[name]
  }
  for (const row of Object.values<Record<string, unknown>>(state.tickets)) delete row.order
  return JSON.stringify({ ...state, v: 1 })
}

it('a snapshot of the version before goes on, as the log behind it may be pruned', () => {
  const h = staffedHall({ raters: [{ counter: '1', keys: 3 }] })
  h.must(press())
  h.must({ type: 'call.next', counter: '1' })
  h.must(order())
  h.must(order({ order: 'order-2' }))
  const state = readState(asVersion1(printState(h.state)))!
  expect(state.v).toBe(STATE_VERSION)
  const again = hall(state)
  const [ticket] = Object.values(state.tickets)
  expect(ticket!.order).toBe('order-2')
  expect(again.code({ type: 'rating.ask', counter: '1' })).toBe('recorded')
  expect(
    again.code({ type: 'order.confirm', order: 'order-1', content_hash: 'a'.repeat(64) }),
  ).toBe('recorded')
  const bound = { identity: 'x', place: 'tcp://h:1', counter: null, by: 'ann' }
  expect(
    again.code({ type: 'device.bind', device: 'd', device_type: 'rating_pad', ...bound }),
  ).toBe('recorded')
  expect(printState(readState(printState(state))!)).toBe(printState(state))
})

it('a snapshot of an unknown version is not read', () => {
  const text = printState(staffedHall().state)
  expect(readState(text.replace(`"v":${STATE_VERSION}`, '"v":99'))).toBeNull()
})
