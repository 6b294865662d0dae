/**
 * Time between two records: from the monotonic clock where both belong to one boot, otherwise from
 * the wall clock, which the row then says.
 */
import type { Stamp } from '#devices/contract/record.ts'

/** A longer interval is a clock's mistake, not a wait: it is kept as unknown. */
export const INTERVAL_MS_MAX = 31 * 86_400_000

export type Interval = { ms: number | null; wall: boolean }

export function clockOf(at: Stamp): string {
  return `${at.boot}:${at.mono_ms}`
}

/** From a wall time and its {@link clockOf} to `at`, in ms from 0 to {@link INTERVAL_MS_MAX}. */
export function interval(from_ms: number, clock: string, at: Stamp): Interval {
  const split = clock.indexOf(':')
  const wall = clock.slice(0, split) !== at.boot
  const ms = wall ? at.wall_ms - from_ms : at.mono_ms - Number(clock.slice(split + 1))
  return { ms: ms > INTERVAL_MS_MAX ? null : Math.max(0, ms), wall }
}
