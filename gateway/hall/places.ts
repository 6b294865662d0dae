/**
 * Where the last record about a ticket or an order stands in the log, and whether a receipt covers
 * it: what lets a page say "booked". Bounded; what fell out is simply not known.
 */
import type { Draft } from '#devices/contract/record.ts'
import { PLACES_MAX } from './limits.ts'

export type Place = { epoch: string; seq: number }
type About = { ticket: string } | { order: string }

export class Places {
  /** Oldest first. */
  readonly #places = new Map<string, Place>()
  /** Epochs in the order of the path. */
  #epochs: string[] = []
  #receipted: Place | null = null

  /** The state is read from disk again: everything is noted anew. */
  clear(): void {
    this.#places.clear()
    this.#epochs = []
  }

  note(fact: Pick<Draft, 'kind' | 'data'>, place: Place): void {
    if (this.#epochs.at(-1) !== place.epoch) this.#epochs.push(place.epoch)
    for (const key of keysOf(fact.data)) {
      this.#places.delete(key)
      this.#places.set(key, place)
    }
    if (this.#places.size <= PLACES_MAX) return
    const [oldest] = this.#places.keys()
    if (oldest !== undefined) this.#places.delete(oldest)
  }

  of(about: About): Place | null {
    const key = 'ticket' in about ? `ticket ${about.ticket}` : `order ${about.order}`
    return this.#places.get(key) ?? null
  }

  receiptedTo(place: Place | null): void {
    this.#receipted = place
  }

  /** Whether the cloud confirmed that it holds the record at `place`. */
  booked(place: Place): boolean {
    if (this.#receipted === null) return false
    const mine = this.#epochs.indexOf(place.epoch)
    const held = this.#epochs.indexOf(this.#receipted.epoch)
    return mine === held ? place.seq <= this.#receipted.seq : mine < held
  }
}

function keysOf(data: Draft['data']): string[] {
  const { ticket, order } = data as { ticket?: string | null; order?: string }
  return [
    ...(typeof ticket === 'string' ? [`ticket ${ticket}`] : []),
    ...(typeof order === 'string' ? [`order ${order}`] : []),
  ]
}
