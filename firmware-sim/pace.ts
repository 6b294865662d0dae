/** The one real {@link Pace} of the simulated world. */
import { performance } from 'node:perf_hooks'
import type { Pace } from '#devices/std/clock.ts'

export const realPace: Pace = {
  now_ms: () => performance.now(),
  after(ms, _what, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
}
