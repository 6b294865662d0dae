/** What an answer is about, told from the record alone, so that a repeat can be told it again. */

import type { Draft } from '#devices/contract/record.ts'
import type { Subject } from './input.ts'
import type { HallState, Order } from './state.ts'

/** A prompt, told to whoever began it or ended it. */
export function pinSubject(
  order: Pick<Order, 'order' | 'counter' | 'content_hash'>,
  request: string,
) {
  return { ...orderSubject(order), request }
}

export function orderSubject(order: Pick<Order, 'order' | 'counter' | 'content_hash'>): Subject {
  const { counter, content_hash } = order
  return { order: order.order, counter, content_hash }
}

function ticketSubject(state: HallState, ticket: string, counter?: string): Subject {
  const known = state.tickets[ticket]
  return {
    ticket,
    ...(known === undefined ? {} : { number: known.number, service: known.service }),
    ...(counter === undefined ? {} : { counter }),
  }
}

/** The same before and after the record is applied. */
export function subjectOf(state: HallState, { kind, data }: Draft): Subject {
  switch (kind) {
    case 'ticket.issued':
      return {
        ticket: data.ticket,
        number: data.number,
        service: data.service,
        ahead: data.ahead,
      }
    case 'ticket.called':
    case 'ticket.recalled':
    case 'ticket.serving':
    case 'ticket.done':
    case 'ticket.no_show':
      return ticketSubject(state, data.ticket, data.counter)
    case 'ticket.delivered':
    case 'ticket.left':
    case 'ticket.voided':
      return ticketSubject(state, data.ticket)
    case 'card.verified':
      return data.ticket === null
        ? { counter: data.counter }
        : ticketSubject(state, data.ticket, data.counter)
    case 'counter.signed_in':
    case 'counter.signed_out':
      return { counter: data.counter }
    case 'order.entered':
      return orderSubject(data)
    case 'order.confirmed':
    case 'order.result': {
      const known = state.orders[data.order]
      return known === undefined ? { order: data.order } : orderSubject(known)
    }
    case 'pin.asked':
    case 'pin.ended': {
      const { order, counter, content_hash, request } = data
      return pinSubject({ order, counter, content_hash }, request)
    }
    case 'rating.asked':
      return { ...ticketSubject(state, data.ticket, data.counter), request: data.request }
    case 'rating.given': {
      const { counter, request, attributed } = data
      return { counter, attributed, ...(request === null ? {} : { request }) }
    }
    case 'device.bound':
    case 'device.replaced':
      return { device: data.device }
    case 'day.opened':
    case 'day.closed':
      return { day: data.day }
    default:
      return {}
  }
}
