/**
 * Messages that wait to be booked, bounded in bytes and in messages a hall. Over a bound a message
 * is not taken: its gateway sends it again. A hall's messages are only ever in one place at a time,
 * so they keep their order.
 */
import {
  MESSAGE_COST_BYTES,
  MICRO_BATCH_BYTES_MAX,
  MICRO_BATCH_MESSAGES_MAX,
  QUEUE_BYTES_MAX,
  QUEUE_HALL_MESSAGES_MAX,
} from './limits.ts'

/** A message as it came, of one of the topics that are booked. */
export type Packed = { hall: string; name: 'log' | 'presence'; payload: Uint8Array }

export class IntakeQueue {
  #waiting: Packed[] = []
  #bytes = 0
  /** Messages of each hall that wait. */
  readonly #of = new Map<string, number>()
  /** Halls of the micro-batches under way. */
  readonly #busy = new Set<string>()

  /** Of all that waits, with what each message costs beside its bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /** False: there is no room for it. A hall that floods fills its own share and no other hall's. */
  add(message: Packed): boolean {
    const { hall, payload } = message
    const own = this.#of.get(hall) ?? 0
    const full = this.#bytes + costOf(payload) > QUEUE_BYTES_MAX
    if (full || own >= QUEUE_HALL_MESSAGES_MAX) return false
    this.#bytes += costOf(payload)
    this.#of.set(hall, own + 1)
    this.#waiting.push(message)
    return true
  }

  /** The oldest messages of halls of which nothing is under way; those halls are busy until `done`. */
  next(): Packed[] {
    const next: Packed[] = []
    let bytes = 0
    this.#waiting = this.#waiting.filter((one) => {
      const full = next.length >= MICRO_BATCH_MESSAGES_MAX || bytes >= MICRO_BATCH_BYTES_MAX
      if (full || this.#busy.has(one.hall)) return true
      next.push(one)
      bytes += one.payload.length
      this.#leave(one)
      return false
    })
    for (const { hall } of next) this.#busy.add(hall)
    return next
  }

  done(messages: readonly Packed[]): void {
    for (const { hall } of messages) this.#busy.delete(hall)
  }

  #leave({ hall, payload }: Packed): void {
    this.#bytes -= costOf(payload)
    const left = (this.#of.get(hall) ?? 0) - 1
    if (left > 0) this.#of.set(hall, left)
    else this.#of.delete(hall)
  }
}

const costOf = (payload: Uint8Array): number => payload.length + MESSAGE_COST_BYTES
