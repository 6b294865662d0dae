/**
 * What a batch means for a hall's log, as a pure decision over what the cloud holds.
 *
 * Next in line: append. Overlap: compare hashes, drop what is held. Gap: append nothing. An epoch
 * whose parent is known is taken even if that parent is not the head: a branch, with both sides
 * booked. Records that differ from those held are never taken into the same epoch: the gateway is
 * told where the two part and begins a new one there.
 */

import type { Batch } from '#devices/contract/batch.ts'
import { type Position, ZERO_HASH } from '#devices/contract/position.ts'
import type { Birth } from '#devices/contract/presence.ts'
import { parseRecord, type RecOf } from '#devices/contract/record.ts'
import type { EpochRow, HallCursor } from '../ports.ts'
import { decode } from './chain.ts'

/** Everything the decision may look at, read under the lock of the cursor. */
export type Held = {
  cursor: HallCursor
  /** The epoch of the batch, if the cloud knows it. */
  epoch: EpochRow | null
  /** The chain hash held at a record of that epoch, for 1 to its last. */
  hashAt: (seq: number) => Promise<string | null>
  /** An epoch named as a parent, and the hash held at a record of it. */
  parentEpoch: (epoch: string) => Promise<EpochRow | null>
  parentHashAt: (epoch: string, seq: number) => Promise<string | null>
}

export type BatchVerdict =
  /** Append `records` from index `skip` on. `begun` where the batch opens an epoch. */
  | { type: 'append'; skip: number; begun: EpochRow | null }
  /** Nothing new; what is held is the answer. */
  | { type: 'held' }
  | { type: 'gap' }
  | { type: 'unknown_parent' }
  | { type: 'diverged'; at: number }
  | { type: 'not_owner' }

/** `hashes[i]` is the chain hash after record `i` of the batch, counted from its `prev`. */
export async function judgeBatch(
  held: Held,
  batch: Batch,
  hashes: readonly string[],
): Promise<BatchVerdict> {
  const { header } = batch
  if (!owns(held.cursor, header)) return { type: 'not_owner' }
  if (held.epoch === null) return judgeNewEpoch(held, batch)
  const next = held.epoch.seq + 1
  if (header.first > next) return { type: 'gap' }
  const split = await firstDifference(held, batch, hashes)
  if (split !== null) return { type: 'diverged', at: split }
  const skip = next - header.first
  if (skip >= batch.records.length) return { type: 'held' }
  // An epoch that was left is closed: whoever left it has appended the rest again elsewhere.
  if (held.cursor.head?.epoch !== header.epoch) return { type: 'diverged', at: next }
  return { type: 'append', skip, begun: null }
}

/**
 * What a birth hears: where to go on, or that its epoch was left while this gateway did not hear of
 * it, as one whose folder was put back: nothing more is taken into it.
 */
export function judgeBirth(cursor: HallCursor, birth: Birth, row: EpochRow | null): BatchVerdict {
  if (!owns(cursor, birth)) return { type: 'not_owner' }
  const isLeft = row !== null && cursor.head !== null && cursor.head.epoch !== row.epoch
  return isLeft ? { type: 'diverged', at: row.seq + 1 } : { type: 'held' }
}

export function owns(cursor: HallCursor, sender: { gateway: string; fence: number }): boolean {
  return cursor.owner === null || cursor.owner === sender.gateway
}

/** The first record of the batch that the cloud holds otherwise; null where all of it agrees. */
async function firstDifference(
  held: Held,
  batch: Batch,
  hashes: readonly string[],
): Promise<number | null> {
  const { first, prev } = batch.header
  const before =
    first === 1 ? (held.epoch!.parent?.hash ?? ZERO_HASH) : await held.hashAt(first - 1)
  if (before !== prev) return Math.max(first - 1, 1)
  const overlap = Math.min(batch.records.length, held.epoch!.seq - first + 1)
  // Hashes are chained: if the last of the overlap agrees, all before it do.
  if (overlap <= 0 || hashes[overlap - 1] === (await held.hashAt(first + overlap - 1))) return null
  for (let i = 0; i < overlap; i++) {
    if (hashes[i] !== (await held.hashAt(first + i))) return first + i
  }
  return null
}

/** An epoch that the cloud has not seen: it must begin here, behind a parent that is known. */
async function judgeNewEpoch(held: Held, batch: Batch): Promise<BatchVerdict> {
  const { header } = batch
  if (header.first !== 1) return { type: 'unknown_parent' }
  const begun = readBegun(batch)
  if (begun === null || begun.epoch !== header.epoch) return { type: 'unknown_parent' }
  if ((begun.parent?.hash ?? ZERO_HASH) !== header.prev) return { type: 'unknown_parent' }
  if (begun.parent !== null && !(await knowsParent(held, begun.parent)))
    return { type: 'unknown_parent' }
  return { type: 'append', skip: 0, begun: epochRow(held.cursor, begun) }
}

function readBegun(batch: Batch): RecOf<'epoch.begun'>['data'] | null {
  const parsed = parseRecord(decode(batch.records[0]!))
  return parsed.ok && parsed.record.kind === 'epoch.begun' ? parsed.record.data : null
}

async function knowsParent(held: Held, parent: Position): Promise<boolean> {
  const epoch = await held.parentEpoch(parent.epoch)
  if (epoch === null || parent.seq > epoch.seq) return false
  if (parent.seq === 0) return (epoch.parent?.hash ?? ZERO_HASH) === parent.hash
  return (await held.parentHashAt(parent.epoch, parent.seq)) === parent.hash
}

function epochRow(cursor: HallCursor, begun: RecOf<'epoch.begun'>['data']): EpochRow {
  const { head } = cursor
  const fromHead = head === null ? begun.parent === null : samePlace(begun.parent, head)
  return {
    epoch: begun.epoch,
    number: begun.number,
    parent: begun.parent,
    reason: begun.reason,
    gateway: begun.gateway,
    continues: begun.continues,
    seq: 0,
    hash: begun.parent?.hash ?? ZERO_HASH,
    branch: !fromHead,
  }
}

function samePlace(a: Position | null, b: Position): boolean {
  return a !== null && a.epoch === b.epoch && a.seq === b.seq
}
