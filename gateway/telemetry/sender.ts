/**
 * Sends points as line protocol: one message in flight, at most 64 KiB each. While the link is away
 * lines wait in memory, the newest `most_waiting_bytes` of them; what is dropped is counted and the
 * count is a field of the gateway's own point. Telemetry never holds up the log.
 */
import { type Point, printPoint, TELEMETRY_BYTES_MAX } from '#devices/contract/telemetry.ts'
import type { Pace } from '#devices/std/clock.ts'
import { backOff, type Random } from '#devices/std/random.ts'

const most_waiting_bytes = 1024 * 1024

export type SenderParts = {
  pace: Pace
  random: Random
  /** Resolves when the broker took it. */
  publish: (payload: Uint8Array) => Promise<void>
  connected: () => boolean
}

export class TelemetrySender {
  readonly #parts: SenderParts
  #waiting: Uint8Array[] = []
  #bytes = 0
  #sending = false
  #stopped = false
  /** Points dropped since the start. */
  lost = 0

  constructor(parts: SenderParts) {
    this.#parts = parts
  }

  add(points: readonly Point[]): void {
    const encoder = new TextEncoder()
    for (const point of points) {
      const line = printPoint(point)
      if (line === null) continue
      const bytes = encoder.encode(`${line}\n`)
      this.#waiting.push(bytes)
      this.#bytes += bytes.length
    }
    while (this.#bytes > most_waiting_bytes) {
      this.#bytes -= this.#waiting.shift()!.length
      this.lost += 1
    }
    this.flush()
  }

  /** To be called when the link is there again, too. */
  flush(): void {
    if (!this.#sending) void this.#send()
  }

  stop(): void {
    this.#stopped = true
  }

  async #send(): Promise<void> {
    this.#sending = true
    let delays = backOff(this.#parts.random, 1_000, 60_000)
    while (!this.#stopped && this.#waiting.length > 0 && this.#parts.connected()) {
      const lines = this.#take()
      try {
        await this.#parts.publish(Buffer.concat(lines))
        delays = backOff(this.#parts.random, 1_000, 60_000)
      } catch {
        this.#putBack(lines)
        await new Promise<void>((resolve) => {
          this.#parts.pace.after(delays.next().value, 'telemetry', resolve)
        })
      }
    }
    this.#sending = false
  }

  #take(): Uint8Array[] {
    let size = 0
    let count = 0
    for (const line of this.#waiting) {
      if (size + line.length > TELEMETRY_BYTES_MAX) break
      size += line.length
      count += 1
    }
    this.#bytes -= size
    return this.#waiting.splice(0, count)
  }

  #putBack(lines: Uint8Array[]): void {
    this.#waiting = [...lines, ...this.#waiting]
    for (const line of lines) this.#bytes += line.length
  }
}
