/**
 * SZZT ZT588 PIN pad, both directions. Serial, 9600 by default.
 *
 *   02 | three decimal digits | text | 03 | two hex digits        digits count the text; the hex digits
 *                                                                  are the XOR of first digit to 03
 *
 * Key presses come as single characters outside frames. One source (V1): the open driver
 * smartkiosk/smartware, `pin_pad/zt588.rb` and `common/szzt_connection.rb`.
 * The value of a control command goes as two hex digits, as that driver sends it (`5030` for reset; a
 * shorter `500` is also written of). Assumed: an accepted command is answered by a frame whose first
 * byte is outside E0 to EF, and by a short one where nothing was asked.
 * Refuses texts over `most_text` bytes and, as noise, characters no key sends. Never throws on input.
 * What a text holds is for nobody's eyes: an account number on the way out, a PIN block on the way in.
 */
import { assert } from '../std/assert.ts'
import { asciiBytes, byteText, concat } from '../std/bytes.ts'
import { xor8 } from '../std/crc.ts'
import { createDeframer, type Deframer, frameOf, more, noiseOf, type Scan } from './deframer.ts'

/** The user information, 147 characters, is the longest known. */
const most_text = 256

export type Zt588Frame =
  /** One character for each byte. */
  | { kind: 'frame'; text: string }
  /** A key pressed; which digit it was is not kept. */
  | { kind: 'key'; key: Zt588Key }

export type Zt588Key = 'enter' | 'cancel' | 'clear' | 'function' | 'masked' | 'clear_digit'

export function encodeZt588(text: string): Uint8Array {
  assert(text.length <= most_text, 'the text fits a frame')
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0))
  const checked = concat(asciiBytes(String(bytes.length).padStart(3, '0')), bytes, [0x03])
  return concat([0x02], checked, asciiBytes(hex2(xor8(checked))))
}

export function createZt588Deframer(): Deframer<Zt588Frame> {
  return createDeframer(scan, most_text + 7)
}

