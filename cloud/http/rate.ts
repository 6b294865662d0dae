/**
 * How fast one credential may ask: a burst, then so many a second. A program that runs away is told
 * to wait, and nobody else feels it. Counted in memory; whoever asked nothing for a while is
 * forgotten, as a full burst is his again by then.
 */

export type RequestLimits = {
  /** At once, after a rest. */
  burst: number
  a_second: number
}
/** Far above a page, a reader of a whole log or somebody who enrols a chain of halls in one go. */
export const request_limits: RequestLimits = { burst: 10_000, a_second: 500 }

/** Callers remembered; sessions are bounded to fewer. */
const CALLERS_MOST = 2_000

type Standing = { left: number; at_ms: number }

export class RequestRates {
  /** Requests that came too fast, since the start. */
  refused = 0
  readonly #limits: RequestLimits
  readonly #now_ms: () => number
  readonly #callers = new Map<string, Standing>()

  constructor(now_ms: () => number, limits: RequestLimits = request_limits) {
    this.#now_ms = now_ms
    this.#limits = limits
  }

  /** Whether this request may go on. A clock that was put back gives nothing and takes nothing. */
  take(caller: string): boolean {
    const { burst, a_second } = this.#limits
    const now_ms = this.#now_ms()
    const { left: had, at_ms } = this.#callers.get(caller) ?? { left: burst, at_ms: now_ms }
    const earned = (Math.max(0, now_ms - at_ms) / 1_000) * a_second
    const left = Math.min(burst, had + earned)
    const may = left >= 1
    // Last of the map: the first of it is whoever asked nothing for longest.
    this.#callers.delete(caller)
    this.#callers.set(caller, { left: may ? left - 1 : left, at_ms: now_ms })
    if (this.#callers.size > CALLERS_MOST) this.#callers.delete(this.#callers.keys().next().value!)
    if (!may) this.refused += 1
    return may
  }
}
