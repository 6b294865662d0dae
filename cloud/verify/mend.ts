/**
 * Which records of a stored segment are not what their sums say, and how the text read before: the
 * segments that could have stood there, for the chain to choose from. Pure.
 */
import { isUtf8 } from 'node:buffer'
import { crc32 } from 'node:zlib'
import { type Change, changesBehind, crcNext } from './crc-places.ts'
import type { StoredSegment } from './rows.ts'

const LINE_FEED = 0x0a
const CRC_BYTES = 4
/** So many texts are held against the chain where several records changed. */
const COMBINATIONS_MAX = 64

export type Span = { from: number; to: number }

export type Wrong = Span & {
  /** Number in the segment, from 0. */
  index: number
  how: 'changed' | 'gone' | 'added'
  /** Single bytes that alone explain it; offsets in the segment. */
  bytes: readonly Change[]
}

export type Text = { bytes: Buffer; changes: readonly Change[] }

/** Where the lines of a segment are, without their line feeds. */
export function spansOf(bytes: Buffer): Span[] {
  const spans: Span[] = []
  for (let from = 0; from < bytes.length; ) {
    const feed = bytes.indexOf(LINE_FEED, from)
    const to = feed < 0 ? bytes.length : feed
    spans.push({ from, to })
    from = to + 1
  }
  return spans
}

export const crcsIn = (crcs: Buffer): number[] =>
  Array.from({ length: Math.floor(crcs.length / CRC_BYTES) }, (_, i) => crcs.readUInt32BE(i * 4))

/** Records whose text does not give its sum, in order. */
export function wrongRecords({ bytes, crcs }: Pick<StoredSegment, 'bytes' | 'crcs'>): Wrong[] {
  const sums = crcsIn(crcs)
  const spans = spansOf(bytes)
  const wrongs: Wrong[] = []
  const fits = (line: number, record: number) => {
    const span = spans[line]
    return span !== undefined && span.to < bytes.length && sumOf(bytes, span) === sums[record]
  }
  let line = 0
  for (let index = 0; index < sums.length; ) {
    const span = spans[line] ?? { from: bytes.length, to: bytes.length }
    if (fits(line, index)) {
      index++
      line++
      continue
    }
    const found = explain(bytes, { spans, line, sums, index })
    if (found !== null) {
      wrongs.push({ ...span, index, how: 'changed', bytes: found.changes })
      index += found.records
      line += found.lines
    } else if (line >= spans.length || fits(line, index + 1)) {
      wrongs.push({ from: span.from, to: span.from, index: index++, how: 'gone', bytes: [] })
    } else if (fits(line + 1, index)) {
      wrongs.push({ ...span, index, how: 'added', bytes: [] })
      line++
    } else {
      wrongs.push({ ...span, index: index++, how: 'changed', bytes: [] })
      line++
    }
  }
  for (const span of spans.slice(line))
    wrongs.push({ ...span, index: sums.length, how: 'added', bytes: [] })
  return wrongs
}

const sumOf = (bytes: Buffer, { from, to }: Span) => crc32(bytes.subarray(from, to))

type Place = { spans: readonly Span[]; line: number; sums: readonly number[]; index: number }
type Explained = { changes: Change[]; records: number; lines: number }

/** One changed byte that explains the line: within it, or a line feed lost or made. */
function explain(bytes: Buffer, place: Place): Explained | null {
  const { spans, line, sums, index } = place
  const span = spans[line]
  if (span === undefined) return null
  const within = singles(bytes, span, sums[index]!)
  if (within.length > 0 && span.to < bytes.length) return { changes: within, records: 1, lines: 1 }
  const lost = lostFeed(bytes, place)
  if (lost !== null) return lost
  const next = spans[line + 1]
  if (next === undefined) return null
  const changes = singles(bytes, { from: span.from, to: next.to }, sums[index]!)
  const made = changes.filter(({ at }) => at === span.to)
  return made.length > 0 ? { changes: made, records: 1, lines: 2 } : null
}

function singles(bytes: Buffer, span: Span, sum: number): Change[] {
  return changesIn(bytes, span, sum).filter(({ is }) => is.length === 1)
}

function changesIn(bytes: Buffer, { from, to }: Span, sum: number): Change[] {
  return changesBehind(bytes.subarray(from, to), sum).map((change) => {
    return { ...change, at: from + change.at }
  })
}

/** The line begins with the whole of the record; behind it something else stands for a line feed. */
function lostFeed(bytes: Buffer, { spans, line, sums, index }: Place): Explained | null {
  const { from, to } = spans[line]!
  const [sum, after] = [sums[index]!, sums[index + 1]]
  let crc = 0
  for (let at = from; at < to; at++) {
    const last = at === bytes.length - 1
    if (crc === sum && (last || sumOf(bytes, { from: at + 1, to }) === after)) {
      const change = { at, is: Buffer.from([bytes[at]!]), was: Buffer.from([LINE_FEED]) }
      return { changes: [change], records: last ? 1 : 2, lines: 1 }
    }
    crc = crcNext(crc, bytes[at]!)
  }
  return null
}

/** What the segment may have been before its wrong records changed, likeliest first. */
export function* textsBefore(stored: StoredSegment, wrongs: readonly Wrong[]): Generator<Text> {
  if (wrongs.length === 0 || wrongs.some(({ how }) => how !== 'changed')) return
  let sets: Change[][] = [[]]
  for (const { bytes } of wrongs) {
    sets = sets.flatMap((set) => bytes.map((change) => [...set, change]))
    if (sets.length > COMBINATIONS_MAX) return
  }
  for (const changes of sets) yield changed(stored.bytes, changes)
  if (wrongs.length > 1) return
  const wrong = wrongs[0]!
  const record = Buffer.from(stored.bytes.subarray(wrong.from, wrong.to))
  for (const change of changesIn(stored.bytes, wrong, crcsIn(stored.crcs)[wrong.index]!)) {
    if (change.is.length === 1) continue
    record.set(change.was, change.at - wrong.from)
    if (isPlain(record, change.was)) yield changed(stored.bytes, [change])
    record.set(change.is, change.at - wrong.from)
  }
}

function changed(bytes: Buffer, changes: readonly Change[]): Text {
  const before = Buffer.from(bytes)
  for (const { at, was } of changes) before.set(was, at)
  return { bytes: before, changes }
}

/**
 * A guess of several bytes is worth a look at the chain only if it gives a text that programs print.
 * Of the thousands of guesses for a long record, the first two conditions leave a few.
 */
function isPlain(record: Buffer, guess: Buffer): boolean {
  if (guess.some((byte) => byte < 0x20) || !isUtf8(record)) return false
  const text = record.toString('utf8')
  try {
    return JSON.stringify(JSON.parse(text)) === text
  } catch {
    return false
  }
}
