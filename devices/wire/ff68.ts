/**
 * The `FF 68` frame of a call pad and a rating pad found in the field, both directions.
 *
 *   FF 68 | L L | 68 | address | command | data… | sum | 16      L = 2 + number of data bytes
 *
 * The sum is that of address, command and data, modulo 256. 9600 8N1.
 * Sources: the frame agrees in a deployed open-source queue system (JackQChen/QueueSystem) and in a
 * vendor's document (V2). Key and display values come from that program alone, the rating's command
 * from the document alone (V1): one source each, so they are assumptions until a real pad says so.
 * Also assumed: key frames have command 01 (the program looks at the data only), and frames carry at
 * most `most_data` bytes.
 * Refuses frames with longer data. Never throws on input.
 */
import { assert } from '../std/assert.ts'
import { concat } from '../std/bytes.ts'
import {
  createDeframer,
  type Deframer,
  frameOf,
  more,
  noiseOf,
  type Scan,
  skipTo,
} from './deframer.ts'

export type Ff68Frame = { address: number; command: number; data: Uint8Array }

/** Six are the most seen; digits before a key leave some room. */
export const most_data = 16
const head_bytes = 5
const most_frame = head_bytes + 2 + most_data + 2

export const ff68Commands = {
  /** Assumed; on the way back also the answer to a rating. */
  key: 0x01,
  show: 0x02,
  beep: 0x03,
  rating: 0x11,
} as const

/** Keys by the last data byte. */
const keys = {
  rate: 0x0b,
  next: 0x0c,
  recall: 0x0d,
  cancel: 0x0e,
  pause: 0x12,
  transfer: 0x13,
} as const
/** One digit, then the enter key. */
const digitKeys = { park: 0, call_back: 3, no_show: 6 } as const
const enter = 0x0f
/** Shown where a digit is to stay dark. */
const dark = 0x0a

export type Ff68Key = keyof typeof keys | keyof typeof digitKeys

export function encodeFf68(frame: Ff68Frame): Uint8Array {
  const { address, command, data } = frame
  assert(data.length <= most_data, 'the data fits a frame')
  assert(isByte(address) && isByte(command), 'address and command are bytes')
  const length = 2 + data.length
  const body = concat([address, command], data)
  return concat([0xff, 0x68, length, length, 0x68], body, [sum8(body), 0x16])
}

/** Pad → host and host → pad: the frame is the same, and so is the acknowledgement. */
export function createFf68Deframer(): Deframer<Ff68Frame> {
  return createDeframer(scan, most_frame)
}

function scan(view: Uint8Array): Scan<Ff68Frame> {
  if (view[0] !== 0xff) return noiseOf(skipTo(view, 0xff), 'noise')
  if (view.length > 1 && view[1] !== 0x68) return noiseOf(1, 'noise')
  if (view.length < 3) return more
  const length = view[2]!
  if (length < 2 || length > 2 + most_data) return noiseOf(1, 'bad_length')
  if (view.length > 3 && view[3] !== length) return noiseOf(1, 'bad_length')
  if (view.length > 4 && view[4] !== 0x68) return noiseOf(1, 'noise')
  const size = head_bytes + length + 2
  if (view.length < size) return more
  const body = view.subarray(head_bytes, head_bytes + length)
  if (view[size - 2] !== sum8(body)) return noiseOf(1, 'bad_checksum')
  if (view[size - 1] !== 0x16) return noiseOf(1, 'noise')
  return frameOf(size, { address: body[0]!, command: body[1]!, data: body.slice(2) })
}

function sum8(bytes: Uint8Array): number {
  let sum = 0
  for (const byte of bytes) sum += byte
  return sum & 0xff
}

function isByte(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xff
}

/** What a key frame says; null for a rating, for what the host sends and for keys not listed. */
export function keyOf(frame: Ff68Frame): Ff68Key | null {
  const { command, data } = frame
  const { show, beep, rating } = ff68Commands
  if (command === show || command === beep || command === rating) return null
  const last = data.at(-1)
  if (last === enter) return data.length === 2 ? nameOf(digitKeys, data[0]!) : null
  return last === undefined ? null : nameOf(keys, last)
}

export function keyFrame(address: number, key: Ff68Key): Ff68Frame {
  const data = key in digitKeys ? [digitKeys[key as keyof typeof digitKeys], enter] : []
  if (key in keys) data.push(keys[key as keyof typeof keys])
  return { address, command: ff68Commands.key, data: Uint8Array.from(data) }
}

/** The key byte of a rating: its last data byte, as with keys. Null for any other frame. */
export function ratingOf(frame: Ff68Frame): number | null {
  if (frame.command !== ff68Commands.rating) return null
  return frame.data.at(-1) ?? null
}

export function ratingFrame(address: number, key: number): Ff68Frame {
  return { address, command: ff68Commands.rating, data: Uint8Array.of(key) }
}

/** A rating is answered with command 01 and the same data, which lowers the sum by hex 10. */
export function ratingAnswer(frame: Ff68Frame): Ff68Frame {
  return { ...frame, command: ff68Commands.key }
}

/** Three digits each; null leaves them dark. */
export type Ff68Shows = { waiting: number | null; ticket: string | null }

/** `waiting` above 999 shows 999; `ticket` is up to three digits, as `ticketDigits` gives them. */
export function showFrame(address: number, shows: Ff68Shows): Ff68Frame {
  const { waiting, ticket } = shows
  const count = waiting === null ? null : String(Math.min(waiting, 999)).padStart(3, '0')
  const data = [...digitsOf(count), ...digitsOf(ticket)]
  return { address, command: ff68Commands.show, data: Uint8Array.from(data) }
}

/** The digits at the end of a printed number, at most the last three; null where it has none. */
export function ticketDigits(number: string): string | null {
  return /\d{1,3}$/.exec(number)?.[0] ?? null
}

function digitsOf(text: string | null): number[] {
  const padded = (text ?? '').padStart(3, ' ')
  assert(/^ *\d*$/.test(padded) && padded.length === 3, 'three digits are shown')
  return Array.from(padded, (digit) => (digit === ' ' ? dark : Number(digit)))
}

/** What a frame of command 02 shows; null for any other. */
export function showsOf(frame: Ff68Frame): Ff68Shows | null {
  const { command, data } = frame
  if (command !== ff68Commands.show || data.length !== 6) return null
  if (data.some((byte) => byte > dark)) return null
  const text = Array.from(data, (byte) => (byte === dark ? ' ' : String(byte))).join('')
  const count = text.slice(0, 3).trim()
  const ticket = text.slice(3).trim()
  return { waiting: count === '' ? null : Number(count), ticket: ticket === '' ? null : ticket }
}

export function beepFrame(address: number): Ff68Frame {
  return { address, command: ff68Commands.beep, data: new Uint8Array(0) }
}

function nameOf<Name extends string>(table: Readonly<Record<Name, number>>, value: number) {
  for (const name of Object.keys(table) as Name[]) if (table[name] === value) return name
  return null
}
