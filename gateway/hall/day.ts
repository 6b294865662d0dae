/**
 * Rules in force, business days, epochs and visits to a kiosk.
 * Refuses with `config_invalid` (zone), `invalid` (no such date), `wrong_state`, `day_closed`,
 * `day_doubtful` (a day before the last one; far from the clock, or far behind the last one by a clock
 * that nothing vouches for, and confirmed by nobody; or beyond tomorrow whoever confirms it: a day
 * never goes back, so one too far ahead could not be mended).
 */

import type { Draft, Stamp } from '#devices/contract/record.ts'
import { canonicalJson } from '#devices/std/json.ts'
import { changeBands, reserve, skipAhead } from './numbers.ts'
import { undelivered } from './queue.ts'
import { rollTo } from './roll.ts'
import type { HallState, Ticket } from './state.ts'
import { keepRows } from './table.ts'
import { dateIn, dateOf, daysApart, isZone } from './time.ts'
import { type Applier, type Decider, record, refuse, repeat, type Verdict } from './verdict.ts'

export const configure: Decider<'config'> = (state, { version, rules }) => {
  if (!isZone(rules.zone)) return refuse('config_invalid', 'zone')
  const same =
    state.config?.version === version && canonicalJson(state.config.rules) === canonicalJson(rules)
  return same ? repeat({}) : record({ kind: 'config.applied', data: { version, rules } })
}

export const configured: Applier<'config.applied'> = (state, data) => {
  state.config = { version: data.version, rules: data.rules }
  state.counters = keepRows(
    state.counters,
    (row) => row.clerk !== null || row.ticket !== null || data.rules.counters.includes(row.counter),
  )
  if (state.day !== null) changeBands(state, data.rules)
}

export const openDay: Decider<'day.open'> = (state, { day, confirmed_by }, { at }) => {
  if (state.config === null) return refuse('wrong_state', 'no rules in force')
  const asked = dateOf(day)
  if (asked === null) return refuse('invalid', 'day')
  if (state.day !== null && day === state.day.day && state.day.open) return repeat({ day })
  if (state.day !== null && day < state.day.day) return refuse('day_doubtful', 'before the last')
  if (confirmed_by === null && !nearClock(state.config.rules.zone, asked, at)) {
    return refuse('day_doubtful', 'far from the clock')
  }
  if (confirmed_by === null && state.day !== null && longSince(state.day.day, asked, at)) {
    return refuse('day_doubtful', `more than ${long_days} days behind the last`)
  }
  if (beyondTomorrow(state.config.rules.zone, asked, at)) {
    return refuse('day_doubtful', 'beyond tomorrow by the clock')
  }
  const opened: Draft = { kind: 'day.opened', data: { day, confirmed_by } }
  return record(...(state.day?.open === true ? closing(state, state.day.day) : []), opened)
}

function nearClock(zone: string, asked: Temporal.PlainDate, at: Stamp): boolean {
  const date = dateIn(zone, at.wall_ms)
  return date !== null && daysApart(date, asked) <= 1
}

/** No holiday is longer. */
const long_days = 31

/**
 * A clock that was set years ahead opens a hall for those years. It is known to be right once the cloud
 * was heard; until then a long pause is more likely the clock's mistake.
 */
function longSince(last: string, asked: Temporal.PlainDate, at: Stamp): boolean {
  const date = dateOf(last)
  return at.skew_ms === null && date !== null && daysApart(date, asked) > long_days
}

/** By the hall's clock put right by what is known of its skew. A clock without a date bounds nothing. */
function beyondTomorrow(zone: string, asked: Temporal.PlainDate, at: Stamp): boolean {
  const date = dateIn(zone, at.wall_ms + (at.skew_ms ?? 0))
  return date !== null && Temporal.PlainDate.compare(asked, date.add({ days: 1 })) > 0
}

/** A day that is opened again after it was closed goes on with its numbers. */
export const dayOpened: Applier<'day.opened'> = (state, data) => {
  if (state.day?.day === data.day) state.day.open = true
  else rollTo(state, data.day)
}

export const closeDay: Decider<'day.close'> = (state): Verdict => {
  if (state.day?.open !== true) return refuse('day_closed')
  const serving = Object.values(state.counters).find((row) => isServing(state, row.ticket))
  if (serving !== undefined) return refuse('wrong_state', `${serving.counter} is serving`)
  return record(...closing(state, state.day.day))
}

function isServing(state: HallState, ticket: string | null): boolean {
  return ticket !== null && state.tickets[ticket]?.state === 'serving'
}

/** Whoever still waits or was called has left; then the day is closed. */
function closing(state: HallState, day: string): Draft[] {
  const gone = (ticket: Ticket): Draft => ({
    kind: 'ticket.left',
    data: { ticket: ticket.ticket, reason: 'day_closed', undelivered: undelivered(ticket) },
  })
  const called = Object.values(state.counters)
    .map((row) => (row.ticket === null ? undefined : state.tickets[row.ticket]))
    .filter((ticket) => ticket?.state === 'called')
  const waiting = Object.values(state.waiting)
    .flat()
    .map((ticket) => state.tickets[ticket])
  return [
    ...[...called, ...waiting].filter((ticket) => ticket !== undefined).map(gone),
    { kind: 'day.closed', data: { day } },
  ]
}

export const dayClosed: Applier<'day.closed'> = (state, data) => {
  if (state.day?.day === data.day) state.day.open = false
}

/** Behind a break in the records nobody knows which numbers were given out. */
export const epochBegun: Applier<'epoch.begun'> = (state, data) => {
  state.epoch = { epoch: data.epoch, number: data.number }
  if (data.numbers !== null) reserve(state, data.numbers)
  const lost = !data.continues && data.reason !== 'first'
  if (lost) state.doubt = { day: true, next: true }
  skipAhead(state, { lost })
}

export const visitKiosk: Decider<'kiosk.visit'> = (state, { kiosk, purpose }) => {
  if (state.day?.open !== true) return refuse('day_closed')
  return record({ kind: 'kiosk.visited', data: { kiosk, purpose } })
}

export const kioskVisited: Applier<'kiosk.visited'> = (state) => {
  state.counts.kiosk_visits++
}
