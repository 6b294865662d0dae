/**
 * `apply`: one record into the state, in place; the state comes back for convenience. Only
 * {@link ./decide.ts decide} must leave the state alone, so this may change it and stays cheap: a
 * hundred thousand records are folded at a start.
 *
 * Takes every valid record in any order and never throws: what does not fit (after a gap, say) is
 * taken as well as it can be. Where a record stands in the log changes nothing.
 */

import type { Position } from '#devices/contract/position.ts'
import type { Draft, Kind, RecOf, Source, Stamp } from '#devices/contract/record.ts'
import * as bindings from './bindings.ts'
import * as calls from './calls.ts'
import * as counters from './counters.ts'
import * as day from './day.ts'
import * as orders from './orders.ts'
import * as pins from './pins.ts'
import * as ratings from './ratings.ts'
import { noteSource } from './sources.ts'
import type { HallState } from './state.ts'
import * as tickets from './tickets.ts'
import { noteStamp } from './time.ts'
import type { Applier } from './verdict.ts'

/** A record, or a draft with its time. */
export type Fact = {
  [K in Kind]: {
    kind: K
    data: RecOf<K>['data']
    at: Stamp
    source?: Source | undefined
    was?: Position | undefined
    epoch?: string
    seq?: number
  }
}[Kind]

const appliers: { [K in Kind]: Applier<K> } = {
  'epoch.begun': day.epochBegun,
  // What is missing is unknown; the epoch that opens with it has said so already.
  gap: () => {},
  'config.applied': day.configured,
  'day.opened': day.dayOpened,
  'day.closed': day.dayClosed,
  'ticket.issued': tickets.issued,
  'ticket.delivered': tickets.delivered,
  'ticket.called': calls.called,
  'ticket.recalled': calls.recalled,
  'ticket.serving': calls.serving,
  'ticket.done': calls.finished,
  'ticket.no_show': calls.notShown,
  'ticket.left': tickets.left,
  'ticket.voided': tickets.voided,
  'counter.signed_in': counters.signedIn,
  'counter.signed_out': counters.signedOut,
  'card.verified': counters.cardVerified,
  'order.entered': orders.orderEntered,
  'order.confirmed': orders.orderConfirmed,
  'order.result': orders.orderResult,
  'pin.asked': pins.pinAsked,
  'pin.ended': pins.pinEnded,
  'kiosk.visited': day.kioskVisited,
  'rating.asked': ratings.ratingAsked,
  'rating.given': ratings.ratingGiven,
  'device.bound': bindings.deviceBound,
  'device.replaced': bindings.deviceReplaced,
}

export function apply(state: HallState, fact: Fact): HallState {
  noteStamp(state.clock, fact.at)
  const applier = appliers[fact.kind] as Applier<Kind>
  applier(state, fact.data, fact.at)
  if (fact.source !== undefined) noteSource(state, fact.source, fact as Draft)
  return state
}
