/** The hash chain over record texts, as bytes, and the text of their bytes. */
import { hash } from 'node:crypto'
import { RECORD_BYTES_MAX } from '#devices/contract/limits.ts'

const HASH_BYTES = 32

/** `prev ‖ payload` of the step that is being hashed: one place for all, as bytes cost to allot. */
const step = Buffer.allocUnsafe(HASH_BYTES + RECORD_BYTES_MAX)

/** `SHA-256(prev ‖ payload)` after each payload in turn, in hex. */
export function chainHashes(prev: string, payloads: readonly Uint8Array[]): string[] {
  let last = prev
  return payloads.map((payload) => {
    last = link(last, payload)
    return last
  })
}

function link(prev: string, payload: Uint8Array): string {
  // Only a stored segment that was changed by hand holds a longer line.
  const room = payload.length <= RECORD_BYTES_MAX ? step : Buffer.alloc(HASH_BYTES + payload.length)
  room.write(prev, 0, 'hex')
  room.set(payload, HASH_BYTES)
  return hash('sha256', room.subarray(0, HASH_BYTES + payload.length), 'hex')
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Null for bytes that are not UTF-8. */
export function decode(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes)
  } catch {
    return null
  }
}

/**
 * The texts of lines that lie behind one another in `bytes`, each ended by a line feed; null for
 * those that are not UTF-8. Decoded in one piece where all of it is: no character holds a line feed.
 */
export function decodeLines(bytes: Uint8Array, lines: readonly Uint8Array[]): (string | null)[] {
  const texts = decode(bytes)?.split('\n')
  // Behind the last line feed is one more, which is empty.
  return texts?.length === lines.length + 1 ? texts.slice(0, -1) : lines.map(decode)
}

const LINE_FEED = 0x0a

/** The lines of a segment, without their line feeds. */
export function segmentLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  for (let from = 0; from < bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, from)
    // A stored segment that was changed by hand may lack its last line feed.
    const end = found < 0 ? bytes.length : found
    lines.push(bytes.subarray(from, end))
    from = end + 1
  }
  return lines
}
