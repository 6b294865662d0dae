/**
 * ESC/POS, the part a ticket needs, both directions: initialise, Chinese mode, size, alignment,
 * text already encoded (GB18030), dots (GS v 0), QR, cut, real-time status (DLE EOT), automatic status back (GS a),
 * process id (GS ( H). The protocol has no checksum: what is damaged in text prints damaged.
 * Refuses QR data over 512 bytes and rasters over one line. Never throws on input.
 * Assumed from single sources: process id; bit numbers of FS ! differ between makers, so size is
 * set with GS ! and FS W, which do not. Bar codes (GS k) and the cuts of newer models (GS V 61, 62, 67, 68)
 * are read and never written; that those cuts feed as 41 and 42 do, the odd ones full, is assumed.
 */
import { assert } from '../std/assert.ts'
import { concat } from '../std/bytes.ts'
import { createDeframer, type Deframer, frameOf, more, noiseOf, type Scan } from './deframer.ts'

const ESC = 0x1b
const GS = 0x1d
const FS = 0x1c
const DLE = 0x10
const LF = 0x0a

export const most_qr_bytes = 512
/** One line of dots: 72 bytes is a slip of 80 mm, 96 rows two lines of large print. */
export const most_raster_bytes = 72 * 96

export type CutKind = 'full' | 'partial'
export type Align = 'left' | 'centre' | 'right'
export type QrLevel = 'L' | 'M' | 'Q' | 'H'

/** Characters of a bar code that ends with a zero; so many fit no slip. */
export const most_bar_code_bytes = 255

/** One command to the printer. Text comes byte by byte, so that any cut of the stream is alike. */
export type PrinterCommand =
  | { command: 'initialise' }
  | { command: 'chinese'; on: boolean }
  | { command: 'align'; align: Align }
  | { command: 'size'; large: boolean }
  | { command: 'chinese_size'; large: boolean }
  | { command: 'text'; byte: number }
  | { command: 'line_feed' }
  | { command: 'feed'; lines: number }
  | { command: 'cut'; kind: CutKind; feed: number }
  | { command: 'qr_model'; model: number }
  | { command: 'qr_size'; dots: number }
  | { command: 'qr_level'; level: QrLevel }
  | { command: 'qr_store'; data: Uint8Array }
  | { command: 'qr_print' }
  /** Dots row by row, eight to a byte, the leftmost in the highest bit. */
  | { command: 'raster'; width_bytes: number; rows: number; bytes: Uint8Array }
  | { command: 'status'; of: 1 | 2 | 3 | 4 }
  | { command: 'automatic_status'; mask: number }
  | { command: 'process_id'; id: Uint8Array }
  /** Well-formed, of known length, and without meaning here. */
  | { command: 'other'; bytes: Uint8Array }

const aligns: readonly Align[] = ['left', 'centre', 'right']
const levels: readonly QrLevel[] = ['L', 'M', 'Q', 'H']

export function encodeCommand(command: PrinterCommand): Uint8Array {
  switch (command.command) {
    case 'initialise':
      return Uint8Array.of(ESC, 0x40)
    case 'chinese':
      return Uint8Array.of(FS, command.on ? 0x26 : 0x2e)
    case 'align':
      return Uint8Array.of(ESC, 0x61, aligns.indexOf(command.align))
    case 'size':
      return Uint8Array.of(GS, 0x21, command.large ? 0x11 : 0x00)
    case 'chinese_size':
      return Uint8Array.of(FS, 0x57, command.large ? 1 : 0)
    case 'text':
      return Uint8Array.of(command.byte)
    case 'line_feed':
      return Uint8Array.of(LF)
    case 'feed':
      return Uint8Array.of(ESC, 0x64, command.lines)
    case 'cut':
      return Uint8Array.of(GS, 0x56, command.kind === 'full' ? 0x41 : 0x42, command.feed)
    case 'status':
      return Uint8Array.of(DLE, 0x04, command.of)
    case 'automatic_status':
      return Uint8Array.of(GS, 0x61, command.mask)
    case 'process_id':
      assert(command.id.length === 4, 'a process id has four bytes')
      return concat([GS, 0x28, 0x48, 6, 0, 0x30, 0x30], command.id)
    case 'raster':
      return encodeRaster(command)
    case 'other':
      return command.bytes
    default:
      return encodeQr(command)
  }
}

