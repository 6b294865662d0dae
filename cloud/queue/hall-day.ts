/**
 * Figures of a day as the sum of what each visit adds to them. A visit that changes takes back what
 * it added before, so figures and visits cannot drift apart.
 */
import type { HallDayRow, VisitRow } from './tables.ts'

export function emptyDay(day: string): HallDayRow {
  return {
    ...{ day, opened_ms: null, closed_ms: null, issued: 0, tickets: 0, called: 0, served: 0 },
    ...{ no_show: 0, left: 0, undelivered: 0, voided: 0, kiosk: 0 },
    ...{ waits_n: 0, waits_sum_ms: 0, waits_max_ms: 0 },
  }
}

/** The wait counts once the person came or the call was given up, never while a call is open. */
function countedWait(visit: VisitRow): number | null {
  const { outcome } = visit
  return outcome === 'serving' || outcome === 'done' || outcome === 'no_show' ? visit.wait_ms : null
}

const NOTHING = {
  tickets: 0,
  called: 0,
  served: 0,
  no_show: 0,
  left: 0,
  waits_n: 0,
  waits_sum_ms: 0,
}

/** What a visit adds to the figures. */
function share(visit: VisitRow) {
  const { outcome, undelivered } = visit
  const voided = outcome === 'voided' ? 1 : 0
  if (voided === 1 || undelivered) return { ...NOTHING, voided, undelivered: 1 - voided }
  const wait_ms = countedWait(visit)
  return {
    tickets: 1,
    called: visit.calls > 0 ? 1 : 0,
    served: outcome === 'done' ? 1 : 0,
    no_show: outcome === 'no_show' ? 1 : 0,
    left: outcome === 'left' ? 1 : 0,
    waits_n: wait_ms === null ? 0 : 1,
    waits_sum_ms: wait_ms ?? 0,
    voided: 0,
    undelivered: 0,
  }
}

const none = { ...NOTHING, voided: 0, undelivered: 0 }

/** The day itself where nothing that counts has changed. */
export function moveVisit(day: HallDayRow, before: VisitRow | null, after: VisitRow): HallDayRow {
  if (before !== null && countsAlike(before, after)) return day
  const was = before === null ? none : share(before)
  const now = share(after)
  const longest_ms = now.waits_n === 1 ? now.waits_sum_ms : 0
  return {
    ...day,
    issued: day.issued + (before === null ? 1 : 0),
    tickets: day.tickets + now.tickets - was.tickets,
    called: day.called + now.called - was.called,
    served: day.served + now.served - was.served,
    no_show: day.no_show + now.no_show - was.no_show,
    left: day.left + now.left - was.left,
    undelivered: day.undelivered + now.undelivered - was.undelivered,
    voided: day.voided + now.voided - was.voided,
    waits_n: day.waits_n + now.waits_n - was.waits_n,
    waits_sum_ms: day.waits_sum_ms + now.waits_sum_ms - was.waits_sum_ms,
    waits_max_ms: Math.max(day.waits_max_ms, longest_ms),
  }
}

/** Whether two states of a visit surely add the same. */
function countsAlike(a: VisitRow, b: VisitRow): boolean {
  return (
    a.outcome === b.outcome &&
    a.undelivered === b.undelivered &&
    a.wait_ms === b.wait_ms &&
    a.calls > 0 === b.calls > 0
  )
}
