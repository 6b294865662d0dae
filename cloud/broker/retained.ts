/**
 * Retained messages by their topic. The library's own store compares every subscription with every
 * retained message, which for a thousand halls that come at once is a million comparisons; halls
 * subscribe without wildcards (access.ts), so one look-up is enough.
 */
import { Readable } from 'node:stream'
import { assert } from '#devices/std/assert.ts'

type Retained = { topic: string; payload: Uint8Array | string }

/** The two members of the library's store that concern retained messages. */
type RetainedStore = {
  storeRetained(packet: Retained): Promise<void>
  createRetainedStreamCombi(filters: string[]): Readable
}

/** Replaces these two members of the broker's store, which exists once the broker was created. */
export function retainByTopic(broker: object): void {
  const store = (broker as { persistence?: Partial<RetainedStore> }).persistence
  assert(store?.storeRetained && store.createRetainedStreamCombi, 'the store is of the known shape')
  const held = new Map<string, Retained>()
  store.storeRetained = async (packet) => {
    if (packet.payload.length === 0) held.delete(packet.topic)
    else held.set(packet.topic, { ...packet })
  }
  store.createRetainedStreamCombi = (filters) =>
    Readable.from(filters.flatMap((filter) => held.get(filter) ?? []))
}
