/**
 * PJLink, class 1 and 2, both directions: the control protocol of projectors and panels over TCP 4352.
 *
 *   greeting  PJLINK 0 | PJLINK 1 <8 hex> | PJLINK ERRA       each line ends with CR
 *   command   [proof] % class NAME SP parameter               the proof before the first command only
 *   answer    % class NAME = parameter
 *
 * Sources: class 1 in two or more (V2), its MD5 proof and vector in five; the SHA-256 proof of version
 * 2.10 and the limits in one implementation (V1). There is no check sum: what TCP delivers is believed,
 * and an answer counts only for the command it names.
 * Hash functions come as arguments, as this folder has none. Refuses parameters over 128 bytes and lines
 * of another form. Never throws on input.
 */
import { assert } from '../std/assert.ts'
import { asciiBytes, byteText } from '../std/bytes.ts'
import { createDeframer, type Deframer, frameOf, more, noiseOf, type Scan } from './deframer.ts'

const most_parameter = 128
/** `%1POWR=`, a parameter and CR. */
const most_reply = 7 + most_parameter + 1
/** 32 + 64 hex digits of a proof in front of a command. */
const most_request = 96 + most_reply
const cr = 0x0d
const percent = 0x25
const letter_p = 0x50

export type PjlinkClass = '1' | '2'
/** `command` is four of A-Z and 0-9. `parameter` holds one character for each byte. */
export type PjlinkCommand = { class: PjlinkClass; command: string; parameter: string }

export type PjlinkReply =
  | { reply: 'greeting'; security: 'none' }
  /** `salt` is eight hex digits for md5, thirty-two for sha256. */
  | { reply: 'greeting'; security: 'md5' | 'sha256'; salt: string }
  | { reply: 'not_authorised' }
  | ({ reply: 'answer' } & PjlinkCommand)

export type PjlinkRequest =
  /** Asks for the SHA-256 proof of version 2.10. */
  { request: 'security' } | ({ request: 'command'; proof: string } & PjlinkCommand)

/** Lower-case hex of the hash of ASCII text. */
export type HashText = (text: string) => string

/** What stands before the first command after `PJLINK 1 salt`. */
export function md5Proof(md5: HashText, salt: string, password: string): string {
  return md5(salt + password)
}

/** The same after `PJLINK 2 salt`: our own 32 hex digits and the digest over both numbers. */
export function sha256Proof(
  sha256: HashText,
  numbers: { salt: string; own: string },
  password: string,
): string {
  return numbers.own + sha256(xorHex(numbers.salt, numbers.own) + password)
}

function xorHex(a: string, b: string): string {
  assert(a.length === 32 && b.length === 32, 'both numbers have 128 bits')
  let text = ''
  for (let at = 0; at < a.length; at++) {
    text += (Number.parseInt(a[at]!, 16) ^ Number.parseInt(b[at]!, 16)).toString(16)
  }
  return text
}

export function encodePjlinkRequest(request: PjlinkRequest): Uint8Array {
  if (request.request === 'security') return line('PJLINK 2')
  const { proof, class: kind, command, parameter } = request
  return line(`${proof}%${kind}${named(command)} ${bounded(parameter)}`)
}

export function encodePjlinkReply(reply: PjlinkReply): Uint8Array {
  if (reply.reply === 'not_authorised') return line('PJLINK ERRA')
  if (reply.reply === 'answer') {
    const { class: kind, command, parameter } = reply
    return line(`%${kind}${named(command)}=${bounded(parameter)}`)
  }
  if (reply.security === 'none') return line('PJLINK 0')
  return line(`PJLINK ${reply.security === 'md5' ? 1 : 2} ${reply.salt}`)
}

function line(text: string): Uint8Array {
  return asciiBytes(`${text}\r`)
}

function named(command: string): string {
  assert(/^[A-Z0-9]{4}$/.test(command), 'a command has four letters')
  return command
}

function bounded(parameter: string): string {
  assert(/^[^\r]{0,128}$/.test(parameter), 'a parameter has at most 128 bytes and no CR')
  return parameter
}

/** Device → host. */
export function createPjlinkReplyDeframer(): Deframer<PjlinkReply> {
  return createDeframer(scanPjlinkReply, most_reply)
}

/** Drops single bytes only, so that another protocol's scan may share the stream. */
export function scanPjlinkReply(view: Uint8Array): Scan<PjlinkReply> {
  const first = view[0]
  if (first !== percent && first !== letter_p) return noiseOf(1, 'noise')
  const end = view.subarray(0, most_reply).indexOf(cr)
  const text = byteText(view.subarray(0, end < 0 ? most_reply : end))
  const begins = first === percent ? beginsAnswer(text) : beginsGreeting(text)
  if (!begins) return noiseOf(1, 'noise')
  if (end < 0) return view.length < most_reply ? more : noiseOf(1, 'bad_length')
  const reply = first === percent ? readAnswer(text) : readGreeting(text)
  return reply === null ? noiseOf(1, 'noise') : frameOf(end + 1, reply)
}

