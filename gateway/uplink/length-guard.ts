/**
 * Watches the bytes a broker sends and tells of an MQTT packet that is longer than allowed while
 * only its length has come, before anybody buffers the rest.
 */

export type LengthGuard = {
  /** `too_large` or `malformed` as soon as a packet announces that; the link is then of no use. */
  push(bytes: Uint8Array): 'ok' | 'too_large' | 'malformed'
}

const LENGTH_BYTES_MAX = 4

/** `packet_bytes_max` bounds a packet's remaining length: everything behind the fixed header. */
export function lengthGuard(packet_bytes_max: number): LengthGuard {
  let skip = 0
  let headerAt = 0
  let length = 0
  return {
    push(bytes) {
      for (let i = 0; i < bytes.length; ) {
        if (skip > 0) {
          const step = Math.min(skip, bytes.length - i)
          skip -= step
          i += step
          continue
        }
        const byte = bytes[i++]!
        if (headerAt++ === 0) continue
        length += (byte & 0x7f) * 128 ** (headerAt - 2)
        if (length > packet_bytes_max) return 'too_large'
        if (byte >= 0x80) {
          if (headerAt > LENGTH_BYTES_MAX) return 'malformed'
          continue
        }
        skip = length
        headerAt = 0
        length = 0
      }
      return 'ok'
    },
  }
}
