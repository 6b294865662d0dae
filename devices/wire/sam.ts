/**
 * The serial protocol of the SAM security module in second-generation ID-card readers
 * (GA 450, GA 467), both directions.
 *
 *   request  AA AA AA 96 69 | LEN 2 | CMD PARA | data | CHK      LEN = 3 + data
 *   reply    AA AA AA 96 69 | LEN 2 | SW1 SW2 SW3 | data | CHK   LEN = 4 + data
 *
 * LEN is big-endian and counts what follows it; CHK is the XOR of everything from LEN to the
 * byte before it. One XOR byte lets 1 in 256 heavily damaged frames pass, so a reply counts only
 * after the functions at the end of this file found exactly the length that belongs to the request.
 * Refuses frames longer than any known reply. Never throws on input.
 */
import { assert } from '../std/assert.ts'
import { concat, equalBytes, u16be, u32le } from '../std/bytes.ts'
import { xor8 } from '../std/crc.ts'
import {
  createDeframer,
  type Deframer,
  frameOf,
  more,
  noiseOf,
  type Scan,
  skipTo,
} from './deframer.ts'

const preamble = Uint8Array.of(0xaa, 0xaa, 0xaa, 0x96, 0x69)
/** Preamble and LEN. */
const head_bytes = 7
/** Text, photo and two fingerprints: the longest reply known, 2 321 bytes in all. */
const most_reply_len = 0x090a
/** No known request carries more than one byte of data; vendors' own stay far below this. */
const most_request_len = 64

export type SamCommand = { cmd: number; para: number; data: Uint8Array }
export type SamReply = {
  sw1: number
  sw2: number
  sw3: number
  data: Uint8Array
  /** Bytes of fingerprints that stood behind `data` and were not kept. */
  dropped?: number
}

const none = new Uint8Array(0)

/** Requests by name. Sources: two or more independent ones each, except where said. */
export const samCommands = {
  reset: { cmd: 0x10, para: 0xff, data: none },
  status: { cmd: 0x11, para: 0xff, data: none },
  read_id: { cmd: 0x12, para: 0xff, data: none },
  find: { cmd: 0x20, para: 0x01, data: none },
  select: { cmd: 0x20, para: 0x02, data: none },
  read: { cmd: 0x30, para: 0x01, data: none },
  read_with_fingerprint: { cmd: 0x30, para: 0x10, data: none },
  read_new_address: { cmd: 0x30, para: 0x03, data: none },
} as const satisfies Record<string, SamCommand>

export type SamCommandName = keyof typeof samCommands

/**
 * Baud rates of command 60, by parameter. One source (V1), and when the change takes effect was not
 * found: codec only, no driver sends it.
 */
export const samBaudRates = [115200, 57600, 38400, 19200, 9600] as const
export type SamBaud = (typeof samBaudRates)[number]

export function setBaud(baud: SamBaud): SamCommand {
  return { cmd: 0x60, para: samBaudRates.indexOf(baud), data: none }
}

/** Null for any other command, and for a parameter beyond the table. */
export function baudOf({ cmd, para, data }: SamCommand): SamBaud | null {
  return cmd === 0x60 && data.length === 0 ? (samBaudRates[para] ?? null) : null
}

/** Largest RF frame, 1 to 255 bytes. One source (V1): codec only, no driver sends it. */
export function setRfFrame(bytes: number): SamCommand {
  assert(Number.isInteger(bytes) && bytes >= 1 && bytes <= 0xff, 'an RF frame size is one byte')
  return { cmd: 0x61, para: 0xff, data: Uint8Array.of(bytes) }
}

export function rfFrameOf({ cmd, para, data }: SamCommand): number | null {
  return cmd === 0x61 && para === 0xff && data.length === 1 ? data[0]! : null
}

/** The name of a request, or its two bytes in hex for one that is not known here. */
export function commandName(command: SamCommand): string {
  for (const [name, known] of Object.entries(samCommands)) {
    if (known.cmd === command.cmd && known.para === command.para) return name
  }
  return `${hex(command.cmd)} ${hex(command.para)}`
}

/** SW3, the byte that decides; SW1 and SW2 are zero except for 31 and 32. */
export const samStatus = {
  success: 0x90,
  card_found: 0x9f,
  no_such_item: 0x91,
  checksum_error: 0x10,
  length_error: 0x11,
  command_error: 0x21,
  not_permitted: 0x23,
  unknown_error: 0x24,
  card_refused_sam: 0x31,
  sam_refused_card: 0x32,
  information_check_failed: 0x33,
  card_type_unknown: 0x40,
  read_failed: 0x41,
  random_failed: 0x47,
  self_test_failed: 0x60,
  not_authorised: 0x66,
  find_failed: 0x80,
  select_failed: 0x81,
} as const

