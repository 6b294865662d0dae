/**
 * A ticket at a counter: called, called again, served, done, or nobody came.
 * Refuses with `day_closed`, `not_signed_in`, `counter_busy`, `counter_idle`, `nobody_waiting`,
 * `unknown_counter`, `unknown_ticket`, `ticket_taken`, `wrong_state`.
 */

import type { Draft } from '#devices/contract/record.ts'
import { close, counterRow, firstInLine, hold, isOpen, undelivered } from './queue.ts'
import { presentVisit, questionAfter } from './ratings.ts'
import type { Counter, HallState, Ticket } from './state.ts'
import { type Applier, type Decider, record, refuse, type Verdict } from './verdict.ts'

export const callNext: Decider<'call.next'> = (state, ask) => {
  const free = freeCounter(state, ask.counter)
  if ('verdict' in free) return free
  const ticket = firstInLine(state, free.services)
  if (ticket === null) return refuse('nobody_waiting')
  return call(free, ticket, 'next')
}

export const callNumber: Decider<'call.number'> = (state, ask) => {
  const free = freeCounter(state, ask.counter)
  if ('verdict' in free) return free
  const ticket = state.tickets[state.numbers[ask.number] ?? '']
  if (ticket === undefined) return refuse('unknown_ticket', ask.number)
  if (isOpen(ticket)) return refuse('ticket_taken', ask.number)
  const callable = ticket.state === 'waiting' || ticket.state === 'no_show'
  return callable ? call(free, ticket, 'number') : refuse('wrong_state', ticket.state)
}

type FreeCounter = Counter & { clerk: string }

function freeCounter(state: HallState, counter: string): FreeCounter | Verdict {
  if (state.day?.open !== true) return refuse('day_closed')
  const row = state.counters[counter]
  const listed = state.config?.rules.counters.includes(counter) === true
  if (row === undefined && !listed) return refuse('unknown_counter', counter)
  if (row === undefined || row.clerk === null) return refuse('not_signed_in', counter)
  if (row.ticket !== null) return refuse('counter_busy', counter)
  return { ...row, clerk: row.clerk }
}

function call({ counter, clerk }: FreeCounter, ticket: Ticket, how: 'next' | 'number'): Verdict {
  return record({ kind: 'ticket.called', data: { ticket: ticket.ticket, counter, clerk, how } })
}

export const called: Applier<'ticket.called'> = (state, data) => {
  const ticket = state.tickets[data.ticket]
  if (ticket === undefined) return
  hold(state, data.counter, ticket)
  ticket.state = 'called'
  ticket.recalls = 0
  const row = state.counters[data.counter] as Counter
  row.clerk ??= data.clerk
}

/** The ticket open at a counter, or why there is none. */
function openAt(state: HallState, counter: string): Ticket | Verdict {
  const row = state.counters[counter]
  const listed = state.config?.rules.counters.includes(counter) === true
  if (row === undefined && !listed) return refuse('unknown_counter', counter)
  const ticket = row?.ticket == null ? undefined : state.tickets[row.ticket]
  return ticket ?? refuse('counter_idle', counter)
}

export const recall: Decider<'recall'> = (state, { counter }) => {
  const open = openAt(state, counter)
  if ('verdict' in open) return open
  if (open.state !== 'called') return refuse('wrong_state', open.state)
  const data = { ticket: open.ticket, counter, times: open.recalls + 1 }
  return record({ kind: 'ticket.recalled', data })
}

export const recalled: Applier<'ticket.recalled'> = (state, data) => {
  const ticket = state.tickets[data.ticket]
  if (ticket !== undefined) ticket.recalls = data.times
}

export const serve: Decider<'serve'> = (state, { counter }) => {
  const open = openAt(state, counter)
  if ('verdict' in open) return open
  if (open.state !== 'called') return refuse('wrong_state', open.state)
  return record({ kind: 'ticket.serving', data: { ticket: open.ticket, counter } })
}

export const serving: Applier<'ticket.serving'> = (state, data) => {
  const ticket = state.tickets[data.ticket]
  if (ticket === undefined) return
  hold(state, data.counter, ticket)
  ticket.state = 'serving'
}

/**
 * Done straight after the call counts as served from the call on. Where the counter has a rating
 * pad the customer is asked in the same append, so no visit ends unasked.
 */
export const finish: Decider<'done'> = (state, { counter }, { fresh }) => {
  const open = openAt(state, counter)
  if ('verdict' in open) return open
  const visited = presentVisit(state, state.counters[counter] as Counter)
  const question = visited === null ? null : questionAfter(state, { counter, visited }, fresh)
  const done: Draft = { kind: 'ticket.done', data: { ticket: open.ticket, counter } }
  return record(...(question === null ? [] : [question]), done)
}

export const finished: Applier<'ticket.done'> = (state, data) => {
  const ticket = state.tickets[data.ticket]
  if (ticket === undefined) return
  const row = counterRow(state, data.counter)
  // Whoever comes next to the pad is of this visit: a question about another one is over.
  if (row.asking !== null && row.asking.ticket !== ticket.ticket) row.asking = null
  row.visited = { ticket: ticket.ticket, service: ticket.service, clerk: row.clerk }
  close(state, ticket, 'done')
}

export const noShow: Decider<'no_show'> = (state, { counter }) => {
  const open = openAt(state, counter)
  if ('verdict' in open) return open
  if (open.state !== 'called') return refuse('wrong_state', open.state)
  const data = { ticket: open.ticket, counter, undelivered: undelivered(open) }
  return record({ kind: 'ticket.no_show', data })
}

export const notShown: Applier<'ticket.no_show'> = (state, data) => {
  const ticket = state.tickets[data.ticket]
  if (ticket !== undefined) close(state, ticket, 'no_show')
}
