/**
 * The state of a hall: a fold of its log and nothing else. Plain JSON, so a snapshot is its text.
 * Nothing in here is read from a clock, a file or a place in the log: the same records in the same
 * order give the same state, live or folded again.
 */

import type { HallRules, NumberBand } from '#devices/contract/hall-rules.ts'
import type {
  Delivery,
  OrderLine,
  OrderTender,
  PinOutcome,
  Stamp,
} from '#devices/contract/record.ts'
import type { Subject } from './input.ts'
import { asTable, emptyTable, type Table } from './table.ts'

/** Raised when a snapshot of an older shape can no longer be used. */
export const STATE_VERSION = 2

export type TicketState = 'waiting' | 'called' | 'serving' | 'done' | 'no_show' | 'left' | 'voided'

export type Ticket = {
  ticket: string
  day: string
  number: string
  service: string
  class: string
  /** People ahead when it was issued. */
  ahead: number
  issued_wall_ms: number
  /** Place in the queue: issue time on the hall's time line less the credit of its class. */
  rank_ms: number
  /** Order of issue, the tie-break of equal ranks. */
  nth: number
  state: TicketState
  /** The counter that called it last. */
  counter: string | null
  /** Times it was called again at that counter. */
  recalls: number
  /** Closed attempts to print it, and how the last one ended. */
  attempts: number
  delivery: Delivery | null
  /** The last order entered for it. */
  order: string | null
}

/** A visit at a counter: who came, for what, and who served. */
export type Visited = { ticket: string; service: string; clerk: string | null }

/** The last question put to a counter's customers. Open while it is not rated and its time runs. */
export type Asking = Visited & {
  request: string
  keys: number
  /** When it was asked, on the hall's time line. */
  asked_ms: number
  rated: boolean
}

export type Counter = {
  counter: string
  clerk: string | null
  /** Services it calls from; empty means all. */
  services: string[]
  /** The ticket called to it or served at it. */
  ticket: string | null
  /** Token of the card verified in the present session. */
  subject: string | null
  /** The last visit of the day that was done here. */
  visited: Visited | null
  asking: Asking | null
  /** The order whose PIN prompt was begun here last; null when that has ended. */
  pin_order: string | null
}

/** The last prompt for an order. `outcome` null: it is open. */
export type Pin = {
  request: string
  counter: string
  content_hash: string
  screen: string
  outcome: PinOutcome | null
  device: string | null
  pad: string | null
  key: string | null
}

/** A device that was bound, by its name in this hall. */
export type BoundDevice = {
  device: string
  type: string
  identity: string
  place: string
  counter: string | null
}

export type Order = {
  order: string
  day: string
  counter: string
  clerk: string
  ticket: string | null
  subject: string | null
  lines: OrderLine[]
  tenders: OrderTender[]
  content_hash: string
  entered_wall_ms: number
  pin_required: boolean
  pin: Pin | null
  state: 'entered' | 'confirmed' | 'done' | 'failed'
}

export type Band = NumberBand & { next: number }

/** The first answer to an input, and for a caller's key what was asked. */
export type Outcome = { subject: Subject; digest: string }

/** Recent events of one run of a device: number → first answer. `highest` ever recorded. */
export type BootWindow = { boot: string; highest: number; events: Table<Outcome> }

export type HallState = {
  v: typeof STATE_VERSION
  /** The epoch the records stand in; null before the first. */
  epoch: { epoch: string; number: number } | null
  config: { version: number; rules: HallRules } | null
  /** The last business day that was opened. `previous` is the one before it. */
  day: { day: string; open: boolean; previous: string | null } | null
  /** By service. */
  bands: Table<Band>
  /** Records may be missing: `day` of this business day, `next` also of the one opened next. */
  doubt: { day: boolean; next: boolean }
  /** Numbers up to these may be printed on that day though no record says so; by service. */
  reserved: { day: string; to: Table<number> } | null
  /** By id: those of the last business day, and older ones still at a counter. */
  tickets: Table<Ticket>
  /** Printed number → ticket, of the last business day. */
  numbers: Table<string>
  /** Service → tickets that wait, first in line first. */
  waiting: Table<string[]>
  counters: Table<Counter>
  /** By order id, of the last business day and the one before. */
  orders: Table<Order>
  /** By name: which device belongs where. */
  devices: Table<BoundDevice>
  sources: {
    /** Device → its runs, the one heard last at the end. */
    devices: Table<BootWindow[]>
    /** `caller key` → first answer, in two generations. */
    keys: Table<Outcome>
    keys_before: Table<Outcome>
    keys_count: number
  }
  clock: {
    last: Stamp | null
    /** `mono_ms + base_ms` is a time on the hall's own line, the same over restarts. */
    boots: { boot: string; base_ms: number }[]
  }
  /** Of the last business day; `issued` counts on over days. */
  counts: { issued: number; tickets: number; orders: number; kiosk_visits: number }
}

export function emptyState(): HallState {
  return {
    v: STATE_VERSION,
    epoch: null,
    config: null,
    day: null,
    bands: emptyTable(),
    doubt: { day: false, next: false },
    reserved: null,
    tickets: emptyTable(),
    numbers: emptyTable(),
    waiting: emptyTable(),
    counters: emptyTable(),
    orders: emptyTable(),
    devices: emptyTable(),
    sources: {
      devices: emptyTable(),
      keys: emptyTable(),
      keys_before: emptyTable(),
      keys_count: 0,
    },
    clock: { last: null, boots: [] },
    counts: { issued: 0, tickets: 0, orders: 0, kiosk_visits: 0 },
  }
}

/** The text of a snapshot. */
export function printState(state: HallState): string {
  return JSON.stringify(state)
}

/**
 * A state from the text of a snapshot that this program wrote and whose hash was checked; null
 * where it is of another version and the log has to be folded instead.
 */
export function readState(text: string): HallState | null {
  const read = JSON.parse(text) as HallState | Earlier
  const state = read.v === 1 ? fromEarlier(read) : read
  if (state.v !== STATE_VERSION) return null
  const { devices, keys, keys_before, keys_count } = state.sources
  for (const windows of Object.values(devices)) {
    for (const window of windows) window.events = asTable(window.events)
  }
  return {
    ...state,
    bands: asTable(state.bands),
    reserved: state.reserved && { ...state.reserved, to: asTable(state.reserved.to) },
    tickets: asTable(state.tickets),
    numbers: asTable(state.numbers),
    waiting: asTable(state.waiting),
    counters: asTable(state.counters),
    orders: asTable(state.orders),
    devices: asTable(state.devices),
    sources: {
      devices: asTable(devices),
      keys: asTable(keys),
      keys_before: asTable(keys_before),
      keys_count,
    },
  }
}

/** Version 1 knew neither ratings, PIN prompts nor bound devices. */
type Earlier = Omit<HallState, 'v' | 'devices'> & { v: 1 }

/** What the log behind a snapshot was pruned of cannot be folded again: so it is brought forward. */
function fromEarlier(state: Earlier): HallState {
  for (const row of Object.values(state.counters)) {
    Object.assign(row, { visited: null, asking: null, pin_order: null })
  }
  const orders = Object.values(state.orders)
  for (const order of orders) Object.assign(order, { pin_required: false, pin: null })
  for (const ticket of Object.values(state.tickets)) {
    ticket.order = orders.findLast((order) => order.ticket === ticket.ticket)?.order ?? null
  }
  return { ...state, v: STATE_VERSION, devices: emptyTable() }
}

/** A copy that shares nothing with the original. */
export function copyState(state: HallState): HallState {
  return readState(printState(state)) as HallState
}
