/**
 * Samsung MDC, both directions: the control protocol of professional panels over RS-232 (9600 8N1) and
 * TCP 1515.
 *
 *   request  AA | command | id | length | data… | sum
 *   answer   AA FF | id | length | 41 or 4E | command | data… | sum
 *
 * The sum is that of all bytes after AA, modulo 256 (V2). Id FE speaks to all panels and is answered by
 * none (V2). An eight-bit sum lets 1 in 256 heavily damaged frames pass, so an answer counts only when
 * `answersMdc` finds it to be the one to that very request.
 * Refuses frames with more than `most_data` bytes. Never throws on input.
 */
import { assert } from '../std/assert.ts'
import { concat } from '../std/bytes.ts'
import { createDeframer, type Deframer, frameOf, more, noiseOf, type Scan } from './deframer.ts'

export const mdc_broadcast = 0xfe
/** Serial numbers and names are the longest known, well below this. */
const most_data = 64

export type MdcRequest = { command: number; id: number; data: Uint8Array }
/** A refusal's data is one error code. */
export type MdcReply = { id: number; accepted: boolean; command: number; data: Uint8Array }

export const mdcCommands = {
  status: 0x00,
  serial_number: 0x0b,
  error_status: 0x0d,
  software_version: 0x0e,
  power: 0x11,
  volume: 0x12,
  mute: 0x13,
  input: 0x14,
  brightness: 0x25,
  panel: 0xf9,
} as const

export type MdcCommandName = keyof typeof mdcCommands

/** Inputs by name; one source each for the rarer ones. */
export const mdcInputs = {
  av: 0x0c,
  component: 0x08,
  pc: 0x14,
  dvi: 0x18,
  magicinfo: 0x20,
  hdmi1: 0x21,
  hdmi2: 0x23,
  dp1: 0x25,
  dp2: 0x26,
  dp3: 0x27,
  hdmi3: 0x31,
  hdmi4: 0x33,
  tv: 0x40,
  plug_in: 0x50,
  hdbaset: 0x55,
  magicinfo_s: 0x60,
  widi: 0x61,
  usb: 0x62,
  url_launcher: 0x63,
  whiteboard: 0x64,
  browser: 0x65,
} as const

export type MdcInputName = keyof typeof mdcInputs

/** The name of an input, or `unlisted` with its hex. */
export function mdcInputName(value: number): string {
  for (const [name, known] of Object.entries(mdcInputs)) if (known === value) return name
  return `unlisted ${value.toString(16).padStart(2, '0')}`
}

export function isMdcInput(name: string): name is MdcInputName {
  return Object.hasOwn(mdcInputs, name)
}

export function mdcRequest(id: number, name: MdcCommandName, ...data: number[]): MdcRequest {
  return { command: mdcCommands[name], id, data: Uint8Array.from(data) }
}

export function encodeMdcRequest({ command, id, data }: MdcRequest): Uint8Array {
  assert(data.length <= most_data, 'the data fits a frame')
  return sealed(concat([command, id, data.length], data))
}

export function encodeMdcReply({ id, accepted, command, data }: MdcReply): Uint8Array {
  assert(data.length <= most_data, 'the data fits a frame')
  return sealed(concat([0xff, id, data.length + 2, accepted ? 0x41 : 0x4e, command], data))
}

function sealed(body: Uint8Array): Uint8Array {
  return concat([0xaa], body, [sum8(body)])
}

function sum8(bytes: Uint8Array): number {
  let sum = 0
  for (const byte of bytes) sum += byte
  return sum & 0xff
}

/** Panel → host. */
export function createMdcReplyDeframer(): Deframer<MdcReply> {
  return createDeframer(scanMdcReply, 7 + most_data)
}

/** Drops single bytes only, so that another protocol's scan may share the stream. */
export function scanMdcReply(view: Uint8Array): Scan<MdcReply> {
  if (view[0] !== 0xaa) return noiseOf(1, 'noise')
  if (view.length > 1 && view[1] !== 0xff) return noiseOf(1, 'noise')
  if (view.length < 4) return more
  const length = view[3]!
  if (length < 2 || length > most_data + 2) return noiseOf(1, 'bad_length')
  if (view.length > 4 && view[4] !== 0x41 && view[4] !== 0x4e) return noiseOf(1, 'noise')
  const size = length + 5
  if (view.length < size) return more
  if (sum8(view.subarray(1, size - 1)) !== view[size - 1]) return noiseOf(1, 'bad_checksum')
  return frameOf(size, {
    id: view[2]!,
    accepted: view[4] === 0x41,
    command: view[5]!,
    data: view.slice(6, size - 1),
  })
}

/** Host → panel. */
export function createMdcRequestDeframer(): Deframer<MdcRequest> {
  return createDeframer(scanRequest, 5 + most_data)
}

function scanRequest(view: Uint8Array): Scan<MdcRequest> {
  if (view[0] !== 0xaa) return noiseOf(1, 'noise')
  if (view.length < 4) return more
  const length = view[3]!
  if (length > most_data) return noiseOf(1, 'bad_length')
  const size = length + 5
  if (view.length < size) return more
  if (sum8(view.subarray(1, size - 1)) !== view[size - 1]) return noiseOf(1, 'bad_checksum')
  return frameOf(size, { command: view[1]!, id: view[2]!, data: view.slice(4, size - 1) })
}

/** Whether `reply` answers `request`: same panel, same command, and what was set is given back. */
export function answersMdc(request: MdcRequest, reply: MdcReply): boolean {
  if (reply.id !== request.id || reply.command !== request.command) return false
  if (!reply.accepted) return reply.data.length === 1
  if (request.data.length === 0) return true
  return reply.data.length === request.data.length
}

export type MdcPower = 'off' | 'on' | 'rebooting'
const powers = ['off', 'on', 'rebooting'] as const

/** Data of an answer to `power`; null for another length or value. */
export function mdcPowerOf(data: Uint8Array): MdcPower | null {
  return data.length === 1 ? (powers[data[0]!] ?? null) : null
}

export type MdcStatus = {
  power: number
  volume: number
  mute: number
  input: number
  aspect: number
  n_time: number
  f_time: number
}

export function mdcStatusOf(data: Uint8Array): MdcStatus | null {
  if (data.length !== 7) return null
  const [power, volume, mute, input, aspect, n_time, f_time] = Array.from(data) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  return { power, volume, mute, input, aspect, n_time, f_time }
}

const flags = ['lamp', 'temperature', 'brightness_sensor', 'no_sync', null, 'fan'] as const
export type MdcTrouble = Exclude<(typeof flags)[number], null>

/** Data of an answer to `error_status`: what is not zero, but for the temperature's value. */
export function mdcTroublesOf(data: Uint8Array): MdcTrouble[] | null {
  if (data.length !== flags.length) return null
  return flags.filter((flag, at) => flag !== null && data[at] !== 0) as MdcTrouble[]
}

/** Printable ASCII of an answer to `serial_number`, without what pads it; null for anything else. */
export function mdcTextOf(data: Uint8Array): string | null {
  let text = ''
  for (const byte of data) text += String.fromCharCode(byte)
  const trimmed = text.replace(/[\0 ]+$/, '')
  return /^[ -~]{1,64}$/.test(trimmed) ? trimmed : null
}
