/**
 * Modbus RTU frames made and looked at byte by byte, without the codec: the kit and a simulator would
 * share its mistakes. Says in words what is wrong with an answer.
 *
 *   address | function | data | CRC-16, low byte first
 */
import { type Bilingual, hex, silence } from './kind.ts'

export type ModbusSeen =
  | { ok: true; function: number; data: Uint8Array }
  | { ok: false; says: Bilingual }

export function modbusFrame(...body: readonly number[]): Uint8Array {
  const crc = crcOf(Uint8Array.from(body))
  return Uint8Array.from([...body, crc & 0xff, crc >> 8])
}

/** Reflected A001 from FFFF, bit by bit. */
function crcOf(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1
  }
  return crc
}

/** Whether the answer has the size its function says, whatever its CRC. */
export function isWholeModbus(came: Uint8Array): boolean {
  return came.length >= 5 && came.length >= sizeOf(came)
}

function sizeOf(came: Uint8Array): number {
  const code = came[1]!
  if ((code & 0x80) !== 0) return 5
  return code === 0x06 || code === 0x10 || code === 0x05 ? 8 : 5 + came[2]!
}

export function lookAtModbus(address: number, came: Uint8Array): ModbusSeen {
  if (came.length === 0) return { ok: false, says: silence }
  if (came.length < 5) {
    return wrong(`只有 ${came.length} 字节`, `only ${came.length} bytes: ${hex(came)}`)
  }
  const size = sizeOf(came)
  if (came.length !== size) {
    return wrong(
      `${came.length} 字节，应为 ${size}：${hex(came)}`,
      `${came.length} bytes, ${size} belong there: ${hex(came)}`,
    )
  }
  const crc = crcOf(came.subarray(0, size - 2))
  const [low, high] = [came[size - 2], came[size - 1]]
  if (low === crc >> 8 && high === (crc & 0xff) && low !== high) {
    return wrong(
      'CRC 两字节对调：应低位在前',
      'the CRC bytes are swapped: the low byte belongs first',
    )
  }
  if (low !== (crc & 0xff) || high !== crc >> 8) {
    const right = hex(Uint8Array.of(crc & 0xff, crc >> 8))
    const came2 = hex(came.subarray(size - 2))
    return wrong(`校验错误：${came2}，应为 ${right}`, `wrong checksum: ${came2}, not ${right}`)
  }
  if (came[0] !== address) {
    return wrong(`地址 ${came[0]} 应答`, `address ${came[0]} answered, ${address} was asked`)
  }
  return { ok: true, function: came[1]!, data: came.subarray(2, size - 2) }
}

/** The registers of an answer to function 04 or 03; null for another amount. */
export function wordsOf(data: Uint8Array, count: number): number[] | null {
  if (data[0] !== count * 2 || data.length !== count * 2 + 1) return null
  return Array.from({ length: count }, (_, i) => (data[1 + i * 2]! << 8) | data[2 + i * 2]!)
}

function wrong(zh: string, en: string): ModbusSeen {
  return { ok: false, says: { zh, en } }
}
