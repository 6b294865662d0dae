/**
 * What pages and programs read of the hall, taken from the engine's synced state at each call: they
 * never hear of anything that is not on disk.
 */

import { undelivered } from '../hall/queue.ts'
import type { HallState, Order, Ticket } from '../hall/state.ts'
import type { CounterView, Counts, HallView, OrderView, Place, TicketView } from './ports.ts'

export type HallViewParts = {
  /** The synced state; asked for each time, as a rebuild replaces the object. */
  state: () => Readonly<HallState>
  /** Where the last record about a ticket or an order stands, where somebody keeps that. */
  place?: (about: { ticket: string } | { order: string }) => Place | null
}

export function hallView({ state, place = () => null }: HallViewParts): HallView {
  const ticketOf = (row: Ticket): TicketView => showTicket(row, place({ ticket: row.ticket }))
  const orderOf = (row: Order): OrderView => showOrder(row, place({ order: row.order }))
  const counterOf = (counter: string): CounterView => {
    const row = state().counters[counter]
    const ticket = row?.ticket == null ? undefined : state().tickets[row.ticket]
    return {
      counter,
      clerk: row?.clerk ?? null,
      services: [...(row?.services ?? [])],
      ticket: ticket === undefined ? null : ticketOf(ticket),
      card_present: row?.subject != null,
      order: ticket?.order ?? null,
    }
  }
  return {
    day() {
      const { day } = state()
      return day === null ? null : { day: day.day, open: day.open }
    },
    counters() {
      return countersOf(state()).map(counterOf)
    },
    counter(counter) {
      const known = countersOf(state()).includes(counter)
      return known ? counterOf(counter) : null
    },
    tickets: () => ticketsToday(state()).map(ticketOf),
    ticket(ticket) {
      const row = state().tickets[ticket]
      return row === undefined ? null : ticketOf(row)
    },
    orders: () => ordersToday(state()).map(orderOf),
    order(order) {
      const row = state().orders[order]
      return row === undefined ? null : orderOf(row)
    },
    counts: () => countsOf(state()),
    about() {
      const { config, waiting } = state()
      if (config === null) return null
      const services = config.rules.services.map(({ service, name }) => ({
        service,
        name,
        waiting: waiting[service]?.length ?? 0,
      }))
      const { hall_name, zone } = config.rules
      return { hall_name, zone, services }
    },
  }
}

function showTicket(row: Ticket, place: Place | null): TicketView {
  const { ticket, number, day, service, class: of, state, counter, recalls, delivery } = row
  const issued_ms = row.issued_wall_ms
  return {
    ticket,
    number,
    day,
    service,
    class: of,
    state,
    issued_ms,
    counter,
    recalls,
    delivery,
    place,
  }
}

function showOrder(row: Order, place: Place | null): OrderView {
  const { order, counter, clerk, ticket, state, lines, tenders, content_hash } = row
  const entered_ms = row.entered_wall_ms
  const amounts = { lines: [...lines], tenders: [...tenders] }
  return { order, counter, clerk, ticket, state, ...amounts, content_hash, entered_ms, place }
}

/** Those of the rules first, then those still in use that the rules no longer name. */
function countersOf({ config, counters }: Readonly<HallState>): string[] {
  return [...new Set([...(config?.rules.counters ?? []), ...Object.keys(counters)])]
}

function ticketsToday({ day, tickets }: Readonly<HallState>): Ticket[] {
  return Object.values(tickets).filter((row) => row.day === day?.day)
}

function ordersToday({ day, orders }: Readonly<HallState>): Order[] {
  const today = Object.values(orders).filter((row) => row.day === day?.day)
  // An id of digits only would come before older ones.
  return today.sort((a, b) => a.entered_wall_ms - b.entered_wall_ms || (a.order < b.order ? -1 : 1))
}

function countsOf(state: Readonly<HallState>): Counts {
  const tickets = ticketsToday(state)
  const orders = ordersToday(state)
  const inState = (wanted: Ticket['state']) => tickets.filter((row) => row.state === wanted).length
  const phantom = (row: Ticket) => row.state === 'no_show' || row.state === 'left'
  return {
    day: state.day?.day ?? null,
    tickets: tickets.length,
    waiting: inState('waiting'),
    called: inState('called'),
    serving: inState('serving'),
    served: inState('done'),
    no_shows: inState('no_show'),
    left: inState('left'),
    voided: inState('voided'),
    undelivered: tickets.filter((row) => phantom(row) && undelivered(row)).length,
    orders: orders.length,
    orders_confirmed: orders.filter((row) => row.state !== 'entered').length,
    kiosk_visits: state.counts.kiosk_visits,
  }
}
