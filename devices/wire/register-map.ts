/**
 * OUR register map for call pads, ticket panels, rating pads and counter displays over Modbus RTU: a
 * profile of this project over an open standard, no vendor's. `docs/call-pad-register-map.md` is the
 * data sheet a maker builds from; a test holds the two together.
 *
 * LINE  19200 8E1 on RS-485, or TCP. Unit addresses 1 to 247, at most 16 polled units on a bus.
 *
 * INPUT REGISTERS (function 04)
 *   0000       4857 hex (`HW`)
 *   0001       version of this map: 1
 *   0002       class: 1 call pad, 2 ticket panel, 3 rating pad, 4 counter display
 *   0003-000A  serial number, 16 ASCII characters, padded with blanks; never changes
 *   000B       firmware, major × 256 + minor
 *   0020-0021  boot nonce, high word first: a random number other than 0, drawn anew at each
 *              power-up; the events of a boot are numbered under it
 *   0022-0023  number of the latched event, high word first; 0 = nothing latched. Within a boot the
 *              first event is 1, each next one more
 *   0024       event code (below)
 *   0025       event argument
 *   0026       events held, the latched one included
 *   0027       presses not taken since power-up because no room was left (stays at FFFF)
 *   0028-002B  what was typed before the key, 8 ASCII characters padded with blanks; with a rating
 *              the id of the request it answers, blank when nothing was asked
 *   0020-0023 are read alone by every poll, so that a bus of 16 stays quick; the whole block only
 *   when something is latched.
 *
 * HOLDING REGISTERS (function 10 hex, each block in one write)
 *   0040-0044  acknowledgement: boot nonce (2), event number (2), outcome: 1 recorded, 2 refused
 *   0050-0054  display: mode (0 blank, 1 number, 2 paused), 8 ASCII characters padded with blanks
 *   0060-0066  prompt of a rating pad: mode (0 idle, 1 asking), keys that count (3, 4 or 5), seconds
 *              until it goes idle by itself (1 to 255), id of the request, 8 ASCII characters
 *   0070-0071  unit address: 4857 hex, the new address. As a broadcast only, and only for the unit of
 *              which a key is held
 *
 * RULES FOR THE UNIT
 * 1. A press takes the next event number and is held, oldest first, in room for at least 8 events.
 *    Without room the press is not taken: no number, a long beep, 0027 counts it.
 * 2. The latch shows the oldest event until an acknowledgement names exactly its boot nonce and
 *    number; then the unit shows the outcome on its lamp (recorded: green, refused: red) and latches
 *    the next. Reading does not release it.
 * 3. The acknowledgement before may come again (its answer was lost): answered as before, nothing is
 *    released. Any other pair is refused with exception 03.
 * 4. After power-up the nonce is new, nothing is held, the display is blank and the prompt idle until
 *    they are written. Presses not acknowledged before are gone, and the person was shown no green
 *    lamp for them.
 * 5. Reads of holding registers and of anything not listed get exception 02, and so does a block that
 *    the unit's class does not have.
 * 6. The first rating while a prompt is open carries the id of that request and closes the prompt.
 *    Writing the same prompt again changes nothing, also when it was answered meanwhile.
 * 7. A unit takes a new address from a broadcast while one of its keys is held for at least 3 s, keeps
 *    it over a power loss and shows it on its display or by its lamp. Nobody answers a broadcast.
 */
import { assert } from '../std/assert.ts'
import { asciiBytes, u16be } from '../std/bytes.ts'
import { type ModbusRequest, most_address } from './modbus-rtu.ts'

export const map_magic = 0x4857
export const map_version = 1

export const places = {
  identity: { start: 0x0000, count: 12 },
  /** The beginning of `event`: what every poll reads. */
  latch: { start: 0x0020, count: 4 },
  event: { start: 0x0020, count: 12 },
  acknowledge: { start: 0x0040, count: 5 },
  display: { start: 0x0050, count: 5 },
  prompt: { start: 0x0060, count: 7 },
  address: { start: 0x0070, count: 2 },
} as const
export type ReadPlace = 'identity' | 'latch' | 'event'
export type WritePlace = Exclude<keyof typeof places, ReadPlace>

export const unitClasses = { call_pad: 1, ticket_panel: 2, rater: 3, counter_display: 4 } as const
export type UnitClass = keyof typeof unitClasses

