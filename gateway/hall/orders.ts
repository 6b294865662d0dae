/**
 * Orders, by the caller's own id: entered, confirmed by exactly what was shown, and what the
 * business system made of it.
 * Refuses with `day_closed`, `not_signed_in`, `unknown_counter`, `amount_range`,
 * `order_unbalanced`, `order_final`, `overloaded`, `not_found`, `hash_mismatch`, `wrong_state`,
 * `pin_missing` (a PIN was required or begun, and none was entered for exactly this content).
 */

import { AMOUNT_FEN_MAX } from '#devices/contract/limits.ts'
import { ORDERS_PER_DAY_MAX } from './limits.ts'
import { bindingOf, cancelled } from './pins.ts'
import type { HallState, Order } from './state.ts'
import { orderSubject } from './subject.ts'
import { type Applier, type AskOf, type Decider, record, refuse, repeat } from './verdict.ts'

type Content = AskOf<'order.enter'>['content']
type Amounts = readonly { amount_fen: number }[]

export const enterOrder: Decider<'order.enter'> = (state, { content }) => {
  const known = state.orders[content.order]
  if (known !== undefined && known.content_hash === content.content_hash) {
    return repeat(orderSubject(known))
  }
  if (known !== undefined && known.state !== 'entered') return refuse('order_final', content.order)
  // Decided here, where nothing comes in between: two counters may bring one id at the same time.
  if (known !== undefined && known.counter !== content.counter) {
    return refuse('wrong_state', `entered at ${known.counter}`)
  }
  if (state.day?.open !== true) return refuse('day_closed')
  const row = state.counters[content.counter]
  if (row === undefined && state.config?.rules.counters.includes(content.counter) !== true) {
    return refuse('unknown_counter', content.counter)
  }
  if (row === undefined || row.clerk === null) return refuse('not_signed_in', content.counter)
  const wrong = wrongMoney(content)
  if (wrong !== null) return refuse(wrong)
  if (state.counts.orders >= ORDERS_PER_DAY_MAX) return refuse('overloaded', 'orders of the day')
  const { order, counter, lines, tenders, content_hash } = content
  const { clerk, ticket, subject } = row
  const money = { lines, tenders, content_hash }
  const pin = content.pin === undefined ? {} : { pin: content.pin }
  const data = { order, counter, clerk, ticket, subject, ...money, ...pin }
  // Other content than a PIN is being entered for: that prompt is over.
  const open = known === undefined ? [] : cancelled(known)
  return record(...open, { kind: 'order.entered', data })
}

function wrongMoney({ lines, tenders }: Content): 'amount_range' | 'order_unbalanced' | null {
  const inRange = ({ amount_fen }: { amount_fen: number }): boolean =>
    Number.isInteger(amount_fen) && amount_fen >= 0 && amount_fen <= AMOUNT_FEN_MAX
  if (![...lines, ...tenders].every(inRange)) return 'amount_range'
  return sum(lines) === sum(tenders) ? null : 'order_unbalanced'
}

/** Each amount fits a number; fifty of them need not. */
function sum(amounts: Amounts): bigint {
  return amounts.reduce((total, { amount_fen }) => total + BigInt(amount_fen), 0n)
}

export const orderEntered: Applier<'order.entered'> = (state, data, at) => {
  const known = state.orders[data.order]
  if (known !== undefined && known.state !== 'entered') return
  state.counts.orders++
  const { pin: required, ...content } = data
  const order: Order = {
    ...content,
    day: dayOf(state),
    entered_wall_ms: at.wall_ms,
    pin_required: required === 'required',
    pin: null,
    state: 'entered',
  }
  state.orders[data.order] = order
  const ticket = data.ticket === null ? undefined : state.tickets[data.ticket]
  if (ticket !== undefined) ticket.order = data.order
}

/** After a gap no day may be known; such an order goes with the next day. */
function dayOf(state: HallState): string {
  return state.day?.day ?? ''
}

export const confirmOrder: Decider<'order.confirm'> = (state, ask) => {
  const known = state.orders[ask.order]
  if (known === undefined) return refuse('not_found', ask.order)
  if (known.content_hash !== ask.content_hash) return refuse('hash_mismatch', ask.order)
  if (known.state !== 'entered') return repeat(orderSubject(known))
  if (state.day?.open !== true) return refuse('day_closed')
  const { order, content_hash } = known
  const pin = bindingOf(known)
  const wanted = known.pin_required || known.pin !== null
  if (wanted && pin === null) return refuse('pin_missing', known.pin?.outcome ?? 'not entered')
  const data = pin === null ? { order, content_hash } : { order, content_hash, pin }
  return record({ kind: 'order.confirmed', data })
}

export const orderConfirmed: Applier<'order.confirmed'> = (state, data) => {
  const known = state.orders[data.order]
  if (known?.state === 'entered') known.state = 'confirmed'
}

export const resultOfOrder: Decider<'order.result'> = (state, { order, result, code }) => {
  const known = state.orders[order]
  if (known === undefined) return refuse('not_found', order)
  if (known.state === result) return repeat(orderSubject(known))
  if (known.state !== 'confirmed') return refuse('wrong_state', known.state)
  return record({ kind: 'order.result', data: { order, result, code } })
}

export const orderResult: Applier<'order.result'> = (state, data) => {
  const known = state.orders[data.order]
  if (known !== undefined) known.state = data.result
}