export type SamStatusName = keyof typeof samStatus

export function statusName(sw3: number): SamStatusName | 'unlisted' {
  for (const [name, value] of Object.entries(samStatus)) {
    if (value === sw3) return name as SamStatusName
  }
  return 'unlisted'
}

export function encodeRequest(command: SamCommand): Uint8Array {
  return envelope(concat([command.cmd, command.para], command.data))
}

export function encodeReply(reply: SamReply): Uint8Array {
  return envelope(concat([reply.sw1, reply.sw2, reply.sw3], reply.data))
}

/** A reply with SW1 SW2 = 00 00, as all but two kinds are. */
export function replyOf(status: SamStatusName, data: Uint8Array = none): SamReply {
  return { sw1: 0, sw2: 0, sw3: samStatus[status], data }
}

function envelope(body: Uint8Array): Uint8Array {
  const length = body.length + 1
  const counted = concat([length >> 8, length & 0xff], body)
  return concat(preamble, counted, [xor8(counted)])
}

/**
 * Reader → host. Fingerprints end here: the data of a read keeps their length field and none of
 * their bytes, so nothing behind this codec can hold, show or forward them.
 */
export function createReplyDeframer(): Deframer<SamReply> {
  return createDeframer(
    (view) =>
      scanFrame(view, 4, most_reply_len, (body) => {
        const reply = { sw1: body[0]!, sw2: body[1]!, sw3: body[2]! }
        const dropped = fingerprintBytes(reply.sw3, body.subarray(3))
        const data = body.slice(3, body.length - dropped)
        return dropped === 0 ? { ...reply, data } : { ...reply, data, dropped }
      }),
    head_bytes + most_reply_len,
  )
}

/** Bytes of a reply on the wire, fingerprints included. */
export function replyBytes({ data, dropped = 0 }: SamReply): number {
  return head_bytes + 4 + data.length + dropped
}

/**
 * A request as the module sees it. Only the module's side needs to tell a wrong checksum or length
 * from noise, because it answers them (status 10, 11).
 */
export type SamRequestFrame = SamCommand | { refuse: 'checksum_error' | 'length_error' }

/** Host → reader. */
export function createRequestDeframer(): Deframer<SamRequestFrame> {
  return createDeframer(scanRequest, head_bytes + most_request_len)
}

function scanRequest(view: Uint8Array): Scan<SamRequestFrame> {
  const verdict = scanFrame<SamRequestFrame>(view, 3, most_request_len, (body) => ({
    cmd: body[0]!,
    para: body[1]!,
    data: body.slice(2),
  }))
  if (verdict.kind !== 'noise' || verdict.reason === 'noise') return verdict
  // The preamble was whole, so the module takes the frame as meant and answers what is wrong.
  const length = u16be(view, 5)
  if (verdict.reason === 'bad_length') return frameOf(head_bytes, { refuse: 'length_error' })
  return frameOf(head_bytes + length, { refuse: 'checksum_error' })
}

function scanFrame<Frame>(
  view: Uint8Array,
  least: number,
  most: number,
  build: (body: Uint8Array) => Frame,
): Scan<Frame> {
  for (let i = 0; i < preamble.length; i++) {
    if (i === view.length) return more
    // Three AA lead, so noise ending in AA may be the beginning: drop up to the next AA only.
    if (view[i] !== preamble[i]) return noiseOf(skipTo(view, 0xaa), 'noise')
  }
  if (view.length < head_bytes) return more
  const length = u16be(view, 5)
  if (length < least || length > most) return noiseOf(1, 'bad_length')
  const size = head_bytes + length
  if (view.length < size) return more
  if (xor8(view.subarray(5, size)) !== 0) return noiseOf(1, 'bad_checksum')
  return frameOf(size, build(view.subarray(head_bytes, size - 1)))
}

// What a reply says. Each function knows the one length its success has; `null` is any other
// frame: damage that kept its checksum, or a device that speaks otherwise.

/** A refusal carries no data; anything longer is not one. */
export function refusalOf(reply: SamReply): SamStatusName | 'unlisted' | null {
  if (reply.data.length !== 0) return null
  return statusName(reply.sw3)
}

/** SAM id `05.01-20101129-0001228293-0296863149`: two 16-bit and three 32-bit little-endian. */
export function readSamId(reply: SamReply): string | null {
  if (reply.sw3 !== samStatus.success || reply.data.length !== 16) return null
  const { data } = reply
  const group = (at: number, digits: number) => String(u32le(data, at)).padStart(digits, '0')
  const low = (at: number) => String(data[at]! | (data[at + 1]! << 8)).padStart(2, '0')
  return `${low(0)}.${low(2)}-${group(4, 8)}-${group(8, 10)}-${group(12, 10)}`
}