/** GS v 0, as python-escpos sends it; documented by Epson and copied by nearly every maker. */
function encodeRaster({
  width_bytes,
  rows,
  bytes,
}: Extract<PrinterCommand, { command: 'raster' }>): Uint8Array {
  assert(bytes.length === width_bytes * rows, 'dots fill their rows')
  assert(bytes.length <= most_raster_bytes, 'a raster is one line of a slip')
  const size = [width_bytes & 0xff, width_bytes >> 8, rows & 0xff, rows >> 8]
  return concat([GS, 0x76, 0x30, 0x00, ...size], bytes)
}

type QrCommand = Extract<
  PrinterCommand,
  { command: 'qr_model' | 'qr_size' | 'qr_level' | 'qr_store' | 'qr_print' }
>

function encodeQr(command: QrCommand): Uint8Array {
  switch (command.command) {
    case 'qr_model':
      return qrFunction([0x41, 0x30 + command.model, 0x00])
    case 'qr_size':
      return qrFunction([0x43, command.dots])
    case 'qr_level':
      return qrFunction([0x45, 0x30 + levels.indexOf(command.level)])
    case 'qr_store':
      assert(command.data.length <= most_qr_bytes, 'QR data is at most 512 bytes')
      return qrFunction(concat([0x50, 0x30], command.data))
    case 'qr_print':
      return qrFunction([0x51, 0x30])
  }
}

function qrFunction(parameters: ArrayLike<number>): Uint8Array {
  const size = parameters.length + 1
  return concat([GS, 0x28, 0x6b, size & 0xff, size >> 8, 0x31], parameters)
}

/** A whole QR symbol: model 2, module size 1 to 16 dots, correction level, data, print. */
export function encodeQrSymbol(data: Uint8Array, dots: number, level: QrLevel): Uint8Array {
  return concat(
    encodeCommand({ command: 'qr_model', model: 2 }),
    encodeCommand({ command: 'qr_size', dots }),
    encodeCommand({ command: 'qr_level', level }),
    encodeCommand({ command: 'qr_store', data }),
    encodeCommand({ command: 'qr_print' }),
  )
}

/** Host → printer. */
export function createCommandDeframer(): Deframer<PrinterCommand> {
  return createDeframer(scanCommand, 8 + most_raster_bytes)
}

function scanCommand(view: Uint8Array): Scan<PrinterCommand> {
  const first = view[0]!
  if (first === LF) return frameOf(1, { command: 'line_feed' })
  const scan = introducers.get(first)
  if (scan !== undefined) return view.length < 2 ? more : scan(view)
  if (first < 0x20 || first === 0x7f) return noiseOf(1, 'noise')
  return frameOf(1, { command: 'text', byte: first })
}

const introducers = new Map<number, (view: Uint8Array) => Scan<PrinterCommand>>([
  [ESC, scanEsc],
  [FS, scanFs],
  [GS, scanGs],
  [DLE, scanDle],
])

function scanEsc(view: Uint8Array): Scan<PrinterCommand> {
  if (view[1] === 0x40) return frameOf(2, { command: 'initialise' })
  if (view.length < 3) return more
  const n = view[2]!
  if (view[1] === 0x61) {
    const align = aligns[n % 0x30]
    return align === undefined ? other(view, 3) : frameOf(3, { command: 'align', align })
  }
  if (view[1] === 0x64) return frameOf(3, { command: 'feed', lines: n })
  return other(view, 3)
}

function scanFs(view: Uint8Array): Scan<PrinterCommand> {
  if (view[1] === 0x26) return frameOf(2, { command: 'chinese', on: true })
  if (view[1] === 0x2e) return frameOf(2, { command: 'chinese', on: false })
  const size = view[1] === 0x53 ? 4 : 3
  if (view.length < size) return more
  if (view[1] === 0x57) {
    return frameOf(3, { command: 'chinese_size', large: (view[2]! & 1) === 1 })
  }
  return other(view, size)
}

function scanGs(view: Uint8Array): Scan<PrinterCommand> {
  if (view[1] === 0x28) return scanGsParenthesis(view)
  if (view[1] === 0x76) return scanRaster(view)
  if (view.length < 3) return more
  if (view[1] === 0x6b) return scanBarCode(view)
  const n = view[2]!
  if (view[1] === 0x56) return scanCut(view)
  if (view[1] === 0x61) return frameOf(3, { command: 'automatic_status', mask: n })
  if (view[1] === 0x21) return frameOf(3, { command: 'size', large: n !== 0 })
  return other(view, 3)
}

