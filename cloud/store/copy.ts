/**
 * Rows as the bytes that COPY takes: the cheapest way in for rows that are surely not there yet.
 * Tables of projections go as text (one string a commit is cheaper to make here than one value after
 * another), segments in the binary form, as their bytes would double as text.
 *
 * Sources: PostgreSQL 18, COPY, "Text Format" and "Binary Format".
 */
import { assert } from '#devices/std/assert.ts'
import type { Row, Segment, Value } from '../ports.ts'
import { arrayLiteral } from './arrays.ts'

const special = /[\\\t\n\r]/
const eachSpecial = /[\\\t\n\r]/g
const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
}

/** The cells of `columns`, ended by a line feed. Numbers must be finite. */
export function copyLine(first: string, row: Row, columns: readonly string[]): string {
  let line = first
  for (let i = 0; i < columns.length; i++) line += `\t${cell(row[columns[i]!])}`
  return `${line}\n`
}

/** A value as COPY's text format has it; a text may hold anything. */
export function cell(value: Value | undefined): string | number | bigint {
  switch (typeof value) {
    case 'string':
      return special.test(value) ? value.replace(eachSpecial, (c) => escapes[c]!) : value
    case 'number':
      assert(Number.isFinite(value), 'a stored number is finite')
      return value
    case 'bigint':
      return value
    case 'boolean':
      return value ? 't' : 'f'
    default:
      return value == null ? '\\N' : cell(arrayLiteral(value))
  }
}

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TRAILER = Buffer.from([0xff, 0xff])

export type PlacedSegment = Segment & { hall: string }

export const copySegmentsSql = `
copy segment (hall, place, epoch, first, last, prev, hash, bytes, crcs)
from stdin (format binary)`

/** For {@link copySegmentsSql}, in one piece. */
export function copySegments(segments: readonly PlacedSegment[]): Buffer {
  const bytes = Buffer.allocUnsafe(
    segments.reduce((sum, one) => sum + sizeOf(one), SIGNATURE.length + TRAILER.length),
  )
  let at = SIGNATURE.copy(bytes)
  const int8 = (value: number) => {
    at = bytes.writeInt32BE(8, at)
    at = bytes.writeBigInt64BE(BigInt(value), at)
  }
  const text = (value: string) => {
    const written = bytes.write(value, at + 4)
    bytes.writeInt32BE(written, at)
    at += 4 + written
  }
  const raw = (value: Uint8Array) => {
    at = bytes.writeInt32BE(value.length, at)
    bytes.set(value, at)
    at += value.length
  }
  for (const one of segments) {
    at = bytes.writeInt16BE(COLUMNS, at)
    text(one.hall)
    int8(one.place)
    text(one.epoch)
    int8(one.first)
    int8(one.last)
    text(one.prev)
    text(one.hash)
    raw(one.bytes)
    raw(one.crcs)
  }
  at += TRAILER.copy(bytes, at)
  return bytes.subarray(0, at)
}

const COLUMNS = 9

/** Bytes that a segment takes at most: a code unit of text is at most three. */
function sizeOf({ hall, epoch, prev, hash, bytes, crcs }: PlacedSegment): number {
  const texts = hall.length + epoch.length + prev.length + hash.length
  return 2 + COLUMNS * 4 + 3 * 8 + texts * 3 + bytes.length + crcs.length
}
