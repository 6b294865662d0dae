/** Comparing positions. Apart from their schemas, which a program that only compares does not load. */
import type { Position } from './position.ts'

/** The hash before the first record of an epoch that has no parent. */
export const ZERO_HASH = '0'.repeat(64)

export function samePosition(a: Position | null, b: Position | null): boolean {
  if (a === null || b === null) return a === b
  return a.epoch === b.epoch && a.seq === b.seq && a.hash === b.hash
}
