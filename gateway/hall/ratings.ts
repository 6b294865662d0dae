/**
 * Ratings: a customer is asked about one visit, and the first press in time answers. Every other
 * press (a second one, a late one, one that nobody asked for) is kept as nobody's: a rating is never
 * refused for coming at the wrong moment, and never counted for a visit it may not belong to.
 *
 * A question is over when its time has run, when it is answered, and when another visit is done at
 * its counter. No press is no rating, so nothing is recorded when time runs out: whether a question
 * is open is told by the time. Which question a press answers the device says, by the id it was
 * shown; a pad that was away in between has forgotten it and says none.
 * Refuses with `unknown_counter`, `counter_idle` (no visit to ask about), `wrong_state` (rated).
 */

import { RATING_WINDOW_MS } from '#devices/contract/hall-rules.ts'
import type { Draft, Stamp } from '#devices/contract/record.ts'
import { FreshId } from '#devices/contract/text.ts'
import { counterRow } from './queue.ts'
import type { Asking, Counter, HallState, Visited } from './state.ts'
import { lineTime } from './time.ts'
import { type Applier, type Decider, record, refuse } from './verdict.ts'

/** Keys of a pad that no rule describes. */
const KEYS_ASSUMED = 5
/** Device types whose keys are ratings. */
const RATING_PADS: ReadonlySet<string> = new Set(['rating_pad', 'ff68_rater'])

/** The question that follows a visit, where its counter has a rating pad; null where it has none. */
export function questionAfter(
  state: HallState,
  { counter, visited }: { counter: string; visited: Visited },
  request: string,
): Draft | null {
  const keys = keysAt(state, counter)
  return keys === null ? null : question(state, { counter, visited, keys }, request)
}

/** By the rules, or because a rating pad was bound there; null where there is none. */
function keysAt(state: HallState, counter: string): number | null {
  const rater = state.config?.rules.raters?.find((known) => known.counter === counter)
  if (rater !== undefined) return rater.keys
  const bound = Object.values(state.devices).some(
    (device) => device.counter === counter && RATING_PADS.has(device.type),
  )
  return bound ? KEYS_ASSUMED : null
}

function question(
  state: HallState,
  { counter, visited, keys }: { counter: string; visited: Visited; keys: number },
  request: string,
): Draft {
  const data = { request, day: state.day?.day ?? null, counter, ...visited, keys }
  return { kind: 'rating.asked', data }
}

/** The visit at the counter, or else the last one that was done there. */
export const askRating: Decider<'rating.ask'> = (state, { counter }, { fresh }) => {
  const row = state.counters[counter]
  if (row === undefined && !isListed(state, counter)) return refuse('unknown_counter', counter)
  const visited = row === undefined ? null : (presentVisit(state, row) ?? row.visited)
  if (row === undefined || visited === null) return refuse('counter_idle', counter)
  if (row.asking?.rated === true && row.asking.ticket === visited.ticket) {
    return refuse('wrong_state', 'rated')
  }
  const keys = keysAt(state, counter) ?? KEYS_ASSUMED
  return record(question(state, { counter, visited, keys }, fresh))
}

function isListed(state: HallState, counter: string): boolean {
  return state.config?.rules.counters.includes(counter) === true
}

/** What is open at a counter, in the terms of a visit. */
export function presentVisit(state: HallState, row: Counter): Visited | null {
  const ticket = row.ticket === null ? undefined : state.tickets[row.ticket]
  if (ticket === undefined) return null
  return { ticket: ticket.ticket, service: ticket.service, clerk: row.clerk }
}

export const ratingAsked: Applier<'rating.asked'> = (state, data, at) => {
  const { request, ticket, service, clerk, keys } = data
  const asked_ms = lineTime(state.clock, at)
  const asking: Asking = { request, ticket, service, clerk, keys, asked_ms, rated: false }
  counterRow(state, data.counter).asking = asking
}

export const pressRating: Decider<'rating.press'> = (state, ask, { at }) => {
  const { counter, key, score, keys } = ask
  if (state.counters[counter] === undefined && !isListed(state, counter)) {
    return refuse('unknown_counter', counter)
  }
  // What a device echoes may be anything; only an id that was given out names a question.
  const request = FreshId.safeParse(ask.request).data ?? null
  const open = openQuestion(state, counter, at)
  const own = open !== null && request === open.request ? open : null
  const { clerk = null, ticket = null, service = null } = own ?? {}
  const press = { request, day: state.day?.day ?? null, counter, clerk, ticket, service }
  const data = { ...press, key, score, keys, attributed: own !== null }
  return record({ kind: 'rating.given', data })
}

export const ratingGiven: Applier<'rating.given'> = (state, data) => {
  const { asking } = counterRow(state, data.counter)
  if (data.attributed && asking?.request === data.request) asking.rated = true
}

function openQuestion(state: HallState, counter: string, at: Stamp): Asking | null {
  const asking = state.counters[counter]?.asking ?? null
  return asking !== null && leftOf(state, asking, at) > 0 ? asking : null
}

/** Milliseconds for which the question is still open; 0 or less when it is not. */
function leftOf(state: HallState, { rated, asked_ms }: Asking, at: Stamp): number {
  const window_ms = state.config?.rules.rating_window_ms ?? RATING_WINDOW_MS
  return rated ? 0 : asked_ms + window_ms - lineTime(state.clock, at)
}

/** What a counter's rating pad shows. A question that is asserted again has only its rest of time. */
export type Rating =
  | { state: 'asking'; request: string; ticket: string; keys: number; left_ms: number }
  | { state: 'idle' }

export function ratingAt(state: HallState, counter: string, at: Stamp): Rating {
  const open = openQuestion(state, counter, at)
  if (open === null) return { state: 'idle' }
  const { request, ticket, keys } = open
  return { state: 'asking', request, ticket, keys, left_ms: leftOf(state, open, at) }
}
