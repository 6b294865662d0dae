/** How the records of a batch are stored: their texts as one run of lines, and a sum of each. */
import { crc32 } from 'node:zlib'
import { assert } from '#devices/std/assert.ts'
import { SEGMENT_BYTES_MAX } from './limits.ts'

const LINE_FEED = 0x0a
const CRC_BYTES = 4

/** The payloads in runs that are each stored as one segment, in their order. */
export function* segmentRuns(payloads: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let [from, bytes] = [0, 0]
  for (let i = 0; i < payloads.length; i++) {
    const more = payloads[i]!.length + 1
    if (i > from && bytes + more > SEGMENT_BYTES_MAX) {
      yield payloads.slice(from, i)
      ;[from, bytes] = [i, 0]
    }
    bytes += more
  }
  yield payloads.slice(from)
}

/** The texts, each ended by a line feed. Records as one message brought them are not copied. */
export function withLineFeeds(payloads: readonly Uint8Array[]): Uint8Array {
  return asTheyLie(payloads) ?? copied(payloads)
}

/** The bytes under the payloads where they are lines behind one another, their line feeds too. */
function asTheyLie(payloads: readonly Uint8Array[]): Uint8Array | null {
  const { buffer, byteOffset } = payloads[0]!
  const memory = new Uint8Array(buffer)
  let at = byteOffset
  for (const payload of payloads) {
    if (payload.buffer !== buffer || payload.byteOffset !== at) return null
    at += payload.length
    if (memory[at++] !== LINE_FEED) return null
  }
  return memory.subarray(byteOffset, at)
}

function copied(payloads: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(payloads.reduce((sum, payload) => sum + payload.length + 1, 0))
  let at = 0
  for (const payload of payloads) {
    assert(!payload.includes(LINE_FEED), 'a record is one line')
    bytes.set(payload, at)
    at += payload.length
    bytes[at++] = LINE_FEED
  }
  return bytes
}

/**
 * CRC-32 of each text, four bytes a record, big-endian. It proves nothing, the chain does that: it
 * is what lets a verification point at the place where a stored byte changed.
 */
export function crcsOf(payloads: readonly Uint8Array[]): Uint8Array {
  const crcs = new DataView(new ArrayBuffer(payloads.length * CRC_BYTES))
  payloads.forEach((payload, i) => {
    crcs.setUint32(i * CRC_BYTES, crc32(payload))
  })
  return new Uint8Array(crcs.buffer)
}