function scanCut(view: Uint8Array): Scan<PrinterCommand> {
  const m = view[2]!
  if ([0, 1, 0x30, 0x31].includes(m)) {
    return frameOf(3, { command: 'cut', kind: m % 2 === 0 ? 'full' : 'partial', feed: 0 })
  }
  const kind = feeding_cuts.get(m)
  if (kind === undefined) return noiseOf(1, 'noise')
  if (view.length < 4) return more
  return frameOf(4, { command: 'cut', kind, feed: view[3]! })
}

/** With a byte for the feed behind them. */
const feeding_cuts: ReadonlyMap<number, CutKind> = new Map<number, CutKind>([
  [0x41, 'full'],
  [0x42, 'partial'],
  [0x61, 'full'],
  [0x62, 'partial'],
  [0x67, 'full'],
  [0x68, 'partial'],
])

/** Kinds 0 to 6 end with a zero, 41 to 49 have a length byte; others are not known. */
function scanBarCode(view: Uint8Array): Scan<PrinterCommand> {
  const m = view[2]!
  if (m <= 6) {
    const end = view.subarray(3, 4 + most_bar_code_bytes).indexOf(0)
    if (end >= 0) return other(view, 4 + end)
    return view.length < 4 + most_bar_code_bytes ? more : noiseOf(1, 'bad_length')
  }
  if (m < 0x41 || m > 0x49) return other(view, 3)
  if (view.length < 4) return more
  const size = 4 + view[3]!
  return view.length < size ? more : other(view, size)
}

function scanGsParenthesis(view: Uint8Array): Scan<PrinterCommand> {
  if (view.length < 5) return more
  const parameters = view[3]! | (view[4]! << 8)
  if (parameters > most_qr_bytes + 3) return noiseOf(1, 'bad_length')
  const size = 5 + parameters
  if (view.length < size) return more
  const body = view.subarray(5, size)
  if (view[2] === 0x6b && body[0] === 0x31) return scanQr(view, size, body.subarray(1))
  if (view[2] === 0x48 && body.length === 6 && body[0] === 0x30 && body[1] === 0x30) {
    return frameOf(size, { command: 'process_id', id: body.slice(2) })
  }
  return other(view, size)
}

function scanRaster(view: Uint8Array): Scan<PrinterCommand> {
  if (view.length < 8) return more
  const width_bytes = view[4]! | (view[5]! << 8)
  const rows = view[6]! | (view[7]! << 8)
  const size = 8 + width_bytes * rows
  if (view[2] !== 0x30 || width_bytes * rows > most_raster_bytes) return noiseOf(1, 'bad_length')
  if (view.length < size) return more
  return frameOf(size, { command: 'raster', width_bytes, rows, bytes: view.slice(8, size) })
}

function scanQr(view: Uint8Array, size: number, body: Uint8Array): Scan<PrinterCommand> {
  const n = body[1] ?? 0
  switch (body[0]) {
    case 0x41:
      return frameOf(size, { command: 'qr_model', model: n - 0x30 })
    case 0x43:
      return frameOf(size, { command: 'qr_size', dots: n })
    case 0x45: {
      const level = levels[n - 0x30]
      return level === undefined ? other(view, size) : frameOf(size, { command: 'qr_level', level })
    }
    case 0x50:
      // One maker writes 31 where the others write 30.
      if (n !== 0x30 && n !== 0x31) return other(view, size)
      return frameOf(size, { command: 'qr_store', data: body.slice(2) })
    case 0x51:
      return frameOf(size, { command: 'qr_print' })
    default:
      return other(view, size)
  }
}

function scanDle(view: Uint8Array): Scan<PrinterCommand> {
  if (view.length < 3) return more
  const n = view[2]!
  if (view[1] === 0x04 && n >= 1 && n <= 4) {
    return frameOf(3, { command: 'status', of: n as 1 | 2 | 3 | 4 })
  }
  return noiseOf(1, 'noise')
}

function other(view: Uint8Array, size: number): Scan<PrinterCommand> {
  return frameOf(size, { command: 'other', bytes: view.slice(0, size) })
}

/** What the four status bytes and the automatic status can say, all in one. */
export type PrinterCondition = {
  offline: boolean
  cover_open: boolean
  feeding: boolean
  paper_out: boolean
  paper_low: boolean
  cutter_error: boolean
  error: boolean
}

