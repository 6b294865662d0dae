/**
 * The path: the epochs that lead to the head, each continued by the next from its last record on.
 * Pure arithmetic over places on it. A side that was left is not on the path: its records were
 * appended again behind the branch.
 */
import type { EpochEntry } from './store.ts'

export type PathEpoch = EpochEntry & {
  /** Last record of it on the path; `first - 1` where none is left. */
  last: number
  last_hash: string
}

export type Place = { epoch: string; seq: number }

export function indexOf(path: readonly PathEpoch[], epoch: string): number {
  return path.findIndex((e) => e.epoch === epoch)
}

/** Below 0: `a` is earlier. Both must be on the path. */
export function comparePlaces(path: readonly PathEpoch[], a: Place, b: Place): number {
  return indexOf(path, a.epoch) - indexOf(path, b.epoch) || a.seq - b.seq
}

/** The first record behind `after`, or null at the head. `after` null means: from the beginning. */
export function nextPlace(path: readonly PathEpoch[], after: Place | null): Place | null {
  const start = after === null ? 0 : indexOf(path, after.epoch)
  for (let i = Math.max(start, 0); i < path.length; i++) {
    const e = path[i]!
    const seq = after !== null && i === start ? after.seq + 1 : 1
    if (seq <= e.last) return { epoch: e.epoch, seq }
  }
  return null
}

/** Records behind `after` up to the head, pruned ones included. */
export function countAfter(path: readonly PathEpoch[], after: Place | null): number {
  const start = after === null ? 0 : indexOf(path, after.epoch)
  return path.reduce((sum, e, i) => {
    if (i < start) return sum
    return sum + e.last - (after !== null && i === start ? after.seq : 0)
  }, 0)
}

/** Last record of `e` that lies at or before `place`; 0 where none does, or the place is not known. */
export function lastWithin(path: readonly PathEpoch[], e: PathEpoch, place: Place): number {
  if (indexOf(path, place.epoch) < 0) return 0
  if (comparePlaces(path, place, { epoch: e.epoch, seq: e.last }) >= 0) return e.last
  return place.epoch === e.epoch ? place.seq : 0
}
