/**
 * PIN prompts of orders: begun once the customer agreed on a screen to exactly what it showed, ended
 * by the word of a pad. The engine knows content hashes, names and outcomes; account numbers, PINs
 * and blocks never come near it.
 *
 * A prompt is never taken up again: what was open when a gateway stopped ended as `unknown`, and the
 * customer is asked anew. A new prompt at a counter, or other content for the order, ends an open one
 * as `cancelled` in the same append.
 * Refuses with `not_found`, `hash_mismatch`, `order_final`, `wrong_state`, `day_closed`.
 */

import type { Draft, PinBinding } from '#devices/contract/record.ts'
import type { Ask } from './input.ts'
import { counterRow } from './queue.ts'
import type { HallState, Order, Pin } from './state.ts'
import { pinSubject } from './subject.ts'
import { type Applier, type Decider, record, refuse, repeat } from './verdict.ts'

export const beginPin: Decider<'order.pin_begin'> = (state, ask) => {
  const { order, content_hash, counter, screen, request } = ask
  const known = state.orders[order]
  if (known === undefined) return refuse('not_found', order)
  if (known.content_hash !== content_hash) return refuse('hash_mismatch', order)
  if (known.pin?.request === request) return repeat(pinSubject(known, request))
  if (known.state !== 'entered') return refuse('order_final', order)
  if (known.counter !== counter) return refuse('wrong_state', `entered at ${known.counter}`)
  if (state.day?.open !== true) return refuse('day_closed')
  const there = openPin(state, counter)
  const before = [known, ...(there === null ? [] : [there])]
  const ended = new Set(before).values().flatMap(cancelled)
  const data = { request, order, counter, content_hash, screen }
  return record(...ended, { kind: 'pin.asked', data })
}

/** The record that ends an order's open prompt, where one is open. */
export function cancelled({ order, pin }: Pick<Order, 'order' | 'pin'>): Draft[] {
  if (pin === null || pin.outcome !== null) return []
  const { request, counter, content_hash } = pin
  const none = { device: null, pad: null, key: null }
  const data = { request, order, counter, content_hash, outcome: 'cancelled' as const, ...none }
  return [{ kind: 'pin.ended', data }]
}

export const pinAsked: Applier<'pin.asked'> = (state, data) => {
  const { request, order, counter, content_hash, screen } = data
  const known = state.orders[order]
  if (known === undefined) return
  const open = { outcome: null, device: null, pad: null, key: null }
  known.pin = { request, counter, content_hash, screen, ...open }
  counterRow(state, counter).pin_order = order
}

export const endPin: Decider<'pin.outcome'> = (state, ask) => {
  const { order, request, outcome, device, pad, key } = ask
  const known = state.orders[order]
  if (known === undefined) return refuse('not_found', order)
  const { pin } = known
  if (pin === null || pin.request !== request) return refuse('wrong_state', 'no such prompt')
  if (pin.outcome === outcome) return repeat(pinSubject(known, request))
  if (pin.outcome !== null) return refuse('wrong_state', pin.outcome)
  const { counter, content_hash } = pin
  const data = { request, order, counter, content_hash, outcome, device, pad, key }
  return record({ kind: 'pin.ended', data })
}

export const pinEnded: Applier<'pin.ended'> = (state, data) => {
  const pin = state.orders[data.order]?.pin
  if (pin == null || pin.request !== data.request) return
  const { outcome, device, pad, key } = data
  Object.assign(pin, { outcome, device, pad, key } satisfies Partial<Pin>)
  const row = counterRow(state, data.counter)
  if (row.pin_order === data.order) row.pin_order = null
}

/** The three that were bound, where a PIN was entered for exactly the order's present content. */
export function bindingOf({ pin, content_hash }: Order): PinBinding | null {
  if (pin?.outcome !== 'entered' || pin.device === null) return null
  if (pin.content_hash !== content_hash) return null
  const { request, screen, device, pad, key } = pin
  return { request, content_hash, screen, device, pad, key }
}

function openPin(state: HallState, counter: string): Order | null {
  const order = state.orders[state.counters[counter]?.pin_order ?? '']
  return order?.pin?.outcome === null && order.pin.counter === counter ? order : null
}

/** What a counter's PIN pad is asked for. `idle`: whatever it still asks for is to be cancelled. */
export type Prompt =
  | { state: 'open'; request: string; order: string; content_hash: string }
  | { state: 'idle' }

export function pinAt(state: HallState, counter: string): Prompt {
  const open = openPin(state, counter)
  if (open?.pin == null) return { state: 'idle' }
  const { request, content_hash } = open.pin
  return { state: 'open', request, order: open.order, content_hash }
}

/** Prompts that a stopped gateway left open. To be asked at every start, before any device is heard. */
export function unclosedPins(state: HallState): Extract<Ask, { type: 'pin.outcome' }>[] {
  const none = { device: null, pad: null, key: null }
  return Object.values(state.orders).flatMap(({ order, pin }) =>
    pin === null || pin.outcome !== null
      ? []
      : [{ type: 'pin.outcome', order, request: pin.request, outcome: 'unknown', ...none }],
  )
}
