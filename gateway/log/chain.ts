/** The hash chain over record texts, as bytes. */
import { hash } from 'node:crypto'
import { RECORD_BYTES_MAX } from '#devices/contract/limits.ts'

const HASH_BYTES = 32

/** `prev ‖ payload` of the step that is being hashed: one place for all, as bytes cost to allot. */
const step = Buffer.allocUnsafe(HASH_BYTES + RECORD_BYTES_MAX)

/** `SHA-256(prev ‖ payload)`. */
export function link(prev: Uint8Array, payload: Uint8Array): Uint8Array {
  // Only a row that was changed by hand is longer.
  const room = payload.length <= RECORD_BYTES_MAX ? step : Buffer.alloc(HASH_BYTES + payload.length)
  room.set(prev, 0)
  room.set(payload, HASH_BYTES)
  // As characters, not as bytes: a hash given as bytes is allotted apart, which costs as much again.
  return Buffer.from(
    hash('sha256', room.subarray(0, HASH_BYTES + payload.length), 'latin1'),
    'latin1',
  )
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
export const unhex = (text: string): Uint8Array => Buffer.from(text, 'hex')
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const encode = (text: string): Uint8Array => Buffer.from(text)

/** Null for bytes that are not UTF-8. */
export function decode(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes)
  } catch {
    return null
  }
}