/** Units that one bus polls; more make a press wait too long. */
export const most_units = 16
/** A unit takes a new address only while a key was held so long. */
export const address_key_ms = 3000
/** Nothing is sent after a broadcast for so long, as nobody says that it was heard. */
export const broadcast_ms = 100

/**
 * What a key says. `ticket`: argument is the service's button, 1 and up. `call`: the typed text is
 * the printed number to call. `rating`: argument is the key, 1 to 5, text the id of the request. The
 * others carry 0 and no text.
 */
export const eventCodes = {
  ticket: 1,
  next: 2,
  recall: 3,
  start: 4,
  done: 5,
  no_show: 6,
  call: 7,
  rating: 8,
} as const
export type EventCode = keyof typeof eventCodes

export const outcomes = { recorded: 1, refused: 2 } as const
/** What the unit's lamp tells the person who pressed. */
export type PressOutcome = keyof typeof outcomes

export type Identity = { class: UnitClass; serial: string; firmware: string }
/** `boot` is eight hex digits. `code` is null for a number this map does not list. */
export type LatchedEvent = {
  event: number
  code: EventCode | null
  argument: number
  text: string
}
export type EventBlock = {
  boot: string
  latched: LatchedEvent | null
  held: number
  not_taken: number
}
/** What a poll reads: the boot, and the number of the latched event or 0. */
export type Latch = { boot: string; event: number }
export type Acknowledgement = { boot: string; event: number; outcome: PressOutcome }
/** A number of at most 8 ASCII characters, or one of the two states without one. */
export type Display = { mode: 'blank' } | { mode: 'paused' } | { mode: 'number'; number: string }

/** What a rating pad asks of the person before it. `request` is 1 to 8 characters of a to z and 0 to 9. */
export type Prompt =
  | { mode: 'idle' }
  | { mode: 'asking'; keys: 3 | 4 | 5; seconds: number; request: string }

export function encodeIdentity(identity: Identity): number[] {
  const [major, minor] = identity.firmware.split('.').map(Number) as [number, number]
  const serial = textWords(identity.serial, 8)
  return [map_magic, map_version, unitClasses[identity.class], ...serial, major * 256 + minor]
}

/** Null: this is no unit of this map, or one of another version. */
export function decodeIdentity(values: readonly number[]): Identity | null {
  if (values.length !== places.identity.count) return null
  if (values[0] !== map_magic || values[1] !== map_version) return null
  const name = nameOf(unitClasses, values[2]!)
  const serial = wordsText(values.slice(3, 11))
  if (name === null || serial === null || serial === '') return null
  const firmware = values[11]!
  return { class: name, serial, firmware: `${firmware >> 8}.${firmware & 0xff}` }
}

export function encodeEventBlock(block: EventBlock): number[] {
  const { latched } = block
  const code = latched === null || latched.code === null ? 0 : eventCodes[latched.code]
  return [
    ...nonceWords(block.boot),
    ...numberWords(latched?.event ?? 0),
    code,
    latched?.argument ?? 0,
    block.held,
    block.not_taken,
    ...textWords(latched?.text ?? '', 4),
  ]
}

/** Null: the block contradicts itself (no boot nonce, an event without being held, no ASCII). */
export function decodeEventBlock(values: readonly number[]): EventBlock | null {
  if (values.length !== places.event.count) return null
  const boot = number32(values, 0)
  const event = number32(values, 2)
  const held = values[6]!
  if (boot === 0 || (event === 0) !== (held === 0)) return null
  const text = wordsText(values.slice(8))
  if (text === null) return null
  const code = nameOf(eventCodes, values[4]!)
  return {
    boot: nonceText(boot),
    latched: event === 0 ? null : { event, code, argument: values[5]!, text },
    held,
    not_taken: values[7]!,
  }
}

export function encodeLatch({ boot, event }: Latch): number[] {
  return [...nonceWords(boot), ...numberWords(event)]
}

/** Null: no boot nonce. */
export function decodeLatch(values: readonly number[]): Latch | null {
  if (values.length !== places.latch.count) return null
  const boot = number32(values, 0)
  return boot === 0 ? null : { boot: nonceText(boot), event: number32(values, 2) }
}

export function encodeAcknowledgement(acknowledgement: Acknowledgement): number[] {
  const { boot, event, outcome } = acknowledgement
  return [...nonceWords(boot), ...numberWords(event), outcomes[outcome]]
}

