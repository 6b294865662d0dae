/**
 * Modbus RTU, both directions: functions 02, 03, 04, 05, 06, 10 (hex) and exceptions.
 *
 *   address 1 | function 1 | data | CRC-16 low byte first
 *
 * Over TCP serial servers the silence between frames is lost, so frames are cut by the length
 * their function says and proved by the CRC; what does not fit is noise and the scan goes on at the
 * next byte. A reply counts only when `answers` finds it to be the answer to that very request.
 * Refuses other functions (their length is not known) and more registers than the standard allows.
 */
import { assert } from '../std/assert.ts'
import { concat, u16be } from '../std/bytes.ts'
import { crc16Modbus } from '../std/crc.ts'
import { createDeframer, type Deframer, frameOf, more, noiseOf, type Scan } from './deframer.ts'

/** Address 0 speaks to all units and is answered by none. */
export const broadcast = 0
export const most_address = 247
/** Most registers in one read or write, by the standard's frame size of 256 bytes. */
export const most_read = 125
export const most_write = 123
const most_bits = 2000

export type ModbusRequest = { address: number } & (
  | { function: 'read_inputs' | 'read_holding' | 'read_input'; start: number; count: number }
  | { function: 'write_coil'; at: number; on: boolean }
  | { function: 'write_one'; at: number; value: number }
  | { function: 'write_many'; start: number; values: number[] }
)

export type ModbusReply = { address: number } & (
  | { function: 'read_inputs'; bits: Uint8Array }
  | { function: 'read_holding' | 'read_input'; values: number[] }
  | { function: 'write_coil'; at: number; on: boolean }
  | { function: 'write_one'; at: number; value: number }
  | { function: 'write_many'; start: number; count: number }
  | { function: 'exception'; of: ModbusFunction; exception: ModbusException }
)

const codes = {
  read_inputs: 0x02,
  read_holding: 0x03,
  read_input: 0x04,
  write_coil: 0x05,
  write_one: 0x06,
  write_many: 0x10,
} as const

export type ModbusFunction = keyof typeof codes

const names = new Map<number, ModbusFunction>(
  (Object.keys(codes) as ModbusFunction[]).map((name) => [codes[name], name]),
)

const exceptions = {
  illegal_function: 1,
  illegal_address: 2,
  illegal_value: 3,
  device_failure: 4,
  busy: 6,
} as const

export type ModbusException = keyof typeof exceptions | 'unlisted'

function exceptionName(code: number): ModbusException {
  for (const [name, value] of Object.entries(exceptions)) {
    if (value === code) return name as ModbusException
  }
  return 'unlisted'
}

export function encodeModbusRequest(request: ModbusRequest): Uint8Array {
  const code = codes[request.function]
  switch (request.function) {
    case 'write_coil':
      return sealed(request.address, code, word(request.at), [request.on ? 0xff : 0, 0])
    case 'write_one':
      return sealed(request.address, code, word(request.at), word(request.value))
    case 'write_many': {
      const { start, values } = request
      assert(values.length >= 1 && values.length <= most_write, 'registers fit one frame')
      const head = [...word(start), ...word(values.length), values.length * 2]
      return sealed(request.address, code, head, values.flatMap(word))
    }
    default:
      return sealed(request.address, code, word(request.start), word(request.count))
  }
}

export function encodeModbusReply(reply: ModbusReply): Uint8Array {
  if (reply.function === 'exception') {
    assert(reply.exception !== 'unlisted', 'an exception has a number')
    return sealed(reply.address, codes[reply.of] | 0x80, [exceptions[reply.exception]])
  }
  const code = codes[reply.function]
  switch (reply.function) {
    case 'read_inputs':
      return sealed(reply.address, code, [reply.bits.length], reply.bits)
    case 'write_coil':
      return sealed(reply.address, code, word(reply.at), [reply.on ? 0xff : 0, 0])
    case 'write_one':
      return sealed(reply.address, code, word(reply.at), word(reply.value))
    case 'write_many':
      return sealed(reply.address, code, word(reply.start), word(reply.count))
    default:
      return sealed(reply.address, code, [reply.values.length * 2], reply.values.flatMap(word))
  }
}

function word(value: number): number[] {
  assert(Number.isInteger(value) && value >= 0 && value <= 0xffff, 'a register has 16 bits')
  return [value >> 8, value & 0xff]
}

function sealed(address: number, code: number, ...parts: ArrayLike<number>[]): Uint8Array {
  assert(address >= 0 && address <= most_address, 'an address is 0 to 247')
  const body = concat([address, code], ...parts)
  const crc = crc16Modbus(body)
  return concat(body, [crc & 0xff, crc >> 8])
}

/** Unit → master. */
export function createModbusReplyDeframer(): Deframer<ModbusReply> {
  return createDeframer((view) => scanWith(view, replySize, readReply), 256)
}

