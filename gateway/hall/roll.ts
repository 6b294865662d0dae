/** From one business day to another, as every record that shows a new day does it. */

import { openBands } from './numbers.ts'
import { isOpen } from './queue.ts'
import { turnKeys } from './sources.ts'
import type { HallState } from './state.ts'
import { emptyTable, keepRows } from './table.ts'

/**
 * The day becomes `day`, open. Tickets of before go, but those still at a counter; orders and
 * callers' keys of the day before stay for one more, so that a late repeat is told from a new one.
 */
export function rollTo(state: HallState, day: string): void {
  const previous = state.day?.day ?? null
  state.day = { day, open: true, previous }
  state.doubt = { day: state.doubt.next, next: false }
  state.tickets = keepRows(state.tickets, isOpen)
  state.numbers = emptyTable()
  state.waiting = emptyTable()
  for (const row of Object.values(state.counters)) row.visited = null
  state.orders = keepRows(state.orders, (order) => order.day === previous)
  state.counts = { issued: state.counts.issued, tickets: 0, orders: 0, kiosk_visits: 0 }
  openBands(state)
  turnKeys(state)
}