/** Each place of the head has its own set, so that a wrong byte is seen when it comes. */
const answer_head = [/%/, /[12]/, /[A-Z0-9]/, /[A-Z0-9]/, /[A-Z0-9]/, /[A-Z0-9]/, /=/]

function beginsAnswer(text: string): boolean {
  return answer_head.every((set, at) => at >= text.length || set.test(text[at]!))
}

function beginsGreeting(text: string): boolean {
  const word = 'PJLINK '
  if (text.length <= word.length) return word.startsWith(text)
  return (
    text.startsWith(word) &&
    /^(0|1( [0-9a-fA-F]{0,8})?|2( [0-9a-fA-F]{0,32})?|ERRA|ERR|ER|E)$/.test(text.slice(7))
  )
}

function readAnswer(text: string): PjlinkReply | null {
  if (text.length < answer_head.length) return null
  return {
    reply: 'answer',
    class: text[1] as PjlinkClass,
    command: text.slice(2, 6),
    parameter: text.slice(7),
  }
}

function readGreeting(text: string): PjlinkReply | null {
  if (text === 'PJLINK 0') return { reply: 'greeting', security: 'none' }
  if (text === 'PJLINK ERRA') return { reply: 'not_authorised' }
  const match = /^PJLINK (?:1 ([0-9a-fA-F]{8})|2 ([0-9a-fA-F]{32}))$/.exec(text)
  if (match === null) return null
  const [, short, long] = match
  if (short !== undefined) return { reply: 'greeting', security: 'md5', salt: short }
  return { reply: 'greeting', security: 'sha256', salt: long! }
}

/** Host → device. */
export function createPjlinkRequestDeframer(): Deframer<PjlinkRequest> {
  return createDeframer(scanRequest, most_request)
}

function scanRequest(view: Uint8Array): Scan<PjlinkRequest> {
  const end = view.subarray(0, most_request).indexOf(cr)
  if (end < 0) return view.length < most_request ? more : noiseOf(most_request, 'bad_length')
  const text = byteText(view.subarray(0, end))
  if (text === 'PJLINK 2') return frameOf(end + 1, { request: 'security' })
  const form = /^([0-9a-fA-F]{32}(?:[0-9a-fA-F]{64})?)?%([12])([A-Z0-9]{4}) (.{0,128})$/s
  const match = form.exec(text)
  if (match === null) return noiseOf(end + 1, 'noise')
  const [, proof = '', kind, command, parameter] = match
  return frameOf(end + 1, {
    request: 'command',
    proof,
    class: kind as PjlinkClass,
    command: command!,
    parameter: parameter!,
  })
}

// What an answer's parameter says.

const errors = {
  ERR1: 'unsupported',
  ERR2: 'bad_parameter',
  ERR3: 'not_now',
  ERR4: 'failure',
} as const

export type PjlinkError = (typeof errors)[keyof typeof errors]

export function pjlinkErrorOf(parameter: string): PjlinkError | null {
  return Object.hasOwn(errors, parameter) ? errors[parameter as keyof typeof errors] : null
}

const powers = ['off', 'on', 'cooling', 'warming'] as const
export type PjlinkPower = (typeof powers)[number]

export function pjlinkPowerOf(parameter: string): PjlinkPower | null {
  return /^[0-3]$/.test(parameter) ? powers[Number(parameter)]! : null
}

/** 1x RGB, 2x video, 3x digital, 4x storage, 5x network, 6x internal; x is 1-9, in class 2 also A-Z. */
export function isPjlinkInput(input: string): boolean {
  return /^[1-6][1-9A-Z]$/.test(input)
}

const parts = ['fan', 'lamp', 'temperature', 'cover', 'filter', 'other'] as const
const degrees = ['ok', 'warning', 'error'] as const
export type PjlinkPart = (typeof parts)[number]

/** ERST: what is not well. Null for anything that is not six digits 0 to 2. */
export function pjlinkTroublesOf(
  parameter: string,
): { part: PjlinkPart; degree: 'warning' | 'error' }[] | null {
  if (!/^[0-2]{6}$/.test(parameter)) return null
  return parts.flatMap((part, at) => {
    const degree = degrees[Number(parameter[at])]!
    return degree === 'ok' ? [] : [{ part, degree }]
  })
}

/** LAMP: hours and on or off of each, at most eight lamps. Null for another form. */
export function pjlinkLampsOf(parameter: string): { hours: number; on: boolean }[] | null {
  if (!/^\d{1,5} [01]( \d{1,5} [01]){0,7}$/.test(parameter)) return null
  const words = parameter.split(' ')
  return Array.from({ length: words.length / 2 }, (_, lamp) => ({
    hours: Number(words[lamp * 2]),
    on: words[lamp * 2 + 1] === '1',
  }))
}
