/**
 * How fast a hall calls, for the wait printed on a ticket. An estimate in memory: after a start nothing
 * is printed until enough calls were seen.
 */

const calls_kept = 12
const least_intervals = 3
const MINUTE_MS = 60_000

export class CallPace {
  readonly #calls = new Map<string, number[]>()
  readonly #seen = new Map<string, string>()

  /** What a counter shows now; the same ticket again is no new call. */
  saw(counter: string, ticket: string, service: string, at_ms: number): void {
    if (this.#seen.get(counter) === ticket) return
    this.#seen.set(counter, ticket)
    const calls = [...(this.#calls.get(service) ?? []), at_ms]
    this.#calls.set(service, calls.slice(-calls_kept))
  }

  /** Whole minutes, from the quick and the slow quarter of the last calls of that service. */
  wait(service: string, ahead: number): { least: number; most: number } | null {
    const calls = this.#calls.get(service) ?? []
    const intervals = calls
      .slice(1)
      .map((at_ms, i) => Math.max(0, at_ms - calls[i]!))
      .sort((a, b) => a - b)
    if (intervals.length < least_intervals) return null
    const quarter = (share: number) => intervals[Math.floor((intervals.length - 1) * share)]!
    const turns = ahead + 1
    return {
      least: Math.floor((quarter(0.25) * ahead) / MINUTE_MS),
      most: Math.max(1, Math.ceil((quarter(0.75) * turns) / MINUTE_MS)),
    }
  }
}
