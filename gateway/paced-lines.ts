/**
 * Lines of the text log that a device or a client can cause as often as it likes: a burst as they
 * come, then one in so long, which is the last of them and says how many were left out. Nobody fills
 * a disk that way, and what holds in the end is always told. Lines of another event or another `of`
 * are paced by themselves; both are names of the configuration or of this program, so few.
 */
import type { Cancel, Pace } from '#devices/std/clock.ts'
import type { Log, LogFields, LogLevel } from '#devices/std/log.ts'

export type LineLimits = {
  /** Written as they come. */
  burst: number
  /** After a burst, one in so long; as long a silence earns one of the burst again. */
  every_ms: number
}
/** 20 and then at most 1 440 a day. */
export const line_limits: LineLimits = { burst: 20, every_ms: 60_000 }

type Line = { level: LogLevel; fields: LogFields }
type Standing = {
  event: string
  /** How many may be written at once; grows with time. */
  credit: number
  counted_ms: number
  /** The last that was not written yet. */
  waiting: Line | null
  left_out: number
  due: Cancel | null
}

export class PacedLines {
  readonly #parts: { pace: Pace; log: Log }
  readonly #limits: LineLimits
  readonly #standing = new Map<string, Standing>()

  constructor(parts: { pace: Pace; log: Log }, limits: LineLimits = line_limits) {
    this.#parts = parts
    this.#limits = limits
  }

  say(level: LogLevel, event: string, fields: LogFields = {}, of = ''): void {
    const standing = this.#of(event, of)
    const line = { level, fields }
    this.#earn(standing)
    if (standing.waiting === null && standing.credit >= 1) {
      standing.credit -= 1
      this.#parts.log(level, event, fields)
      return
    }
    if (standing.waiting !== null) standing.left_out += 1
    standing.waiting = line
    const wait_ms = Math.ceil((1 - standing.credit) * this.#limits.every_ms)
    standing.due ??= this.#parts.pace.after(wait_ms, 'log line', () => {
      this.#earn(standing)
      standing.credit = Math.max(0, standing.credit - 1)
      this.#write(standing)
    })
  }

  /** Writes what still waits; nothing is written later. */
  end(): void {
    for (const standing of this.#standing.values()) this.#write(standing)
  }

  #write(standing: Standing): void {
    standing.due?.()
    standing.due = null
    const { waiting, left_out } = standing
    if (waiting === null) return
    standing.waiting = null
    standing.left_out = 0
    const fields = left_out === 0 ? waiting.fields : { ...waiting.fields, left_out }
    this.#parts.log(waiting.level, standing.event, fields)
  }

  #of(event: string, of: string): Standing {
    const key = `${event} ${of}`
    const known = this.#standing.get(key)
    if (known !== undefined) return known
    const counted_ms = this.#parts.pace.now_ms()
    const { burst } = this.#limits
    const fresh = { event, credit: burst, counted_ms, waiting: null, left_out: 0, due: null }
    this.#standing.set(key, fresh)
    return fresh
  }

  #earn(standing: Standing): void {
    const now_ms = this.#parts.pace.now_ms()
    const earned = (now_ms - standing.counted_ms) / this.#limits.every_ms
    standing.credit = Math.min(this.#limits.burst, standing.credit + earned)
    standing.counted_ms = now_ms
  }
}
