/**
 * SAM frames inside the HID reports of a Miaxis MR-300 reader (10C4:0007), both directions. HID is not
 * one framing: each vendor has its own, and this is the only one documented (one source, V1).
 *
 *   request  88 | sequence 2 | length 2 | B1 | SAM frame | sum 2            length = 1 + SAM frame
 *   reply    AA | sequence 2 | length 2 | result | 2 bytes | part | sum 2   length = 3 + part
 *
 * Length and sum are little-endian; the sum is that of all bytes from the length to the last before it.
 * Reports have 64 bytes, zeros behind the packet. A long reply comes as several reports, each a packet
 * of its own with the two bytes in front of its part; the parts together are the SAM frame, and the SAM
 * deframer says when it is whole.
 * Assumed: the result byte of a good packet (any is taken, as that driver does), what the two bytes
 * are, and that a device sends zeros in the sequence.
 * Refuses reports with another flag, a length beyond the report or a wrong sum. Never throws on input.
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

export const miaxis_report_bytes = 64
const request_flag = 0x88
const reply_flag = 0xaa
const pass_through = 0xb1
/** Flag, sequence and length. */
const head_bytes = 5
/** Most of a SAM frame that one reply report has room for. */
export const miaxis_most_part = miaxis_report_bytes - head_bytes - 3 - 2
const most_request = miaxis_report_bytes - head_bytes - 1 - 2

export type Unwrapped =
  | { kind: 'part'; bytes: Uint8Array }
  | { kind: 'refused'; reason: 'noise' | 'bad_length' | 'bad_checksum' }

/**
 * Reports that come as a stream, 64 bytes each behind the other (a simulated reader, or one behind a
 * serial server): the parts of SAM frames that they carry. What is no report is dropped up to the
 * next flag, so a lost byte costs its report and not the ones behind it.
 */
export function createMiaxisReplyDeframer(): Deframer<Uint8Array> {
  return createDeframer((view) => scanReport(view, reply_flag, unwrapMiaxis), miaxis_report_bytes)
}

/** The same for the device's side: SAM requests. */
export function createMiaxisRequestDeframer(): Deframer<Uint8Array> {
  const scan = (view: Uint8Array) => scanReport(view, request_flag, unwrapMiaxisRequest)
  return createDeframer(scan, miaxis_report_bytes)
}

function scanReport(
  view: Uint8Array,
  flag: number,
  unwrap: (report: Uint8Array) => Unwrapped,
): Scan<Uint8Array> {
  if (view[0] !== flag) return noiseOf(skipTo(view, flag), 'noise')
  if (view.length < miaxis_report_bytes) return more
  const unwrapped = unwrap(view.subarray(0, miaxis_report_bytes))
  if (unwrapped.kind === 'refused') return noiseOf(1, unwrapped.reason)
  return frameOf(miaxis_report_bytes, unwrapped.bytes)
}

/** A SAM request as one packet, without the zeros behind it. */
export function wrapMiaxis(frame: Uint8Array): Uint8Array {
  assert(frame.length >= 1 && frame.length <= most_request, 'a request fits one report')
  return packet(request_flag, concat([pass_through], frame))
}

/** What is written to the device: 64 bytes. A transport puts report id 00 in front where it must. */
export function miaxisReport(wrapped: Uint8Array): Uint8Array {
  const report = new Uint8Array(miaxis_report_bytes)
  report.set(wrapped)
  return report
}

/** The part of a SAM frame that a reply report carries. */
export function unwrapMiaxis(report: Uint8Array): Unwrapped {
  const content = contentOf(report, reply_flag)
  if (typeof content === 'string') return { kind: 'refused', reason: content }
  // The result byte and two more stand in front.
  if (content.length < 3) return { kind: 'refused', reason: 'bad_length' }
  return { kind: 'part', bytes: content.slice(3) }
}

/** The device's side: the SAM request in a report. */
export function unwrapMiaxisRequest(report: Uint8Array): Unwrapped {
  const content = contentOf(report, request_flag)
  if (typeof content === 'string') return { kind: 'refused', reason: content }
  if (content[0] !== pass_through) return { kind: 'refused', reason: 'noise' }
  return { kind: 'part', bytes: content.slice(1) }
}

/** The device's side: a SAM reply as packets of at most `most_part` of its bytes each. */
export function wrapMiaxisReply(frame: Uint8Array, most_part = miaxis_most_part): Uint8Array[] {
  assert(most_part >= 1 && most_part <= miaxis_most_part, 'a part fits its report')
  const packets: Uint8Array[] = []
  for (let at = 0; at < frame.length; at += most_part) {
    packets.push(packet(reply_flag, concat([0, 0, 0], frame.subarray(at, at + most_part))))
  }
  return packets
}

function packet(flag: number, content: Uint8Array): Uint8Array {
  const counted = concat([content.length & 0xff, content.length >> 8], content)
  const sum = sum16(counted)
  return concat([flag, 0, 0], counted, [sum & 0xff, sum >> 8])
}

function contentOf(
  report: Uint8Array,
  flag: number,
): Uint8Array | 'noise' | 'bad_length' | 'bad_checksum' {
  if (report.length < head_bytes || report[0] !== flag) return 'noise'
  const length = report[3]! | (report[4]! << 8)
  const end = head_bytes + length
  if (length < 1 || end + 2 > report.length) return 'bad_length'
  const sum = sum16(report.subarray(3, end))
  if (report[end] !== (sum & 0xff) || report[end + 1] !== sum >> 8) return 'bad_checksum'
  return report.subarray(head_bytes, end)
}

function sum16(bytes: Uint8Array): number {
  let sum = 0
  for (const byte of bytes) sum += byte
  return sum & 0xffff
}
