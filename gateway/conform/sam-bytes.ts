/**
 * The bytes of a SAM reply looked at one by one, without the codec: the kit and a simulator would share
 * its mistakes. Says in words what is wrong with a frame, never what a card holds.
 *
 *   AA AA AA 96 69 | LEN 2, high byte first | SW1 SW2 SW3 | data | CHK
 */
import { type Bilingual, hex, silence } from './kind.ts'

const preamble = [0xaa, 0xaa, 0xaa, 0x96, 0x69]
const head = 7

export type SamSeen =
  | { ok: true; length: number; sw: Uint8Array; sw3: number; data: Uint8Array }
  | { ok: false; says: Bilingual }

export function isWholeSam(came: Uint8Array): boolean {
  return came.length >= head && came.length >= head + ((came[5]! << 8) | came[6]!)
}

export function lookAtSam(came: Uint8Array): SamSeen {
  if (came.length === 0) return { ok: false, says: silence }
  if (preamble.some((byte, at) => came[at] !== byte)) {
    return wrong('应答不以 AA AA AA 96 69 开头', 'the answer does not begin with AA AA AA 96 69')
  }
  const big = (came[5]! << 8) | came[6]!
  const little = (came[6]! << 8) | came[5]!
  const rest = came.length - head
  if (rest !== big && rest === little) {
    return wrong(
      `长度字段低位在前：应为 ${hexOf(rest)}，收到 ${hexOf(big)}`,
      `the length is little-endian: ${hexOf(big)} came where ${hexOf(rest)} belongs`,
    )
  }
  if (rest !== big) {
    return wrong(
      `长度字段说 ${big} 字节，实际 ${rest} 字节`,
      `the length says ${big} bytes, ${rest} came`,
    )
  }
  if (big < 4) return wrong('长度小于 4', 'a length below 4')
  let sum = 0
  for (const byte of came.subarray(5)) sum ^= byte
  if (sum !== 0) {
    return wrong(
      '校验字节错误：从长度到数据末尾的异或与之不符',
      'wrong checksum byte: it is not the XOR from the length to the last data byte',
    )
  }
  const sw = came.subarray(head, head + 3)
  return { ok: true, length: big, sw, sw3: sw[2]!, data: came.subarray(head + 3, -1) }
}

function wrong(zh: string, en: string): SamSeen {
  return { ok: false, says: { zh, en } }
}

export function hexOf(value: number): string {
  return hex(Uint8Array.of(value >> 8, value & 0xff))
}

/** For people: command, length and status, never the data behind. */
export function shownSam(came: Uint8Array): string {
  const seen = lookAtSam(came)
  if (came.length === 0) return ''
  if (!seen.ok) return `${came.length} bytes (not shown)`
  const { length, sw, data } = seen
  const zero = data.every((byte) => byte === 0)
  if (data.length <= 8 && zero) return hex(came)
  return `LEN ${hexOf(length)} SW ${hex(sw)} + ${data.length} data bytes (not shown) + CHK`
}
