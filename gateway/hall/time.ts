/**
 * The hall's own time line and the calendar. Within one run of the clock, differences come from
 * the monotonic reading; a new run is joined on by the wall, never backwards. One number per stamp
 * keeps the order of a queue total, which comparing two stamps pairwise would not.
 */

import type { Stamp } from '#devices/contract/record.ts'
import { CLOCK_BOOTS_MAX } from './limits.ts'
import type { HallState } from './state.ts'

type Clock = HallState['clock']

/** Milliseconds on the hall's time line. Means nothing by itself. */
export function lineTime(clock: Clock, at: Stamp): number {
  return baseOf(clock, at) + at.mono_ms
}

function baseOf(clock: Clock, at: Stamp): number {
  const known = knownBase(clock, at.boot)
  if (known !== undefined) return known
  const last = clock.last
  const lastBase = last === null ? undefined : knownBase(clock, last.boot)
  if (last === null || lastBase === undefined) return at.wall_ms - at.mono_ms
  return lastBase + last.mono_ms + Math.max(0, at.wall_ms - last.wall_ms) - at.mono_ms
}

function knownBase(clock: Clock, boot: string): number | undefined {
  return clock.boots.find((known) => known.boot === boot)?.base_ms
}

/** Takes the stamp of a record into the clock. */
export function noteStamp(clock: Clock, at: Stamp): void {
  if (knownBase(clock, at.boot) === undefined) {
    clock.boots.push({ boot: at.boot, base_ms: baseOf(clock, at) })
    if (clock.boots.length > CLOCK_BOOTS_MAX) clock.boots.shift()
  }
  clock.last = laterOf(clock.last, at)
}

/** Records appended again carry old stamps: the last one is then not the latest. */
function laterOf(last: Stamp | null, at: Stamp): Stamp {
  if (last === null) return at
  if (last.boot !== at.boot) return at.wall_ms >= last.wall_ms ? at : last
  const later = at.mono_ms >= last.mono_ms ? at : last
  return { ...later, wall_ms: Math.max(at.wall_ms, last.wall_ms) }
}

/** The stamp, moved on where the clock stands behind the last record. */
export function notBehind(state: HallState, stamp: Stamp): Stamp {
  const last = state.clock.last
  if (last === null) return stamp
  const wall_ms = Math.max(stamp.wall_ms, last.wall_ms)
  const mono_ms = stamp.boot === last.boot ? Math.max(stamp.mono_ms, last.mono_ms) : stamp.mono_ms
  return { ...stamp, wall_ms, mono_ms }
}

export function isZone(zone: string): boolean {
  return dateIn(zone, 0) !== null
}

/** The calendar date in a zone, or null where zone or time cannot be made one. */
export function dateIn(zone: string, wall_ms: number): Temporal.PlainDate | null {
  try {
    return Temporal.Instant.fromEpochMilliseconds(wall_ms).toZonedDateTimeISO(zone).toPlainDate()
  } catch {
    return null
  }
}

/** A day as YYYY-MM-DD, or null where there is no such date. */
export function dateOf(day: string): Temporal.PlainDate | null {
  try {
    return Temporal.PlainDate.from(day, { overflow: 'reject' })
  } catch {
    return null
  }
}

export function daysApart(a: Temporal.PlainDate, b: Temporal.PlainDate): number {
  return Math.abs(a.until(b, { largestUnit: 'days' }).days)
}
