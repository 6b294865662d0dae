/**
 * The rows under the hall log, as a port. Synchronous on purpose: the log runs in its own worker,
 * where a commit is allowed to block. Implemented by SQLite for real and by memory in simulations,
 * where a crash takes away whatever no transaction made durable; one test suite runs on both.
 */

/** One epoch on the path to the head, in the order of the path. */
export type EpochEntry = {
  epoch: string
  number: number
  parent: { epoch: string; seq: number; hash: string } | null
  /** Records below are pruned; 1 where none is. */
  first: number
  /** Hash before record `first`. */
  first_prev: string
}

export type Row = { seq: number; payload: Uint8Array; hash: Uint8Array; wall_ms: number }

/** Small facts beside the records, each one line of JSON. */
export const META_KEYS = ['receipted', 'settled', 'ledger', 'snapshot', 'alarms'] as const
export type MetaKey = (typeof META_KEYS)[number]

export interface LogStore {
  /**
   * Runs `work` and makes all of it durable before returning. When it throws (a Fault
   * `commit_failed` or `disk_full`, or whatever `work` threw) nothing of it remains.
   */
  transaction<T>(work: () => T): T
  epochs(): EpochEntry[]
  putEpoch(entry: EpochEntry): void
  dropEpoch(epoch: string): void
  /** Number and hash of the last record of an epoch; null where it has none. */
  last(epoch: string): { seq: number; hash: Uint8Array } | null
  /** Behind all others of their epoch, which is put before. */
  insert(epoch: string, rows: readonly Row[]): void
  /** Rows `from` and on, at most `most` of them. */
  read(epoch: string, from: number, most: number): Row[]
  hashAt(epoch: string, seq: number): Uint8Array | null
  /** Deletes rows with `from <= seq <= to`. */
  remove(epoch: string, from: number, to: number): void
  /** Throws `log_damaged` where the value is not what was set. */
  meta(key: MetaKey): string | null
  setMeta(key: MetaKey, value: string): void
  /**
   * Records that stand nowhere on the path, by the epoch they name: {@link epochs} does not list it,
   * or they are not at its place. None in a whole log. Of a damaged one as many as can be read.
   */
  strays(): { epoch: string; rows: Row[] }[]
  /** Throws `log_damaged` where the file's own structure is broken. Reads all of it. */
  checkStructure(): void
  /** Bytes in use, free pages left out. */
  bytes(): number
  close(): void
}
