/** Check sums over byte ranges. Pure arithmetic; nothing here can fail. */

/** XOR of all bytes: the check byte of the SAM protocol (GA 450). */
export function xor8(bytes: Uint8Array): number {
  let sum = 0
  for (const byte of bytes) sum ^= byte
  return sum
}

const crc16Table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1
  return crc
})

/**
 * CRC-16/MODBUS: reflected polynomial A001, start FFFF, no final XOR. The value of ASCII
 * `123456789` is 4B37. On the wire the low byte goes first.
 */
export function crc16Modbus(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) crc = (crc >>> 8) ^ crc16Table[(crc ^ byte) & 0xff]!
  return crc
}
