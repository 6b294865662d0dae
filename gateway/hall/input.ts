/**
 * What can happen to a hall, as the engine hears it, and what it answers.
 *
 * Every input carries the time it happened (`at`), where it came from (`source`, by which a repeat
 * gets the first outcome) and one fresh id from the edge, so that deciding needs neither clock nor
 * randomness. Card data never gets here: a card is a token and a sealed text.
 */

import type { z } from 'zod'
import type { HallRules } from '#devices/contract/hall-rules.ts'
import type {
  ContentHash,
  Delivery,
  PinOutcome,
  RecOf,
  Source,
  Stamp,
} from '#devices/contract/record.ts'
import type { Fault } from '#devices/std/fault.ts'

type Card = Omit<RecOf<'card.verified'>['data'], 'counter' | 'ticket'>
type OrderContent = Pick<
  RecOf<'order.entered'>['data'],
  'order' | 'counter' | 'lines' | 'tenders' | 'pin'
> & {
  /** Computed at the edge over the content in canonical form. */
  content_hash: z.infer<typeof ContentHash>
}

/** One thing to decide. Names say who asks: a device, a person at a counter, the gateway itself. */
export type Ask =
  | { type: 'config'; version: number; rules: HallRules }
  | { type: 'day.open'; day: string; confirmed_by: string | null }
  | { type: 'day.close' }
  | { type: 'ticket.press'; service: string; class?: string }
  | { type: 'ticket.delivery'; ticket: string; outcome: Delivery; reprint: boolean }
  | { type: 'ticket.leave'; ticket: string }
  | { type: 'ticket.void'; ticket: string; by: string; reason: string }
  | { type: 'counter.sign_in'; counter: string; clerk: string; services: string[] }
  | { type: 'counter.sign_out'; counter: string }
  | { type: 'call.next'; counter: string }
  | { type: 'call.number'; counter: string; number: string }
  | { type: 'recall'; counter: string }
  | { type: 'serve'; counter: string }
  | { type: 'done'; counter: string }
  | { type: 'no_show'; counter: string }
  | { type: 'card'; counter: string; card: Card }
  | { type: 'order.enter'; content: OrderContent }
  | { type: 'order.confirm'; order: string; content_hash: string }
  | { type: 'order.result'; order: string; result: 'done' | 'failed'; code: string }
  /** The customer agreed on `screen` to what it showed; `request` is a fresh id of the edge. */
  | {
      type: 'order.pin_begin'
      order: string
      content_hash: string
      counter: string
      screen: string
      request: string
    }
  | {
      type: 'pin.outcome'
      order: string
      request: string
      outcome: PinOutcome
      device: string | null
      /** Serial number of the pad, and which of its keys made the block. */
      pad: string | null
      key: string | null
    }
  | { type: 'rating.ask'; counter: string }
  /** `request`: the question that the device says it answers; null where it says none. */
  | {
      type: 'rating.press'
      counter: string
      key: number
      score: number
      keys: number
      request: string | null
    }
  | ({ type: 'device.bind'; device_type: string } & Omit<RecOf<'device.bound'>['data'], 'type'>)
  | ({ type: 'device.replace' } & RecOf<'device.replaced'>['data'])
  | { type: 'kiosk.visit'; kiosk: string; purpose: string }

export type Input = {
  at: Stamp
  /** 16 hex digits from 64 random bits, new for every input. */
  fresh: string
  /** Absent only for what the gateway asks of itself. */
  source?: Source
  ask: Ask
}

/**
 * What the asker is told once the records are on disk. `refused` is an ordinary answer and leaves
 * no record. A repeat gets the first outcome with `repeat: true`.
 */
export type Answer =
  | { outcome: 'recorded'; repeat: boolean; subject: Subject }
  | { outcome: 'refused'; fault: Fault }

/** What the answer is about: enough for a display, a printer or a clerk's program. */
export type Subject = {
  ticket?: string
  number?: string
  service?: string
  ahead?: number
  counter?: string
  order?: string
  content_hash?: string
  day?: string
  /** Of a question to a customer, or of a PIN prompt. */
  request?: string
  /** The rating belongs to the visit that was asked about. */
  attributed?: boolean
  device?: string
}

/**
 * What must leave the gateway after the record is on disk. `shown` is never a command to do
 * something once: it is state, read from the engine's state at any time and asserted again after a
 * reconnect. So are `rate` (what the counter's rating pad asks: `ratingAt`) and `pin` (what its PIN
 * pad asks for: `pinAt`), but a pad that was away is idle: its question is over, its prompt is
 * cancelled. `print` is done once and closed by a `ticket.delivery`.
 */
export type Effect =
  | { type: 'shown'; counter: string }
  | { type: 'rate'; counter: string }
  | { type: 'pin'; counter: string }
  | { type: 'print'; ticket: string; reprint: boolean }
