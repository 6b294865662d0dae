/**
 * The seam between the controller and any MQTT broker: messages come in through one handler given
 * at creation, messages go out through `publish`. Delivery upwards is at least once while both ends
 * live and no more than that: what must not be lost is sent again until a receipt answers it.
 */

export type BrokerMessage = { topic: string; payload: Uint8Array }

/** QoS 1. Faults: `unavailable` (not connected), `overloaded`, `too_large`, `forbidden` (topic). */
export type Publish = (
  topic: string,
  payload: Uint8Array | string,
  options: { retain?: boolean },
) => Promise<void>

/**
 * Takes a message or says that there is no room for it; returns at once either way. `client` is the
 * MQTT client it came from, where the broker tells. The payload is the handler's own to keep.
 */
export type OnMessage = (message: BrokerMessage & { client?: string }) => boolean

/** Since creation; `connected` is now. What an adapter cannot see stays 0. */
export type BrokerCounters = {
  connected: number
  /** Messages the handler took. */
  taken: number
  /** Messages it had no room for; nobody gets a receipt for them. */
  dropped_full: number
  /** Below a hall's own prefix, but of no meaning to this version. */
  unknown_topic: number
  /** Foreign halls, foreign direction, wills among them. */
  refused_topic: number
  refused_credential: number
  /** Over the bound on connections, or silent for too long before they were let in. */
  refused_connection: number
  /** A packet announced or received over the limit. */
  oversized: number
  /** Connections cut because they did not read what was sent to them. */
  cut_slow: number
  /** Connections that ended by an error of the protocol or of the network. */
  broken: number
}

export interface Broker extends AsyncDisposable {
  publish: Publish
  counters(): BrokerCounters
  close(): Promise<void>
}

export function noCounters(): BrokerCounters {
  return {
    connected: 0,
    taken: 0,
    dropped_full: 0,
    unknown_topic: 0,
    refused_topic: 0,
    refused_credential: 0,
    refused_connection: 0,
    oversized: 0,
    cut_slow: 0,
    broken: 0,
  }
}

/**
 * The payload in memory of its own. A message parsed out of a large network buffer is a view on all
 * of it: kept in a queue it would hold many times the bytes it is counted with.
 */
export function owned(payload: Uint8Array): Uint8Array {
  return payload.buffer.byteLength === payload.byteLength ? payload : Uint8Array.from(payload)
}
