/**
 * Who has been heard: by (device, boot, event) or (caller, key) the first outcome is found again.
 * Everything kept comes from records, so a restart forgets nothing. A refusal leaves no record:
 * the same input refused before is decided anew.
 */

import type { Draft, Source } from '#devices/contract/record.ts'
import { canonicalJson } from '#devices/std/json.ts'
import { digest } from './digest.ts'
import type { Ask } from './input.ts'
import {
  BOOTS_PER_DEVICE_MAX,
  DEVICES_MAX,
  EVENTS_PER_BOOT_MAX,
  KEYS_PER_GENERATION_MAX,
} from './limits.ts'
import type { BootWindow, HallState, Outcome } from './state.ts'
import { subjectOf } from './subject.ts'
import { emptyTable } from './table.ts'

export type Heard =
  | { heard: 'never' }
  | { heard: 'before'; outcome: Outcome }
  /** Behind everything remembered of this run of the device. */
  | { heard: 'too_old' }

export function heardBefore(state: HallState, source: Source): Heard {
  const outcome = 'device' in source ? undefined : keyOutcome(state, keyOf(source))
  if (outcome !== undefined) return { heard: 'before', outcome }
  return 'device' in source ? eventOutcome(state, source) : { heard: 'never' }
}

type CallerSource = Extract<Source, { caller: string }>
type DeviceSource = Extract<Source, { device: string }>

/** Neither part can hold a space. */
function keyOf({ caller, key }: CallerSource): string {
  return `${caller} ${key}`
}

function keyOutcome(state: HallState, key: string): Outcome | undefined {
  return state.sources.keys[key] ?? state.sources.keys_before[key]
}

function eventOutcome(state: HallState, { device, boot, event }: DeviceSource): Heard {
  const window = state.sources.devices[device]?.find((known) => known.boot === boot)
  const outcome = window?.events[event]
  if (outcome !== undefined) return { heard: 'before', outcome }
  const tooOld = window !== undefined && event <= window.highest - EVENTS_PER_BOOT_MAX
  return { heard: tooOld ? 'too_old' : 'never' }
}

/** A record carries its source: from now on the same source gets this outcome. */
export function noteSource(state: HallState, source: Source, fact: Draft): void {
  const subject = subjectOf(state, fact)
  if ('device' in source) noteEvent(state, source, { subject, digest: '' })
  else noteKey(state, keyOf(source), { subject, digest: requestDigest(state, fact) })
}

function noteKey(state: HallState, key: string, outcome: Outcome): void {
  if (keyOutcome(state, key) !== undefined) return
  if (state.sources.keys_count >= KEYS_PER_GENERATION_MAX) turnKeys(state)
  state.sources.keys[key] = outcome
  state.sources.keys_count++
}

/** A generation of callers' keys ends: with each business day, or when it is full. */
export function turnKeys(state: HallState): void {
  state.sources.keys_before = state.sources.keys
  state.sources.keys = emptyTable()
  state.sources.keys_count = 0
}

function noteEvent(state: HallState, source: DeviceSource, outcome: Outcome): void {
  const { device, boot, event } = source
  const { devices } = state.sources
  const known = devices[device] ?? makeRoom(devices)
  const window = known.find((one) => one.boot === boot) ?? {
    boot,
    highest: event,
    events: emptyTable<Outcome>(),
  }
  if (event > window.highest - EVENTS_PER_BOOT_MAX) window.events[event] ??= outcome
  raiseHighest(window, event)
  // Deleting first moves the device to the end: the first key is the one unheard for longest.
  delete devices[device]
  devices[device] = [...known.filter((one) => one !== window), window].slice(-BOOTS_PER_DEVICE_MAX)
}

/** The runs of a device not heard before: none. */
function makeRoom(devices: HallState['sources']['devices']): BootWindow[] {
  const names = Object.keys(devices)
  if (names.length >= DEVICES_MAX) delete devices[names[0] as string]
  return []
}

/** Forgets the events that fall behind. Amortised, one for each event that is noted. */
function raiseHighest(window: BootWindow, event: number): void {
  if (event <= window.highest) return
  const from = window.highest - EVENTS_PER_BOOT_MAX + 1
  window.highest = event
  const to = event - EVENTS_PER_BOOT_MAX
  if (to - from >= EVENTS_PER_BOOT_MAX) {
    for (const held of Object.keys(window.events)) {
      if (Number(held) <= to) delete window.events[held]
    }
  } else for (let n = from; n <= to; n++) delete window.events[n]
}

/** Whether a caller's key came with the request it came with first. */
export function sameRequest(state: HallState, ask: Ask, outcome: Outcome): boolean {
  return digest(canonicalJson(requestOfAsk(state, ask))) === outcome.digest
}

