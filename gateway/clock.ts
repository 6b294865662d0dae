/**
 * Where fact time comes from, and how far it is from the cloud's.
 *
 * The real clock is the machine's. The stepped clock belongs to a replay: it stands still until it
 * is told the time and never goes back; asking it for the time before it was set is our mistake.
 */
import type { SendStamp } from '#devices/contract/batch.ts'
import { assert } from '#devices/std/assert.ts'
import type { FactClock, FactReading } from '#devices/std/clock.ts'

/** The machine's own time. `boot` is 8 to 32 hex digits and names this run of the process. */
export function realFactClock(boot: string): FactClock {
  return {
    read: () => ({ wall_ms: Date.now(), boot, mono_ms: Math.floor(performance.now()) }),
  }
}

export interface SteppedFactClock extends FactClock {
  readonly isSet: boolean
  /**
   * Moves the clock, in ms since 1970 UTC. `behind` changes nothing: it never goes back. A repeat
   * of the time it shows is `moved`, so that a step can be sent again.
   */
  set(wall_ms: number): 'moved' | 'behind'
  /** Resolves at the first {@link set}. */
  waitUntilSet(): Promise<void>
}

/** A clock that is moved from outside. Its monotonic reading counts from the first time set. */
export function steppedFactClock(boot: string): SteppedFactClock {
  let first_ms: number | null = null
  let wall_ms = Number.NEGATIVE_INFINITY
  const started = Promise.withResolvers<void>()
  return {
    get isSet() {
      return first_ms !== null
    },
    set(to_ms) {
      assert(Number.isSafeInteger(to_ms), 'time is a whole number of milliseconds')
      if (to_ms < wall_ms) return 'behind'
      first_ms ??= to_ms
      wall_ms = to_ms
      started.resolve()
      return 'moved'
    },
    waitUntilSet: () => started.promise,
    read(): FactReading {
      assert(first_ms !== null, 'a stepped clock is set before it is read')
      return { wall_ms, boot, mono_ms: wall_ms - first_ms }
    },
  }
}

/** Above this round trip an answer says too little about the cloud's time. */
export const ROUND_TRIP_MAX_MS = 2_000

export type Skew = {
  /** Cloud time minus wall time, ms. */
  skew_ms: number
  /** Half the round trip, ms: the true skew is within this of `skew_ms`. */
  skew_error_ms: number
}

export interface SkewMeter {
  /** Last good measurement of this boot; null before the first. */
  readonly skew: Skew | null
  /** Answers that were of no use: too slow, of another boot, or from the future. */
  readonly discarded: number
  /**
   * Takes what an answer brought: the stamp we sent, the cloud's time when it answered, and this
   * process's clocks when it arrived. `mono_ms` of both must be of the same, real clock.
   */
  take(echo: SendStamp, cloud_time_ms: number, now: FactReading): void
}

/** Measures skew from the stamps that receipts echo; no clock of its own. */
export function skewMeter(): SkewMeter {
  let skew: Skew | null = null
  let discarded = 0
  return {
    get skew() {
      return skew
    },
    get discarded() {
      return discarded
    },
    take(echo, cloud_time_ms, now) {
      const trip_ms = now.mono_ms - echo.mono_ms
      if (echo.boot !== now.boot || !(trip_ms >= 0) || trip_ms > ROUND_TRIP_MAX_MS) {
        discarded++
        return
      }
      const error_ms = Math.ceil(trip_ms / 2)
      const cloud_now_ms = cloud_time_ms + trip_ms / 2
      skew = { skew_ms: Math.round(cloud_now_ms - now.wall_ms), skew_error_ms: error_ms }
    },
  }
}
