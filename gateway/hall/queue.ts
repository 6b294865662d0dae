/**
 * Tickets in line and tickets at counters. The two facts kept true here: a ticket stands in its
 * service's line exactly while it waits, and at most one counter holds it.
 */

import type { Counter, HallState, Ticket, TicketState } from './state.ts'

type Place = Pick<Ticket, 'rank_ms' | 'nth'>

/** Index at which a place stands in the line of a service: so many are ahead of it. */
export function placeInLine(state: HallState, service: string, place: Place): number {
  const line = state.waiting[service] ?? []
  let low = 0
  let high = line.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (before(ticketAt(state, line, middle), place)) low = middle + 1
    else high = middle
  }
  return low
}

function before(a: Place, b: Place): boolean {
  return a.rank_ms < b.rank_ms || (a.rank_ms === b.rank_ms && a.nth < b.nth)
}

function ticketAt(state: HallState, line: string[], index: number): Ticket {
  return state.tickets[line[index] as string] as Ticket
}

export function waitingCount(state: HallState): number {
  return waitingFor(state, [])
}

/** People in line for these services; empty means all. */
export function waitingFor(state: Readonly<HallState>, services: readonly string[]): number {
  const lines = services.length > 0 ? services : Object.keys(state.waiting)
  return lines.reduce((sum, service) => sum + (state.waiting[service]?.length ?? 0), 0)
}

/** The first in line over the services of a counter; empty means all. */
export function firstInLine(state: HallState, services: readonly string[]): Ticket | null {
  let first: Ticket | null = null
  for (const service of services.length > 0 ? services : Object.keys(state.waiting)) {
    const line = state.waiting[service]
    if (line === undefined || line.length === 0) continue
    const head = ticketAt(state, line, 0)
    if (first === null || before(head, first)) first = head
  }
  return first
}

export function joinLine(state: HallState, ticket: Ticket): void {
  state.waiting[ticket.service] ??= []
  const line = state.waiting[ticket.service] as string[]
  line.splice(placeInLine(state, ticket.service, ticket), 0, ticket.ticket)
}

function leaveLine(state: HallState, ticket: Ticket): void {
  const line = state.waiting[ticket.service] ?? []
  const index = placeInLine(state, ticket.service, ticket)
  if (line[index] === ticket.ticket) line.splice(index, 1)
  if (line.length === 0) delete state.waiting[ticket.service]
}

/** The row of a counter, made at its first use. */
export function counterRow(state: HallState, counter: string): Counter {
  const row = state.counters[counter]
  if (row !== undefined) return row
  const fresh: Counter = {
    ...{ counter, clerk: null, services: [], ticket: null, subject: null },
    ...{ visited: null, asking: null, pin_order: null },
  }
  state.counters[counter] = fresh
  return fresh
}

export function isOpen(ticket: Ticket): boolean {
  return ticket.state === 'called' || ticket.state === 'serving'
}

/**
 * The counter takes the ticket, and a session begins unless it held it already. What either held
 * before is let go, as the record that would have said so is missing.
 */
export function hold(state: HallState, counter: string, ticket: Ticket): void {
  const row = counterRow(state, counter)
  if (row.ticket === ticket.ticket) return
  letGo(state, row)
  if (ticket.state === 'waiting') leaveLine(state, ticket)
  const other = ticket.counter === null ? undefined : state.counters[ticket.counter]
  if (other?.ticket === ticket.ticket) endSession(other)
  endSession(row)
  row.ticket = ticket.ticket
  ticket.counter = counter
}

/** The best guess at how a ticket ended whose end is not on record. */
export function letGo(state: HallState, row: Counter): void {
  const held = row.ticket === null ? undefined : state.tickets[row.ticket]
  if (held !== undefined) close(state, held, held.state === 'serving' ? 'done' : 'no_show')
}

function endSession(row: Counter): void {
  row.ticket = null
  row.subject = null
}

/** Takes a ticket out of the line and off its counter. */
export function close(state: HallState, ticket: Ticket, to: TicketState): void {
  if (ticket.state === 'waiting') leaveLine(state, ticket)
  const row = ticket.counter === null ? undefined : state.counters[ticket.counter]
  if (row?.ticket === ticket.ticket) endSession(row)
  ticket.state = to
}

/** Nobody can say that its paper reached a person. */
export function undelivered(ticket: Ticket): boolean {
  return ticket.delivery !== 'printed' && ticket.delivery !== 'likely'
}