export function decodeAcknowledgement(values: readonly number[]): Acknowledgement | null {
  if (values.length !== places.acknowledge.count) return null
  const outcome = nameOf(outcomes, values[4]!)
  if (outcome === null) return null
  return { boot: nonceText(number32(values, 0)), event: number32(values, 2), outcome }
}

const modes = { blank: 0, number: 1, paused: 2 } as const

export function encodeDisplay(display: Display): number[] {
  const text = display.mode === 'number' ? display.number : ''
  return [modes[display.mode], ...textWords(text, 4)]
}

export function decodeDisplay(values: readonly number[]): Display | null {
  if (values.length !== places.display.count) return null
  const mode = nameOf(modes, values[0]!)
  if (mode === null) return null
  if (mode !== 'number') return { mode }
  const number = wordsText(values.slice(1))
  return number === null || number === '' ? null : { mode, number }
}

/** Whether the display can show this: 1 to 8 printable ASCII characters, no blank at the end. */
export function isDisplayable(number: string): boolean {
  return /^[!-~]([ -~]{0,6}[!-~])?$/.test(number)
}

const request_form = /^[a-z0-9]{1,8}$/

export function encodePrompt(prompt: Prompt): number[] {
  if (prompt.mode === 'idle') return [0, 0, 0, ...textWords('', 4)]
  const { keys, seconds, request } = prompt
  assert(seconds >= 1 && seconds <= 255, 'a prompt stays 1 to 255 seconds')
  assert(request_form.test(request), 'a request has an id')
  return [1, keys, seconds, ...textWords(request, 4)]
}

export function decodePrompt(values: readonly number[]): Prompt | null {
  if (values.length !== places.prompt.count) return null
  const [mode, keys, seconds] = values as [number, number, number]
  if (mode === 0) return { mode: 'idle' }
  const request = wordsText(values.slice(3))
  if (mode !== 1 || request === null || !request_form.test(request)) return null
  if (seconds < 1 || seconds > 255 || (keys !== 3 && keys !== 4 && keys !== 5)) return null
  return { mode: 'asking', keys, seconds, request }
}

/** `unit` is the address that the unit with a held key takes, 1 to 247. */
export function encodeNewAddress(unit: number): number[] {
  assert(unit >= 1 && unit <= most_address, 'a unit address is 1 to 247')
  return [map_magic, unit]
}

export function decodeNewAddress(values: readonly number[]): number | null {
  const [magic, unit] = values
  if (values.length !== places.address.count || magic !== map_magic) return null
  return unit! >= 1 && unit! <= most_address ? unit! : null
}

export function readRequest(address: number, place: ReadPlace): ModbusRequest {
  return { address, function: 'read_input', ...places[place] }
}

export function writeRequest(address: number, place: WritePlace, values: number[]): ModbusRequest {
  assert(values.length === places[place].count, 'a block is written whole')
  return { address, function: 'write_many', start: places[place].start, values }
}

function nameOf<Name extends string>(table: Readonly<Record<Name, number>>, value: number) {
  for (const name of Object.keys(table) as Name[]) if (table[name] === value) return name
  return null
}

function number32(values: readonly number[], at: number): number {
  return values[at]! * 0x10000 + values[at + 1]!
}

function numberWords(value: number): number[] {
  assert(Number.isInteger(value) && value >= 0 && value <= 0xffffffff, 'a number has 32 bits')
  return [Math.floor(value / 0x10000), value % 0x10000]
}

function nonceText(value: number): string {
  return value.toString(16).padStart(8, '0')
}

function nonceWords(boot: string): number[] {
  assert(/^[0-9a-f]{8}$/.test(boot), 'a boot nonce is eight hex digits')
  return numberWords(Number.parseInt(boot, 16))
}

function textWords(text: string, words: number): number[] {
  assert(text.length <= words * 2, 'the text fits its registers')
  const bytes = asciiBytes(text.padEnd(words * 2, ' '))
  return Array.from({ length: words }, (_, i) => u16be(bytes, i * 2))
}

function wordsText(values: readonly number[]): string | null {
  let text = ''
  for (const value of values) text += String.fromCharCode(value >> 8, value & 0xff)
  return /^[ -~]*$/.test(text) ? text.trimEnd() : null
}
