/**
 * What happens in the hall, for pages that are open: shown changes and calls. A page that does not
 * keep up is cut off and reads the state again when it comes back; nobody waits for it.
 */
import type { Board, CallEvent } from '#devices/contract/board.ts'
import type { HeldBack } from '../floor/binding.ts'
import type { CounterView } from './ports.ts'

export type HallEvent =
  /** What a counter shows changed. */
  | { type: 'counter'; counter: CounterView }
  /** A number is called or called again: for boards and voices of pages. */
  | CallEvent
  /** The whole board, in place of the one before. */
  | { type: 'board'; board: Board }
  /** A card was read at a counter, or is forgotten. What is on it comes only to who asks. */
  | { type: 'card'; counter: string; present: boolean }
  /** What a device said was kept from the hall: it is not the one that belongs there. */
  | {
      type: 'held_back'
      device: string
      counter: string | null
      why: HeldBack
    }
  /** The business day was opened or closed. */
  | { type: 'day'; day: string; open: boolean }
  | { type: 'queue'; service: string; waiting: number }

/** Pages open at once. */
export const EVENT_CLIENTS_MAX = 64
/** Of them those of one token, so that no device takes the places of all others. */
export const EVENT_CLIENTS_OF_CALLER_MAX = 16
/** Events a page may be behind. */
export const EVENTS_WAITING_MAX = 256

export type EventClient = {
  /** The next events, oldest first; null when this client was cut off or the hub closed. */
  next(): Promise<readonly HallEvent[] | null>
  close(): void
}

export class EventHub {
  readonly #clients = new Set<Queue>()
  #closed = false
  /** Pages that were cut off since the start. */
  cutOff = 0

  get clients(): number {
    return this.#clients.size
  }

  publish(event: HallEvent): void {
    for (const client of this.#clients) {
      if (client.push(event)) continue
      this.cutOff++
      client.hangUp()
    }
  }

  /**
   * Null when too many pages are open, of all or of `caller`, or the hub is closed. `hangUp` is
   * called when this side ends it, as a page that does not read also does not notice.
   */
  connect(caller: string, hangUp: () => void): EventClient | null {
    if (this.#closed || this.#clients.size >= EVENT_CLIENTS_MAX) return null
    const own = [...this.#clients].filter((client) => client.caller === caller)
    if (own.length >= EVENT_CLIENTS_OF_CALLER_MAX) return null
    const client = new Queue(caller, () => this.#clients.delete(client), hangUp)
    this.#clients.add(client)
    return client
  }

  close(): void {
    this.#closed = true
    for (const client of [...this.#clients]) client.hangUp()
  }
}

class Queue implements EventClient {
  readonly caller: string
  readonly #gone: () => void
  readonly #cut: () => void
  #waiting: HallEvent[] = []
  #open = true
  #wake: (() => void) | null = null

  constructor(caller: string, gone: () => void, cut: () => void) {
    this.caller = caller
    this.#gone = gone
    this.#cut = cut
  }

  hangUp(): void {
    this.close()
    this.#cut()
  }

  /** False when the client is too far behind. */
  push(event: HallEvent): boolean {
    if (this.#waiting.length >= EVENTS_WAITING_MAX) return false
    this.#waiting.push(event)
    this.#wake?.()
    return true
  }

  async next(): Promise<readonly HallEvent[] | null> {
    if (this.#open && this.#waiting.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = null
    }
    if (!this.#open) return null
    const events = this.#waiting
    this.#waiting = []
    return events
  }

  close(): void {
    this.#open = false
    this.#waiting = []
    this.#gone()
    this.#wake?.()
  }
}
