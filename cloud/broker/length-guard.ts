/**
 * Follows the packets of an MQTT 3.1.1 stream by their fixed headers alone, to know a packet's
 * length before any of it is kept. Pure; correct however the stream is split.
 * Source of the format: MQTT 3.1.1, 2.2 (fixed header), 2.2.3 (remaining length, 1 to 4 bytes).
 */

export type GuardVerdict =
  | { kind: 'pass' }
  /** The announced remaining length, over the limit. */
  | { kind: 'oversized'; length_bytes: number }
  /** A remaining length of more than 4 bytes, which no packet has. */
  | { kind: 'malformed' }

export type LengthGuard = {
  /** Looks at the next bytes. After anything but `pass` the stream is not to be used any more. */
  look(chunk: Uint8Array): GuardVerdict
  /** Changes the limit, in bytes of remaining length, for packets that begin after this call. */
  allow(limit_bytes: number): void
}

const pass: GuardVerdict = { kind: 'pass' }

export function lengthGuard(limit_bytes: number): LengthGuard {
  let limit = limit_bytes
  let body_left = 0
  /** -1: the next byte begins a packet; else number of length bytes seen. */
  let length_bytes_seen = -1
  let length = 0

  function lookAtByte(byte: number): GuardVerdict {
    if (length_bytes_seen < 0) {
      length_bytes_seen = 0
      length = 0
      return pass
    }
    length += (byte & 0x7f) * 128 ** length_bytes_seen
    length_bytes_seen += 1
    // Judged as soon as it is certain, not when the last length byte has come.
    if (length > limit) return { kind: 'oversized', length_bytes: length }
    if ((byte & 0x80) !== 0) return length_bytes_seen === 4 ? { kind: 'malformed' } : pass
    body_left = length
    length_bytes_seen = -1
    return pass
  }

  return {
    look(chunk) {
      for (let at = 0; at < chunk.length; ) {
        if (body_left > 0) {
          const skipped = Math.min(body_left, chunk.length - at)
          body_left -= skipped
          at += skipped
          continue
        }
        const verdict = lookAtByte(chunk[at] ?? 0)
        if (verdict.kind !== 'pass') return verdict
        at += 1
      }
      return pass
    },
    allow(limit_bytes) {
      limit = limit_bytes
    },
  }
}
