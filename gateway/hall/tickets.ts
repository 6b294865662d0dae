/**
 * A ticket's life outside the counters: issued, delivered on paper, left, voided.
 * Refuses with `day_closed`, `unknown_service`, `invalid` (class), `overloaded`,
 * `numbers_exhausted`, `unknown_ticket`, `wrong_state`.
 */

import { TICKETS_PER_DAY_MAX, WAITING_MAX } from './limits.ts'
import { nextNumber, noteNumber } from './numbers.ts'
import { close, joinLine, placeInLine, undelivered, waitingCount } from './queue.ts'
import { rollTo } from './roll.ts'
import type { HallState, Ticket } from './state.ts'
import { lineTime } from './time.ts'
import { type Applier, type AskOf, type Decider, record, refuse } from './verdict.ts'

export const press: Decider<'ticket.press'> = (state, ask, { at, fresh }) => {
  if (state.day?.open !== true) return refuse('day_closed')
  if (!hasService(state, ask.service)) return refuse('unknown_service', ask.service)
  const named = classOf(state, ask)
  if (named === null) return refuse('invalid', 'class')
  if (state.counts.tickets >= TICKETS_PER_DAY_MAX) return refuse('overloaded', 'tickets of the day')
  if (waitingCount(state) >= WAITING_MAX) return refuse('overloaded', 'tickets waiting')
  if (state.tickets[fresh] !== undefined) return refuse('wrong_state', 'id in use')
  const number = nextNumber(state, ask.service)
  if (number === null) return refuse('numbers_exhausted', ask.service)
  const place = { rank_ms: rankOf(state, named, lineTime(state.clock, at)), nth: Infinity }
  const data = {
    ticket: fresh,
    day: state.day.day,
    number,
    service: ask.service,
    class: named,
    ahead: placeInLine(state, ask.service, place),
  }
  return record({ kind: 'ticket.issued', data })
}

export function hasService(state: HallState, service: string): boolean {
  return state.config?.rules.services.some((known) => known.service === service) === true
}

function classOf(state: HallState, ask: AskOf<'ticket.press'>): string | null {
  const classes = state.config?.rules.classes ?? []
  if (ask.class === undefined) return classes[0]?.class ?? null
  return classes.some((known) => known.class === ask.class) ? ask.class : null
}

function rankOf(state: HallState, named: string, issued_ms: number): number {
  const known = state.config?.rules.classes.find((candidate) => candidate.class === named)
  return issued_ms - (known?.credit_s ?? 0) * 1_000
}

export const issued: Applier<'ticket.issued'> = (state, data, at) => {
  // After a gap the opening of the day may be lost; a ticket of it opens it just as well.
  if (state.day === null || data.day > state.day.day) rollTo(state, data.day)
  if (data.day !== state.day?.day || state.tickets[data.ticket] !== undefined) return
  state.counts.issued++
  state.counts.tickets++
  const ticket: Ticket = {
    ...data,
    issued_wall_ms: at.wall_ms,
    rank_ms: rankOf(state, data.class, lineTime(state.clock, at)),
    nth: state.counts.issued,
    state: 'waiting',
    counter: null,
    recalls: 0,
    attempts: 0,
    delivery: null,
    order: null,
  }
  state.tickets[data.ticket] = ticket
  state.numbers[data.number] = data.ticket
  joinLine(state, ticket)
  noteNumber(state, data.service, data.number)
}

export const deliver: Decider<'ticket.delivery'> = (state, ask) => {
  const ticket = state.tickets[ask.ticket]
  if (ticket === undefined) return refuse('unknown_ticket', ask.ticket)
  const { outcome, reprint } = ask
  const data = { ticket: ask.ticket, attempt: ticket.attempts + 1, outcome, reprint }
  return record({ kind: 'ticket.delivered', data })
}

export const delivered: Applier<'ticket.delivered'> = (state, data) => {
  const ticket = state.tickets[data.ticket]
  if (ticket === undefined) return
  ticket.attempts = Math.max(ticket.attempts, data.attempt)
  ticket.delivery = data.outcome
}

export const leave: Decider<'ticket.leave'> = (state, ask) => {
  const ticket = state.tickets[ask.ticket]
  if (ticket === undefined) return refuse('unknown_ticket', ask.ticket)
  if (ticket.state !== 'waiting') return refuse('wrong_state', ticket.state)
  return record({
    kind: 'ticket.left',
    data: { ticket: ask.ticket, reason: 'gave_up', undelivered: undelivered(ticket) },
  })
}

export const left: Applier<'ticket.left'> = (state, data) => {
  const ticket = state.tickets[data.ticket]
  if (ticket !== undefined) close(state, ticket, 'left')
}

/** A person voids with a reason; without one, only what was proved never to have been printed. */
export const voidTicket: Decider<'ticket.void'> = (state, ask) => {
  const ticket = state.tickets[ask.ticket]
  if (ticket === undefined) return refuse('unknown_ticket', ask.ticket)
  if (ticket.state !== 'waiting' && ticket.state !== 'called') {
    return refuse('wrong_state', ticket.state)
  }
  if (ticket.delivery !== 'failed' && ask.reason.trim() === '') return refuse('invalid', 'reason')
  const { by, reason } = ask
  return record({ kind: 'ticket.voided', data: { ticket: ask.ticket, by, reason } })
}

export const voided: Applier<'ticket.voided'> = (state, data) => {
  const ticket = state.tickets[data.ticket]
  if (ticket !== undefined) close(state, ticket, 'voided')
}
