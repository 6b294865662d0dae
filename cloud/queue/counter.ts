/** What a counter is doing, from the records about it and about the ticket it holds. */
import type { AnyBooked } from '../ports.ts'
import type { CounterRow, VisitRow } from './tables.ts'

export function closedCounter(counter: string): CounterRow {
  return { counter, state: 'closed', clerk: null, ticket: null, number: null, since_ms: 0 }
}

export function signed(row: CounterRow, clerk: string | null, since_ms: number): CounterRow {
  const state = clerk === null ? 'closed' : 'free'
  return { ...row, state, clerk, ticket: null, number: null, since_ms }
}

/** The counters that a change of a visit changes: the one it left and the one it came to. */
export function moveCounters(
  booked: AnyBooked,
  before: VisitRow,
  after: VisitRow,
  read: (counter: string) => CounterRow,
): CounterRow[] {
  const since_ms = booked.record.at.wall_ms
  const changed: CounterRow[] = []
  if (before.counter !== null && before.counter !== after.counter) {
    const old = read(before.counter)
    if (old.ticket === before.ticket) changed.push(signed(old, old.clerk, since_ms))
  }
  const moved = before.outcome !== after.outcome || before.counter !== after.counter
  if (after.counter === null || !moved) return changed
  const row = read(after.counter)
  const { ticket, number } = after
  if (after.outcome === 'called' || after.outcome === 'serving') {
    const clerk = row.clerk ?? after.clerk
    changed.push({ ...row, state: after.outcome, clerk, ticket, number, since_ms })
  } else if (row.ticket === ticket) changed.push(signed(row, row.clerk, since_ms))
  return changed
}
