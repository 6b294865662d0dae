/**
 * How far receipts reached and when: a record stays for the retention after a receipt covered it, so
 * the moments of the last retention are kept, in steps.
 */
import type { Position } from '#devices/contract/position.ts'
import type { ShipCursor } from '../ports.ts'
import { SETTLED_MARKS } from './limits.ts'

/** At `wall_ms` receipts reached this place. */
export type SettledMark = ShipCursor & { wall_ms: number }

/** The marks with how far receipts reach now, unless that was noted a moment ago. */
export function noteSettled(
  marks: SettledMark[],
  position: Position | null,
  { wall_ms, retention_ms }: { wall_ms: number; retention_ms: number },
): SettledMark[] {
  if (position === null) return []
  const last = marks.at(-1)
  const spacing_ms = retention_ms / SETTLED_MARKS
  if (last !== undefined && Math.abs(wall_ms - last.wall_ms) < spacing_ms) return marks
  const { epoch, seq } = position
  return [...marks, { epoch, seq, wall_ms }].slice(-2 * SETTLED_MARKS)
}