/** The data of a SAM id reply. `id` as `readSamId` prints it. */
export function samIdData(id: string): Uint8Array {
  const match = /^(\d+)\.(\d+)-(\d+)-(\d+)-(\d+)$/.exec(id)
  const groups = match === null ? [0, 0, 0, 0, 0] : match.slice(1).map(Number)
  const data = new Uint8Array(16)
  const view = new DataView(data.buffer)
  view.setUint16(0, groups[0]!, true)
  view.setUint16(2, groups[1]!, true)
  for (let i = 2; i < 5; i++) view.setUint32(i * 4 - 4, groups[i]!, true)
  return data
}

export function isFound(reply: SamReply): boolean {
  return reply.sw3 === samStatus.card_found && reply.data.length === 4
}

export function isSelected(reply: SamReply): boolean {
  return reply.sw3 === samStatus.success && reply.data.length === 8
}

export function isPlainSuccess(reply: SamReply): boolean {
  return reply.sw3 === samStatus.success && reply.data.length === 0
}

/** What a card read brings. The photo is a proprietary blob; fingerprints are dropped here. */
export type SamRead = { text: Uint8Array; photo: Uint8Array }

const text_bytes = 256
const photo_bytes = 1024
/** Three lengths, text and photo: what is left of a reply to 30 10. */
const kept_bytes = 6 + text_bytes + photo_bytes

/** Reply to 30 01: lengths 0100 0400, then text and photo. */
export function readCard(reply: SamReply): SamRead | null {
  return readBlocks(reply, 4)
}

/** Reply to 30 10 as the deframer leaves it: a third length of 0, 512 or 1024 and none of its bytes. */
export function readCardWithFingerprint(reply: SamReply): SamRead | null {
  const { data, dropped = 0 } = reply
  return data.length === kept_bytes && u16be(data, 4) === dropped ? readBlocks(reply, 6) : null
}

function readBlocks({ sw3, data }: SamReply, head: number): SamRead | null {
  if (sw3 !== samStatus.success || data.length !== head + text_bytes + photo_bytes) return null
  if (u16be(data, 0) !== text_bytes || u16be(data, 2) !== photo_bytes) return null
  return {
    text: data.slice(head, head + text_bytes),
    photo: data.slice(head + text_bytes, head + text_bytes + photo_bytes),
  }
}

/** How many bytes at the end of `data` are fingerprints: only where all lengths agree. */
function fingerprintBytes(sw3: number, data: Uint8Array): number {
  const length = data.length - kept_bytes
  if (sw3 !== samStatus.success || (length !== 512 && length !== 1024)) return 0
  const lengths = [u16be(data, 0), u16be(data, 2), u16be(data, 4)]
  return equalBytes(lengths, [text_bytes, photo_bytes, length]) ? length : 0
}

/** The data of a reply to 30 01, or with `fingerprint` (0, 512 or 1024 bytes) to 30 10. */
export function cardData(
  text: Uint8Array,
  photo: Uint8Array,
  fingerprint?: Uint8Array,
): Uint8Array {
  const lengths = [text.length, photo.length]
  if (fingerprint !== undefined) lengths.push(fingerprint.length)
  const head = lengths.flatMap((length) => [length >> 8, length & 0xff])
  return concat(head, text, photo, fingerprint ?? none)
}

/**
 * Reply to 30 03: the newest address, at most 70 bytes of UTF-16LE. The envelope was not seen on
 * a wire; a bare data field is assumed.
 */
export function readNewAddress(reply: SamReply): { address: string } | 'no_such_item' | null {
  if (reply.sw3 === samStatus.no_such_item && reply.data.length === 0) return 'no_such_item'
  const { data } = reply
  const fits = data.length > 0 && data.length <= 70 && data.length % 2 === 0
  if (reply.sw3 !== samStatus.success || !fits) return null
  let address = ''
  for (let at = 0; at < data.length; at += 2) {
    address += String.fromCharCode(data[at]! | (data[at + 1]! << 8))
  }
  return { address: address.replace(/ +$/, '') }
}

/** The data of a reply to 30 03, in the assumed bare form: at most 35 characters. */
export function newAddressData(address: string): Uint8Array {
  assert(address.length >= 1 && address.length <= 35, 'an address has up to 35 characters')
  const data = new Uint8Array(address.length * 2)
  for (let i = 0; i < address.length; i++) {
    const unit = address.charCodeAt(i)
    data[i * 2] = unit & 0xff
    data[i * 2 + 1] = unit >> 8
  }
  return data
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}