export const fineCondition: PrinterCondition = {
  offline: false,
  cover_open: false,
  feeding: false,
  paper_out: false,
  paper_low: false,
  cutter_error: false,
  error: false,
}

export type PrinterReply =
  | { reply: 'status'; byte: number }
  | { reply: 'automatic_status'; bytes: Uint8Array }
  | { reply: 'process_id'; id: Uint8Array }

/** Printer → host. The three kinds are told apart by their fixed bits. */
export function createPrinterReplyDeframer(): Deframer<PrinterReply> {
  return createDeframer(scanReply, 7)
}

function scanReply(view: Uint8Array): Scan<PrinterReply> {
  const first = view[0]!
  if (first === 0x37) return scanProcessId(view)
  if ((first & 0x93) === 0x12) return frameOf(1, { reply: 'status', byte: first })
  if ((first & 0x93) !== 0x10) return noiseOf(1, 'noise')
  for (let i = 1; i < 4; i++) {
    if (i === view.length) return more
    if ((view[i]! & 0x90) !== 0) return noiseOf(1, 'noise')
  }
  return frameOf(4, { reply: 'automatic_status', bytes: view.slice(0, 4) })
}

function scanProcessId(view: Uint8Array): Scan<PrinterReply> {
  if (view.length < 2) return more
  if (view[1] !== 0x22) return noiseOf(1, 'noise')
  for (let i = 2; i < 6; i++) {
    if (i === view.length) return more
    if (view[i]! < 0x20 || view[i]! > 0x7e) return noiseOf(1, 'noise')
  }
  if (view.length < 7) return more
  if (view[6] !== 0) return noiseOf(1, 'noise')
  return frameOf(7, { reply: 'process_id', id: view.slice(2, 6) })
}

export function encodePrinterReply(reply: PrinterReply): Uint8Array {
  switch (reply.reply) {
    case 'status':
      return Uint8Array.of(reply.byte)
    case 'automatic_status':
      return reply.bytes
    case 'process_id':
      return concat([0x37, 0x22], reply.id, [0])
  }
}

/** The status byte n of DLE EOT for a condition. */
export function statusByte(of: 1 | 2 | 3 | 4, now: PrinterCondition): number {
  const bits = {
    1: bit(now.offline, 3),
    2: bit(now.cover_open, 2) | bit(now.feeding, 3) | bit(now.paper_out, 5) | bit(anyError(now), 6),
    3: bit(now.cutter_error, 3) | bit(now.error, 5),
    4: (now.paper_low ? 0x0c : 0) | (now.paper_out ? 0x60 : 0),
  }
  return 0x12 | bits[of]
}

/** `before` with what status byte n says put in. */
export function withStatusByte(
  before: PrinterCondition,
  of: 1 | 2 | 3 | 4,
  byte: number,
): PrinterCondition {
  const has = (n: number) => (byte & (1 << n)) !== 0
  switch (of) {
    case 1:
      return { ...before, offline: has(3) }
    case 2: {
      const paper_out = has(5)
      return { ...before, cover_open: has(2), feeding: has(3), paper_out, error: has(6) }
    }
    case 3:
      return { ...before, cutter_error: has(3), error: has(2) || has(5) || has(6) }
    case 4:
      return { ...before, paper_low: has(2) || has(3), paper_out: has(5) || has(6) }
  }
}

export function encodeAutomaticStatus(now: PrinterCondition): Uint8Array {
  return Uint8Array.of(
    0x10 | bit(now.offline, 3) | bit(now.cover_open, 5) | bit(now.feeding, 6),
    bit(now.cutter_error, 3) | bit(now.error, 5),
    (now.paper_low || now.paper_out ? 0x03 : 0) | (now.paper_out ? 0x0c : 0),
    0,
  )
}

export function decodeAutomaticStatus(bytes: Uint8Array): PrinterCondition {
  const has = (at: number, mask: number) => (bytes[at]! & mask) !== 0
  return {
    offline: has(0, 0x08),
    cover_open: has(0, 0x20),
    feeding: has(0, 0x40),
    cutter_error: has(1, 0x08),
    error: has(1, 0x64),
    paper_low: has(2, 0x03),
    paper_out: has(2, 0x0c),
  }
}

function bit(on: boolean, n: number): number {
  return on ? 1 << n : 0
}

function anyError(now: PrinterCondition): boolean {
  return now.error || now.cutter_error
}
