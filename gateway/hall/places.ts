/**
 * Where the last record about a ticket or an order stands in the log, whether a receipt covers it and
 * whether the cloud could use what it was told: what lets a page say "booked" or "refused". Bounded;
 * what fell out is simply not known.
 */
import type { Receipt } from '#devices/contract/receipt.ts'
import type { Draft } from '#devices/contract/record.ts'
import { PLACES_MAX } from './limits.ts'

export type Place = {
  epoch: string
  seq: number
  /** The cloud has a record about it, this or an earlier one, and could not use it: why. */
  refused?: string
}
type About = { ticket: string } | { order: string }

export class Places {
  /** Oldest first. */
  readonly #places = new Map<string, Place>()
  /** What each of the last records was about, for the receipts that are to come. */
  readonly #about = new Map<string, readonly string[]>()
  readonly #refused = new Map<string, string>()
  /** Epochs in the order of the path. */
  #epochs: string[] = []
  #receipted: Place | null = null

  /** The state is read from disk again: everything is noted anew. */
  clear(): void {
    this.#places.clear()
    this.#about.clear()
    this.#epochs = []
  }

  note(fact: Pick<Draft, 'kind' | 'data'>, place: Place): void {
    if (this.#epochs.at(-1) !== place.epoch) this.#epochs.push(place.epoch)
    const keys = keysOf(fact.data)
    if (keys.length > 0) this.#about.set(nameOf(place), keys)
    for (const key of keys) {
      this.#places.delete(key)
      this.#places.set(key, place)
    }
    dropOldest(this.#places)
    dropOldest(this.#about)
  }

  /** Records of this log that the cloud keeps and could not use. */
  refuse(records: Receipt['rejected'] = []): void {
    for (const record of records) {
      for (const key of this.#about.get(nameOf(record)) ?? []) this.#refused.set(key, record.code)
    }
    dropOldest(this.#refused)
  }

  of(about: About): Place | null {
    const key = 'ticket' in about ? `ticket ${about.ticket}` : `order ${about.order}`
    const place = this.#places.get(key)
    if (place === undefined) return null
    const refused = this.#refused.get(key)
    return refused === undefined ? place : { ...place, refused }
  }

  receiptedTo(place: Place | null): void {
    this.#receipted = place
  }

  /** Whether the cloud confirmed that it holds the record at `place`, and could use it. */
  booked(place: Place): boolean {
    if (this.#receipted === null || place.refused !== undefined) return false
    const mine = this.#epochs.indexOf(place.epoch)
    const held = this.#epochs.indexOf(this.#receipted.epoch)
    return mine === held ? place.seq <= this.#receipted.seq : mine < held
  }
}

const nameOf = ({ epoch, seq }: Place) => `${epoch} ${seq}`

function dropOldest(map: Map<string, unknown>): void {
  while (map.size > PLACES_MAX) map.delete(map.keys().next().value!)
}

function keysOf(data: Draft['data']): string[] {
  const { ticket, order } = data as { ticket?: string | null; order?: string }
  return [
    ...(typeof ticket === 'string' ? [`ticket ${ticket}`] : []),
    ...(typeof order === 'string' ? [`order ${order}`] : []),
  ]
}
