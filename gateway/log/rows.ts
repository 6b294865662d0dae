/** Small work on rows of the hall log: writing a chain, cutting a batch, reading where epochs end. */
import { BATCH_BYTES_MAX, BATCH_HEADER_BYTES_MAX } from '#devices/contract/limits.ts'
import { encode, hex, link } from './chain.ts'
import type { PathEpoch } from './path.ts'
import type { LogStore, Row } from './store.ts'

/** A record to append: its exact text and the wall time it carries, in ms. */
export type Entry = { text: string; wall_ms: number }

export function readPath(store: LogStore): PathEpoch[] {
  return store.epochs().map((entry) => {
    const last = store.last(entry.epoch)
    return {
      ...entry,
      last: last?.seq ?? entry.first - 1,
      last_hash: last === null ? entry.first_prev : hex(last.hash),
    }
  })
}

export function insertAll(
  store: LogStore,
  epoch: string,
  head: { seq: number; hash: Uint8Array },
  entries: readonly Entry[],
): { seq: number; hash: Uint8Array } {
  let { seq, hash } = head
  const rows = entries.map(({ text, wall_ms }) => {
    const payload = encode(text)
    hash = link(hash, payload)
    seq++
    return { seq, payload, hash, wall_ms }
  })
  store.insert(epoch, rows)
  return { seq, hash }
}

export function withinBytes(rows: readonly Row[]): Uint8Array[] {
  const records: Uint8Array[] = []
  let room = BATCH_BYTES_MAX - BATCH_HEADER_BYTES_MAX
  for (const { payload } of rows) {
    room -= payload.length + 1
    if (room < 0) break
    records.push(payload)
  }
  return records
}

/** Beginnings of epochs are not facts of the hall: a new one replaces them. */
export function isBegun(text: string): boolean {
  return text.startsWith('{"v":1,"kind":"epoch.begun"')
}
