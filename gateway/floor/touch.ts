/**
 * Identify by touch: while it is on, a pressed key or a laid card only tells which device that was, and
 * displays show the number of their place. A counter where somebody is signed in stays in business.
 * Ends by itself after `most_minutes`.
 */
import type { Cancel, Pace } from '#devices/std/clock.ts'

export const most_minutes = 15
const most_touches = 100

export type Touched = { device: string; at_ms: number }

export class Touch {
  readonly #pace: Pace
  readonly #wall_ms: () => number
  readonly #changed: () => void
  #end: Cancel | null = null
  #until_ms: number | null = null
  #touches: Touched[] = []

  /** `changed` is called when the mode begins and when it ends. */
  constructor(parts: { pace: Pace; wall_ms: () => number }, changed: () => void) {
    this.#pace = parts.pace
    this.#wall_ms = parts.wall_ms
    this.#changed = changed
  }

  get on(): boolean {
    return this.#until_ms !== null
  }

  /** The last touches, newest last, and until when it is on (wall clock, ms since 1970 UTC). */
  view(): { until_ms: number | null; touched: readonly Touched[] } {
    return { until_ms: this.#until_ms, touched: [...this.#touches] }
  }

  begin(minutes: number): void {
    this.#end?.()
    const ms = Math.min(minutes, most_minutes) * 60_000
    this.#until_ms = this.#wall_ms() + ms
    this.#touches = []
    this.#end = this.#pace.after(ms, 'identify by touch', () => this.end())
    this.#changed()
  }

  end(): void {
    this.#end?.()
    this.#end = null
    if (this.#until_ms === null) return
    this.#until_ms = null
    this.#changed()
  }

  touched(device: string): void {
    this.#touches = [...this.#touches, { device, at_ms: this.#wall_ms() }].slice(-most_touches)
  }
}
