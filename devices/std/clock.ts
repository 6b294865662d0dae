/**
 * Time as types only; the programs bring the clocks (design: two clocks).
 * Fact time stamps records and drives business timers and can be stepped by a test or a replay.
 * Pace drives I/O time-outs, polling and keep-alive and is always real.
 */

export type Cancel = () => void

/** Real waiting. `now_ms` is monotonic and means nothing outside this process. */
export interface Pace {
  now_ms(): number
  after(ms: number, what: string, run: () => void): Cancel
}

/** Where fact time comes from. `wall_ms` is milliseconds since 1970 UTC, `mono_ms` since `boot`. */
export interface FactClock {
  read(): FactReading
}

export type FactReading = {
  /** Wall clock in ms since 1970 UTC, as the machine believes it. */
  wall_ms: number
  /** Names the run of the monotonic clock that `mono_ms` belongs to. */
  boot: string
  mono_ms: number
}

/** Waits on `pace`; a rejection never comes from here. */
export function sleep(pace: Pace, ms: number, what: string): Promise<void> {
  return new Promise((resolve) => {
    pace.after(ms, what, resolve)
  })
}
