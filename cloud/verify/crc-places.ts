/**
 * Where a text was changed, told from its CRC-32 alone. The sum is linear: the difference of two
 * sums, led back byte by byte, shows at every place the only change within four bytes that explains
 * it. A text of n bytes has at most n such changes, and hardly ever two of a single byte. Pure.
 */
import { crc32 } from 'node:zlib'

/** `was` stood at `at` where now the bytes `is` stand. */
export type Change = { at: number; is: Buffer; was: Buffer }

const WINDOW_BYTES = 4

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})
/** The top byte of an entry tells which entry it is. */
const byTop = new Uint8Array(256)
for (let i = 0; i < 256; i++) byTop[table[i]! >>> 24] = i

/** The register before a zero byte went through it. */
function back(crc: number): number {
  const entry = byTop[crc >>> 24]!
  return (((crc ^ table[entry]!) << 8) | entry) >>> 0
}

/** One more byte into a finished sum, as {@link crc32} with a start value does. */
export function crcNext(crc: number, byte: number): number {
  const register = ~crc >>> 0
  return ~((register >>> 8) ^ table[(register ^ byte) & 0xff]!) >>> 0
}

/** Every change within four bytes, the first of which did change, that explains the sum `was`. */
export function changesBehind(text: Buffer, was: number): Change[] {
  const changes: Change[] = []
  let xor = (crc32(text) ^ was) >>> 0
  for (let at = text.length - 1; at >= 0 && xor !== 0; at--) {
    xor = back(xor)
    const length = WINDOW_BYTES - (Math.clz32(xor) >>> 3)
    if ((xor & 0xff) === 0 || at + length > text.length) continue
    const is = Buffer.from(text.subarray(at, at + length))
    changes.push({ at, is, was: is.map((byte, i) => byte ^ ((xor >>> (8 * i)) & 0xff)) as Buffer })
  }
  return changes.reverse()
}
