/**
 * From the bytes of a message to an item of intake: decompressed within bounds, split, its header
 * read. What is not a batch or a birth is a refusal with a code; nothing here is thrown.
 */
import { gunzipSync } from 'node:zlib'
import { readBatch } from '#devices/contract/batch.ts'
import {
  BATCH_BYTES_MAX,
  BATCH_WIRE_BYTES_MAX,
  MESSAGE_BYTES_MAX,
} from '#devices/contract/limits.ts'
import { Presence } from '#devices/contract/presence.ts'
import { Fault, type FaultCode, isFault } from '#devices/std/fault.ts'
import { decode } from './chain.ts'
import type { Item } from './commit.ts'

/** Most batches come out in one piece of this size. */
const CHUNK_BYTES = 512 * 1024

export type Unpacked = { ok: true; item: Item } | { ok: false; code: FaultCode; detail: string }

export function unpackBatch(hall: string, payload: Uint8Array): Unpacked {
  try {
    return { ok: true, item: { type: 'batch', hall, batch: readBatch(plain(payload), decode) } }
  } catch (error) {
    if (isFault(error)) return { ok: false, code: error.code, detail: error.detail }
    return { ok: false, code: 'malformed', detail: 'batch' }
  }
}

function plain(payload: Uint8Array): Uint8Array {
  if (payload.length > BATCH_WIRE_BYTES_MAX) throw new Fault('too_large', `${payload.length} bytes`)
  if (payload[0] !== 0x1f || payload[1] !== 0x8b) return payload
  try {
    // Stops as soon as the output passes the bound, however small the input was.
    return gunzipSync(payload, { maxOutputLength: BATCH_BYTES_MAX, chunkSize: CHUNK_BYTES })
  } catch (error) {
    const code = (error as { code?: unknown }).code
    throw new Fault(code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'malformed', 'gzip')
  }
}

/** The presence message itself, and for a birth the item that gets it a receipt. */
export function unpackPresence(payload: Uint8Array): Presence | null {
  if (payload.length > MESSAGE_BYTES_MAX) return null
  const text = decode(payload)
  if (text === null) return null
  try {
    return Presence.parse(JSON.parse(text))
  } catch {
    return null
  }
}
