/**
 * The seams of the controller as types. One store port carries the log, the cursor and every
 * projection, since they change in one transaction or not at all.
 */

import type { Position } from '#devices/contract/position.ts'
import type { Kind, PrintedNumbers, Rec, RecOf } from '#devices/contract/record.ts'

/** Up to where the cloud holds a hall's log, and who may write it. One row a hall, locked by a commit. */
export type HallCursor = {
  hall: string
  /** Number of records held of this hall, over all epochs: the place of the next is `records + 1`. */
  records: number
  /** Epoch that is being continued, its last record and the hash there; null before the first. */
  head: Position | null
  owner: string | null
  fence: number
}

export type EpochRow = {
  epoch: string
  number: number
  parent: Position | null
  reason: string
  gateway: string
  continues: boolean
  /** Last record held of it. */
  seq: number
  hash: string
  /** Its parent was not the head when it arrived: a branch. */
  branch: boolean
}

/**
 * Consecutive records of one epoch that came in one commit: the unit in which the log is stored, a
 * page of them or one that is larger.
 * `place` is the hall-wide number of the first record, counting every epoch in the order of
 * arrival; the order of all projections. `bytes` are the record texts, each ended by a line feed,
 * `crcs` their CRC-32 in turn, four bytes each, big-endian: not a proof, but what points at a place.
 */
export type Segment = {
  epoch: string
  first: number
  last: number
  place: number
  /** Hash before the first and after the last record. */
  prev: string
  hash: string
  bytes: Uint8Array
  crcs: Uint8Array
}

/** A record as projections see it. */
export type Booked<K extends Kind = Kind> = {
  hall: string
  epoch: string
  seq: number
  place: number
  record: { [P in K]: RecOf<P> }[K]
}
export type AnyBooked = Booked & { record: Rec }

/** A row of a projection: its key columns, then the others. Fen beyond 2^53 are bigint. */
export type Plain = string | number | bigint | boolean | null
export type Value = Plain | readonly Plain[]
export type Row = Readonly<Record<string, Value>>

type ElementType = 'text' | 'int8' | 'int4' | 'bool' | 'numeric'
export type ColumnType = ElementType | 'jsonb' | `${ElementType}[]`

/** A table of a projection. `hall` and `build` are added in front of every key by the store. */
export type TableSpec = {
  table: string
  key: readonly string[]
  columns: Readonly<Record<string, ColumnType>>
  /** A row is put once and never again, as where its key is the place of a record. */
  append_only?: true
  indexes?: readonly (readonly string[])[]
}

export type RowKey = { table: string; key: readonly Value[] }
/** `fresh`: the store surely holds no row of this key, so it need not look for one. */
export type Put = { table: string; row: Row; fresh?: boolean }

/**
 * A pure fold of the log. `needs` names the rows a record may look at, `follow` those behind them;
 * `fold` sees exactly those (with what earlier records of the batch changed) and gives the rows to
 * write. It throws a Fault to say that this record cannot be used: the record is then kept and
 * marked rejected.
 */
export type Projection = {
  name: string
  /** Raised when the meaning of rows changes; the old ones are rebuilt. */
  version: number
  tables: readonly TableSpec[]
  /** Kinds of records that mean something to it: it is asked about no others. */
  kinds: readonly Kind[]
  needs(booked: AnyBooked): readonly RowKey[]
  /**
   * Further rows that a row found in the store leads to (an order to its accounts, a visit to its
   * day): loaded in a second step, one step only, and then seen by `fold` as well. Where a row is
   * made within the batch instead, the record that makes it names the same rows in its `needs`.
   */
  follow(table: string, row: Row): readonly RowKey[]
  fold(booked: AnyBooked, get: (table: string, ...key: Value[]) => Row | undefined): readonly Put[]
}

export type Rejection = {
  projection: string
  version: number
  epoch: string
  seq: number
  place: number
  code: string
}

export type RejectedRecord = Pick<Rejection, 'epoch' | 'seq' | 'code'>

/** What one transaction can do. Every call may throw; nothing of it stays then. */
export interface CloudTx {
  /** Locks the rows, in the order of hall ids, creating what is missing. */
  cursors(halls: readonly string[]): Promise<Map<string, HallCursor>>
  epoch(hall: string, epoch: string): Promise<EpochRow | null>
  /** The segment that holds record `seq` of the epoch. */
  segmentAt(hall: string, epoch: string, seq: number): Promise<Segment | null>
  /** Where the fact that first stood at `origin` was booked under another place. */
  hasOrigin(hall: string, origin: Position): Promise<boolean>
  /** Of each hall what was rejected last, newest first, at most {@link RECEIPT_REJECTED_MAX}. */
  newestRejections(halls: readonly string[]): Promise<Map<string, RejectedRecord[]>>
  /** The hall's last business day and what was printed in it; null before the first. */
  printedNumbers(hall: string): Promise<PrintedNumbers | null>
  /** Everything a commit changes, across halls, written together. */
  write(changes: readonly HallChanges[]): Promise<void>
  rows(hall: string, keys: readonly RowKey[]): Promise<{ table: string; row: Row }[]>
  /** Runs `work` under a savepoint: if it throws, only its changes are undone. */
  savepoint<T>(work: () => Promise<T>): Promise<T>
}

export type HallChanges = {
  hall: string
  cursor: HallCursor
  epochs: readonly EpochRow[]
  segments: readonly Segment[]
  /** First places of facts that were appended again. */
  origins: readonly { origin: Position; place: number }[]
  puts: readonly Put[]
  rejections: readonly Rejection[]
  /** Projections that saw everything up to `upto`. */
  upto: number
}

export interface CloudStore {
  /** The database's own id: made with it, made anew after a restore. */
  ledger(): Promise<string>
  transaction<T>(work: (tx: CloudTx) => Promise<T>): Promise<T>
}
