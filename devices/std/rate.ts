/**
 * How fast somebody may ask: a burst, then so many a second. Who runs away is told to wait, and
 * nobody else feels it. Time is given, in milliseconds of any clock: one that was put back gives
 * nothing and takes nothing. Raises nothing.
 */

export type Rate = {
  /** At once, after a rest. */
  burst: number
  a_second: number
}

export class Allowance {
  readonly #rate: Rate
  #left: number
  #at_ms: number

  constructor(rate: Rate, now_ms: number) {
    this.#rate = rate
    this.#left = rate.burst
    this.#at_ms = now_ms
  }

  /** Whether one more may go on. */
  take(now_ms: number): boolean {
    const { burst, a_second } = this.#rate
    const earned = (Math.max(0, now_ms - this.#at_ms) / 1_000) * a_second
    this.#left = Math.min(burst, this.#left + earned)
    this.#at_ms = now_ms
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}

/** Callers remembered at once; credentials are bounded to fewer. */
const CALLERS_MOST = 2_000

/** One allowance a caller. Whoever asked nothing for longest is forgotten: his burst is full again. */
export class Allowances {
  /** What came too fast, since the start. */
  refused = 0
  readonly #rate: Rate
  readonly #callers = new Map<string, Allowance>()

  constructor(rate: Rate) {
    this.#rate = rate
  }

  take(caller: string, now_ms: number): boolean {
    const allowance = this.#callers.get(caller) ?? new Allowance(this.#rate, now_ms)
    // Last of the map: the first of it asked nothing for longest.
    this.#callers.delete(caller)
    this.#callers.set(caller, allowance)
    if (this.#callers.size > CALLERS_MOST) this.#callers.delete(this.#callers.keys().next().value!)
    const may = allowance.take(now_ms)
    if (!may) this.refused += 1
    return may
  }
}