/** What was asked, in the terms that its record keeps. Sealed texts differ each time: left out. */
function requestOfAsk(state: HallState, ask: Ask): unknown {
  switch (ask.type) {
    case 'config':
      return ['config.applied', ask.version, ask.rules]
    case 'day.open':
      return ['day.opened', ask.day, ask.confirmed_by]
    case 'day.close':
      return ['day.closed']
    case 'ticket.press':
      return ['ticket.issued', ask.service, ask.class ?? state.config?.rules.classes[0]?.class]
    case 'ticket.delivery':
      return ['ticket.delivered', ask.ticket, ask.outcome, ask.reprint]
    case 'ticket.leave':
      return ['ticket.left', ask.ticket]
    case 'ticket.void':
      return ['ticket.voided', ask.ticket, ask.by, ask.reason]
    case 'counter.sign_in':
      return ['counter.signed_in', ask.counter, ask.clerk, ask.services]
    case 'counter.sign_out':
      return ['counter.signed_out', ask.counter]
    case 'call.next':
      return ['ticket.called', ask.counter]
    case 'call.number':
      return ['ticket.called', ask.counter, ask.number]
    case 'recall':
      return ['ticket.recalled', ask.counter]
    case 'serve':
      return ['ticket.serving', ask.counter]
    case 'done':
      return ['ticket.done', ask.counter]
    case 'no_show':
      return ['ticket.no_show', ask.counter]
    case 'card':
      return ['card.verified', ask.counter, ask.card.subject]
    case 'order.enter':
      return ['order.entered', ask.content.order, ask.content.content_hash]
    case 'order.confirm':
      return ['order.confirmed', ask.order, ask.content_hash]
    case 'order.result':
      return ['order.result', ask.order, ask.result, ask.code]
    case 'order.pin_begin':
      return ['pin.asked', ask.request, ask.order, ask.content_hash]
    case 'pin.outcome':
      return ['pin.ended', ask.request, ask.outcome, ask.device]
    case 'rating.ask':
      return ['rating.asked', ask.counter]
    case 'rating.press':
      return ['rating.given', ask.counter, ask.key, ask.score, ask.keys]
    case 'device.bind':
      return ['device.bound', ask.device, ask.device_type, ask.identity, ask.place, ask.counter]
    case 'device.replace':
      return ['device.replaced', ask.device, ask.old_identity, ask.new_identity]
    case 'kiosk.visit':
      return ['kiosk.visited', ask.kiosk, ask.purpose]
  }
}

function requestDigest(state: HallState, fact: Draft): string {
  return digest(canonicalJson(requestOfRecord(state, fact)))
}

/** The same, read back from the record. */
function requestOfRecord(state: HallState, { kind, data }: Draft): unknown {
  switch (kind) {
    case 'config.applied':
      return [kind, data.version, data.rules]
    case 'day.opened':
      return [kind, data.day, data.confirmed_by]
    case 'ticket.issued':
      return [kind, data.service, data.class]
    case 'ticket.delivered':
      return [kind, data.ticket, data.outcome, data.reprint]
    case 'ticket.left':
      return [kind, data.ticket]
    case 'ticket.voided':
      return [kind, data.ticket, data.by, data.reason]
    case 'counter.signed_in':
      return [kind, data.counter, data.clerk, data.services]
    case 'ticket.called':
      return data.how === 'next'
        ? [kind, data.counter]
        : [kind, data.counter, state.tickets[data.ticket]?.number]
    case 'counter.signed_out':
    case 'ticket.recalled':
    case 'ticket.serving':
    case 'ticket.done':
    case 'ticket.no_show':
      return [kind, data.counter]
    case 'card.verified':
      return [kind, data.counter, data.subject]
    case 'order.entered':
      return [kind, data.order, data.content_hash]
    case 'order.confirmed':
      return [kind, data.order, data.content_hash]
    case 'order.result':
      return [kind, data.order, data.result, data.code]
    case 'pin.asked':
      return [kind, data.request, data.order, data.content_hash]
    case 'pin.ended':
      return [kind, data.request, data.outcome, data.device]
    case 'rating.asked':
      return [kind, data.counter]
    case 'rating.given':
      return [kind, data.counter, data.key, data.score, data.keys]
    case 'device.bound':
      return [kind, data.device, data.type, data.identity, data.place, data.counter]
    case 'device.replaced':
      return [kind, data.device, data.old_identity, data.new_identity]
    case 'kiosk.visited':
      return [kind, data.kiosk, data.purpose]
    default:
      return [kind]
  }
}
