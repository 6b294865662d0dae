/**
 * CEN XFS4IoT messages: JSON over WebSocket, one envelope for all. Parse and print, both directions
 * of what a client needs; the device classes' members are in `xfs4iot-members.ts`.
 *
 * Sources
 *   X1 KAL-ATM-Software/KAL_XFS4IoT_SP-Dev at 083d652 (2026-03-13): MessageHeader.cs, Acknowledge.cs,
 *      Events.cs, generated command files, and the texts its own tests expect.
 *   X3 ArsShon2000/xfs4iot at 0e843f4: Common.Capabilities.json, the example of the specification.
 * Two editions are read: since 2023 `completionCode`, `timeout` and `status` stand in the header, in
 * the first one (CWA 17852:2022) `completionCode` stood in the payload (V1). Ours speak the newer.
 * Unknown members are let through unread; members of another type than expected count as absent.
 *
 * A message is text, and transports carry bytes: between the two each message is a record as in
 * RFC 7464, RS, JSON text, LF, with everything beyond ASCII escaped, so that neither mark is in it.
 */

import { asciiBytes, byteText, concat } from '../std/bytes.ts'
import { tooDeep } from '../std/json.ts'
import { createDeframer, type Deframer, frameOf, more, noiseOf, skipTo } from './deframer.ts'

const RS = 0x1e
const LF = 0x0a
/** One message in characters of escaped JSON. The published example of capabilities has 4 kB. */
export const xfs_message_most = 256 * 1024
const nesting_most = 32

const types = ['command', 'acknowledge', 'event', 'completion', 'unsolicited'] as const
export type XfsType = (typeof types)[number]

export type XfsMessage = {
  type: XfsType
  /** `Common.Status`, as sent. */
  name: string
  /** Null on what nobody asked for. */
  request_id: number | null
  version: string | null
  /** Acknowledge only; null: accepted. */
  status: string | null
  /** Completion only; null where the far end left it out. */
  completion_code: string | null
  payload: Readonly<Record<string, unknown>>
  /** Length of the record. */
  bytes: number
}

/** Every code of X1, MessageHeader.cs; others are let through as text. */
export const completion_codes = [
  'success',
  'commandErrorCode',
  'canceled',
  'deviceNotReady',
  'hardwareError',
  'internalError',
  'invalidCommand',
  'invalidRequestID',
  'timeOut',
  'unsupportedCommand',
  'invalidData',
  'userError',
  'unsupportedData',
  'fraudAttempt',
  'sequenceError',
  'authorisationRequired',
  'noCommandNonce',
  'invalidToken',
  'invalidTokenNonce',
  'invalidTokenHMAC',
  'invalidTokenFormat',
  'invalidTokenKeyNoValue',
  'notEnoughSpace',
] as const

/** Beside the codes of completions those of acknowledgements. */
const known_codes: ReadonlySet<string> = new Set([
  ...completion_codes,
  ...['invalidMessage', 'tooManyRequests'],
])

/** A service may put anything in the place of a code, a card too: only known ones are shown. */
export function codeShown(code: string | null): string | null {
  return code === null || known_codes.has(code) ? code : 'unknown_code'
}

export type XfsCommand = {
  name: string
  /** Not zero; unique among those under way on one connection. */
  request_id: number
  /** Version of the command, as `2.0`. */
  version: string
  /** ms the service may take; 0 waits for ever. */
  timeout_ms: number
  /** Absent where the command has no members. */
  payload?: Readonly<Record<string, unknown>>
}

/** Members in the order of X1's own texts. */
export function printCommand(command: XfsCommand): string {
  const { name, request_id, version, timeout_ms, payload } = command
  const header = { name, requestId: request_id, type: 'command', version, timeout: timeout_ms }
  return JSON.stringify(payload === undefined ? { header } : { header, payload })
}

/** Null where the text is no message of this protocol. Never throws. */
export function readMessage(text: string): XfsMessage | null {
  if (text.length > xfs_message_most || tooDeep(text, nesting_most)) return null
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch {
    return null
  }
  const { header, payload } = membersOf(raw)
  const head = membersOf(header)
  const type = types.find((known) => known === head.type)
  const name = textOf(head.name)
  if (type === undefined || name === null) return null
  const body = membersOf(payload)
  return {
    type,
    name,
    request_id: Number.isSafeInteger(head.requestId) ? Number(head.requestId) : null,
    version: textOf(head.version),
    status: textOf(head.status) ?? (type === 'acknowledge' ? textOf(body.status) : null),
    completion_code: textOf(head.completionCode) ?? textOf(body.completionCode),
    payload: body,
    bytes: text.length + 2,
  }
}

const none: Readonly<Record<string, unknown>> = {}

/** The members of an object; of anything else none. */
export function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : none
}

/** Text as a device may say it, bounded; null for anything else. */
export function textOf(value: unknown, most = 128): string | null {
  return typeof value === 'string' && value.length <= most ? value : null
}

/** A message as a record. `text` is JSON text. */
export function recordOf(text: string): Uint8Array {
  // Beyond ASCII only inside strings, line ends only between values: the value stays the same.
  const escaped = text.replaceAll(/[^\x20-\x7e]/g, (c) =>
    c === '\n' || c === '\r' || c === '\t' ? ' ' : `\\u${hex4(c.charCodeAt(0))}`,
  )
  return concat([RS], asciiBytes(escaped), [LF])
}

function hex4(unit: number): string {
  return unit.toString(16).padStart(4, '0')
}

/** The texts in bytes that hold whole records. */
export function textsOf(bytes: Uint8Array): string[] {
  return byteText(bytes)
    .split('\x1e')
    .map((text) => text.replace(/\n$/, ''))
    .filter((text) => text !== '')
}

/** A record that is no message is noise. */
export function createXfsDeframer(): Deframer<XfsMessage> {
  return createDeframer((view) => {
    if (view[0] !== RS) return noiseOf(skipTo(view, RS), 'noise')
    const end = view.indexOf(LF, 1)
    const next = view.indexOf(RS, 1)
    if (next > 0 && (end < 0 || next < end)) return noiseOf(next, 'noise')
    const size = end < 0 ? view.length : end
    // The same cut whatever has come of the rest by now.
    if (size > xfs_message_most) return noiseOf(xfs_message_most + 1, 'bad_length')
    if (end < 0) return more
    const message = readMessage(byteText(view.subarray(1, end)))
    return message === null ? noiseOf(end + 1, 'noise') : frameOf(end + 1, message)
  }, xfs_message_most)
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Base64 with padding, as all binary members are (X1). */
export function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(at, at + 3)
    const left = bytes.length - at
    text += alphabet[a >> 2]! + alphabet[((a & 3) << 4) | (b >> 4)]!
    text += left > 1 ? alphabet[((b & 15) << 2) | (c >> 6)]! : '='
    text += left > 2 ? alphabet[c & 63]! : '='
  }
  return text
}

/** Null for what is not Base64 with padding. */
export function fromBase64(text: unknown): Uint8Array | null {
  if (typeof text !== 'string' || text.length % 4 !== 0) return null
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null
  const bytes = new Uint8Array((text.length / 4) * 3)
  let at = 0
  for (let i = 0; i < text.length; i += 4) {
    let bits = 0
    for (let k = 0; k < 4; k++) bits = (bits << 6) | Math.max(0, alphabet.indexOf(text[i + k]!))
    bytes[at++] = bits >> 16
    bytes[at++] = (bits >> 8) & 0xff
    bytes[at++] = bits & 0xff
  }
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return bytes.slice(0, bytes.length - padding)
}
