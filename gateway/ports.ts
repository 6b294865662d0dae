/**
 * The seams of the gateway as types: bytes (transports), messages (uplink), rows (log store) and
 * two clocks. Everything that varies between a hall, a test and a simulation enters here.
 */

import type { SendStamp } from '#devices/contract/batch.ts'
import type { Position } from '#devices/contract/position.ts'
import type { Receipt } from '#devices/contract/receipt.ts'
import type { Draft, Source, Stamp } from '#devices/contract/record.ts'
import type { Answer, Ask } from './hall/input.ts'

/**
 * The hall's one writer. `submit` resolves after the records are on disk (answer `recorded`), or
 * with `refused`. It never rejects for expected trouble: a failed commit answers `refused` with the
 * fault `commit_failed` or `disk_full`.
 */
export interface Desk {
  submit(ask: Ask, source?: Source): Promise<Answer>
}

/** The log as the hall's engine sees it. */
export interface Log {
  /** Resolves with their places when all are on disk; rejects with a Fault when none is. */
  append(records: readonly { draft: Draft; at: Stamp }[]): Promise<Appended>
}

/** Where records of one append stand: numbers `first` to `last` of an epoch. */
export type Appended = { epoch: string; first: number; last: number }

/** The log as the shipper sees it. */
export interface ShipperLog {
  /** Where the log stands, for births and for deciding what to send. */
  status(): Promise<LogStatus>
  /** Records after `cursor` in path order, all of one epoch, within the batch limits. */
  readBatch(after: ShipCursor | null): Promise<Outgoing | null>
  /** Takes a receipt: settles, rewinds or begins a new epoch. Tells from where to go on. */
  /** `sent` is the cursor behind which the answered batch began, null for a birth. */
  takeReceipt(receipt: Receipt, sent: ShipCursor | null): Promise<ReceiptEffect>
}

export type LogStatus = {
  epoch: string
  epoch_number: number
  parent: Position | null
  head: { seq: number; hash: string }
  /** Last position a receipt covered. */
  receipted: Position | null
  unbooked: number
  unbooked_since_ms: number | null
  bytes: number
  alarms: string[]
}

/** Between two records on the path of epochs that leads to the head. */
export type ShipCursor = { epoch: string; seq: number }

export type Outgoing = {
  epoch: string
  first: number
  prev: string
  records: Uint8Array[]
  /** Cursor behind the last of them. */
  last: ShipCursor
}

export type ReceiptEffect = {
  /** Records of mine that the cloud keeps and could not use. */
  refused?: Receipt['rejected']
} & (
  | { type: 'settled'; next: ShipCursor | null }
  | { type: 'rewound'; next: ShipCursor | null }
  | { type: 'branched'; next: ShipCursor | null }
  | { type: 'not_owner' }
  | { type: 'ignored'; why: string }
)

/** MQTT as the gateway sees it. */
export interface Uplink {
  /** Resolves when the broker acknowledged; that is a broker's word, not a receipt. */
  publish(topic: string, payload: Uint8Array, options?: { retain?: boolean }): Promise<void>
  /** Called after each (re)connect with subscriptions in place. */
  onReady(run: () => void): void
  /** Called when a link that was ready is gone. */
  onLost(run: () => void): void
  onMessage(run: (topic: string, payload: Uint8Array) => void): void
  readonly connected: boolean
  close(): Promise<void>
}

/** Reads this process's monotonic clock for the round trip of a receipt. */
export type SendClock = () => SendStamp