/** Master → unit. */
export function createModbusRequestDeframer(): Deframer<ModbusRequest> {
  return createDeframer((view) => scanWith(view, requestSize, readRequest), 256)
}

/** A size in bytes, or why there is none yet or at all. */
type Size = number | 'more' | 'noise' | 'bad_length'

function scanWith<Frame>(
  view: Uint8Array,
  sizeOf: (view: Uint8Array) => Size,
  read: (frame: Uint8Array) => Frame | null,
): Scan<Frame> {
  if (view[0]! > most_address) return noiseOf(1, 'noise')
  if (view.length < 2) return more
  const size = sizeOf(view)
  if (size === 'more') return more
  if (typeof size === 'string') return noiseOf(1, size)
  if (view.length < size) return more
  const crc = crc16Modbus(view.subarray(0, size - 2))
  if (view[size - 2] !== (crc & 0xff) || view[size - 1] !== crc >> 8) {
    return noiseOf(1, 'bad_checksum')
  }
  const frame = read(view.subarray(0, size))
  return frame === null ? noiseOf(size, 'bad_length') : frameOf(size, frame)
}

function replySize(view: Uint8Array): Size {
  const code = view[1]!
  if (code & 0x80) return names.has(code & 0x7f) ? 5 : 'noise'
  const name = names.get(code)
  if (name === undefined) return 'noise'
  if (name.startsWith('write')) return 8
  if (view.length < 3) return 'more'
  const bytes = view[2]!
  const words = name !== 'read_inputs'
  if (bytes === 0 || bytes > 250 || (words && bytes % 2 === 1)) return 'bad_length'
  return 5 + bytes
}

function readReply(frame: Uint8Array): ModbusReply | null {
  const address = frame[0]!
  const code = frame[1]!
  if (code & 0x80) {
    const of = names.get(code & 0x7f)!
    return { address, function: 'exception', of, exception: exceptionName(frame[2]!) }
  }
  const name = names.get(code)!
  switch (name) {
    case 'read_inputs':
      return { address, function: name, bits: frame.slice(3, -2) }
    case 'write_coil':
      return readCoil(frame)
    case 'write_one':
      return { address, function: name, at: u16be(frame, 2), value: u16be(frame, 4) }
    case 'write_many':
      return { address, function: name, start: u16be(frame, 2), count: u16be(frame, 4) }
    default:
      return { address, function: name, values: readWords(frame, 3, frame.length - 2) }
  }
}

function requestSize(view: Uint8Array): Size {
  const name = names.get(view[1]!)
  if (name === undefined) return 'noise'
  if (name !== 'write_many') return 8
  if (view.length < 7) return 'more'
  const count = u16be(view, 4)
  if (count < 1 || count > most_write || view[6] !== count * 2) return 'bad_length'
  return 9 + count * 2
}

function readRequest(frame: Uint8Array): ModbusRequest | null {
  const address = frame[0]!
  const name = names.get(frame[1]!)!
  switch (name) {
    case 'write_coil':
      return readCoil(frame)
    case 'write_one':
      return { address, function: name, at: u16be(frame, 2), value: u16be(frame, 4) }
    case 'write_many':
      return {
        address,
        function: name,
        start: u16be(frame, 2),
        values: readWords(frame, 7, frame.length - 2),
      }
    default: {
      const count = u16be(frame, 4)
      const most = name === 'read_inputs' ? most_bits : most_read
      if (count < 1 || count > most) return null
      return { address, function: name, start: u16be(frame, 2), count }
    }
  }
}

function readCoil(frame: Uint8Array) {
  const value = u16be(frame, 4)
  if (value !== 0xff00 && value !== 0) return null
  return {
    address: frame[0]!,
    function: 'write_coil',
    at: u16be(frame, 2),
    on: value !== 0,
  } as const
}

function readWords(frame: Uint8Array, from: number, to: number): number[] {
  const values: number[] = []
  for (let at = from; at < to; at += 2) values.push(u16be(frame, at))
  return values
}

/**
 * Whether `reply` answers `request`: same unit, same function, same place and amount. A late or
 * damaged frame of another exchange does not.
 */
export function answers(request: ModbusRequest, reply: ModbusReply): boolean {
  if (reply.address !== request.address) return false
  if (reply.function === 'exception') return reply.of === request.function
  switch (request.function) {
    case 'read_inputs':
      return reply.function === 'read_inputs' && reply.bits.length === Math.ceil(request.count / 8)
    case 'write_coil':
      return reply.function === 'write_coil' && reply.at === request.at && reply.on === request.on
    case 'write_one':
      return (
        reply.function === 'write_one' && reply.at === request.at && reply.value === request.value
      )
    case 'write_many':
      return (
        reply.function === 'write_many' &&
        reply.start === request.start &&
        reply.count === request.values.length
      )
    default:
      return reply.function === request.function && reply.values.length === request.count
  }
}