function scan(view: Uint8Array): Scan<Zt588Frame> {
  const first = view[0]!
  if (first !== 0x02) {
    const key = keyOf(first)
    return key === null ? noiseOf(1, 'noise') : frameOf(1, { kind: 'key', key })
  }
  const digits = view.subarray(1, 4)
  if (!digits.every(isDigit)) return noiseOf(1, 'bad_length')
  if (digits.length < 3) return more
  const length = Number(byteText(digits))
  if (length > most_text) return noiseOf(4, 'bad_length')
  const size = length + 7
  if (view.length < size) return more
  const checked = view.subarray(1, size - 2)
  // A damaged frame goes as a whole: what it holds must not be taken for keys.
  if (checked.at(-1) !== 0x03) return noiseOf(size, 'noise')
  const sum = byteText(view.subarray(size - 2, size))
  if (sum !== hex2(xor8(checked))) return noiseOf(size, 'bad_checksum')
  return frameOf(size, { kind: 'frame', text: byteText(view.subarray(4, size - 3)) })
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

/** By the scan codes that driver loads; FF is the mask it sets, `*` a common other. */
function keyOf(byte: number): Zt588Key | null {
  if (isDigit(byte) || byte === 0x2e || byte === 0x23) return 'clear_digit'
  if (byte >= 0x41 && byte <= 0x48) return 'function'
  switch (byte) {
    case 0x0d:
      return 'enter'
    case 0x1b:
    case 0x80:
      return 'cancel'
    case 0x08:
      return 'clear'
    case 0x07:
      return 'function'
    case 0xff:
    case 0x2a:
      return 'masked'
    default:
      return null
  }
}

function hex2(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0')
}

/** Commands as texts. Loading keys and wiping them is not for a gateway and has no function here. */
export const zt588Commands = {
  status: '3',
  get_block: '7',
  reset: '5030',
  input_off: '5032',
  input_on: '5033',
  beep: '503D',
  /** Values as plain hex digits, not in the pad's own broken ones. */
  plain_hex: '5637',
  /** What each key sends, by its place in the matrix: the table by which `keyOf` reads them. */
  scan_codes: '43132331B34353608373839072E30230D4143454742444648',
  /** Every digit of a PIN shows outside as FF. */
  mask: '53FF',
} as const

/** Seconds until the pad gives up an entry, 1 to 255. */
export function inputTime(seconds: number): string {
  assert(Number.isInteger(seconds) && seconds >= 1 && seconds <= 255, 'seconds fit a byte')
  return `52${hex2(seconds)}`
}

/** Block formats by their character. Plain ASCII is left out: no PIN comes here in the clear. */
export const zt588Formats = { iso0: ' ', iso1: '!', iso3: '#', ibm3624: '0' } as const
export type Zt588Format = keyof typeof zt588Formats

export type Zt588Prompt = {
  /** Number of the key in the pad, 0 to 255. */
  key: number
  format: Zt588Format
  hint: number
  /** Digits of the PIN at most, 1 to 16. */
  digits: number
  /** 1 to 19 digits. */
  account: string
}

export function promptText({ key, format, hint, digits, account }: Zt588Prompt): string {
  assert(/^\d{1,19}$/.test(account), 'an account number has 1 to 19 digits')
  assert(digits >= 1 && digits <= 16 && hint >= 0 && hint <= 9, 'length and hint are in range')
  return `6${hex2(key)}${zt588Formats[format]}${hint}${String(digits).padStart(2, '0')}${account}`
}

/** The parts of a prompt as the pad reads them; null for another text. */
export function readPrompt(text: string): Zt588Prompt | null {
  const match = /^6([0-9A-F]{2})([ !#0])(\d)(\d{2})(\d{1,19})$/.exec(text)
  if (match === null) return null
  const [, key, character, hint, digits, account] = match
  const format = (Object.keys(zt588Formats) as Zt588Format[]).find(
    (name) => zt588Formats[name] === character,
  )!
  return {
    key: Number.parseInt(key!, 16),
    format,
    hint: Number(hint),
    digits: Number(digits),
    account: account!,
  }
}

const errors = {
  E0: 'low_battery',
  E1: 'master_key_needed',
  E2: 'transport_key_needed',
  E3: 'key_size',
  E4: 'key_missing',
  E5: 'key_unfit',
  E6: 'key_parity',
  E7: 'key_invalid',
  E8: 'length',
  E9: 'data',
  EB: 'parameter',
  EC: 'authentication_required',
  ED: 'locked',
  EE: 'timed_out',
  EF: 'general',
} as const

export type Zt588Error = (typeof errors)[keyof typeof errors] | 'unlisted'

/** What went wrong, if the answer's first byte says so. */
export function zt588ErrorOf(text: string): Zt588Error | null {
  const code = text.charCodeAt(0)
  if (!(code >= 0xe0 && code <= 0xef)) return null
  const name = hex2(code)
  return Object.hasOwn(errors, name) ? errors[name as keyof typeof errors] : 'unlisted'
}

/** An answer that only says yes: short, and no error. */
export function isZt588Yes(text: string): boolean {
  return text.length >= 1 && text.length <= 4 && zt588ErrorOf(text) === null
}

/** Answer to `get_block`: code, track, length of the PIN, block in hex. */
export function readBlock(text: string): { track: number; digits: number; block: string } | null {
  const match = /^.(\d{2})(\d{2})((?:[0-9A-F]{16}){1,2})$/s.exec(text)
  if (match === null || zt588ErrorOf(text) !== null) return null
  const [, track, digits, block] = match
  return { track: Number(track), digits: Number(digits), block: block! }
}

export function blockText(code: string, answer: { track: number; digits: number; block: string }) {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${code}${two(answer.track)}${two(answer.digits)}${answer.block}`
}

export type Zt588Information = {
  blank: boolean
  model: string
  hardware: string
  software: string
  production: string
  serial: string
}

/** Answer to `status`: places are fixed; the settings' first bit says that no key was ever loaded. */
export function readInformation(text: string): Zt588Information | null {
  if (text.length !== 147 || zt588ErrorOf(text) !== null) return null
  const settings = text.slice(99, 119)
  const tail = text.slice(127)
  if (!/^[0-9A-Fa-f]{20}$/.test(settings) || !/^[ -~]{20}$/.test(tail)) return null
  return {
    blank: (Number.parseInt(settings.slice(0, 2), 16) & 1) === 1,
    model: tail.slice(0, 6).trim(),
    hardware: tail.slice(6, 9).trim(),
    software: tail.slice(9, 12).trim(),
    production: tail.slice(12, 16),
    serial: tail.slice(16, 20),
  }
}

export function informationText(code: string, information: Zt588Information): string {
  const { blank, model, hardware, software, production, serial } = information
  const settings = `${blank ? '01' : '00'}${'00'.repeat(9)}`
  const tail = `${model.padEnd(6)}${hardware.padEnd(3)}${software.padEnd(3)}${production}${serial}`
  return `${code}${' '.repeat(50)}${'0'.repeat(48)}${settings}${' '.repeat(8)}${tail}`
}
