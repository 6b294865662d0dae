/**
 * A batch: consecutive records of one epoch on their way up, as NDJSON. The first line is the
 * header, each further line the exact text of a record. Compression is the adapter's business and
 * is told by gzip's magic bytes; everything here is the text after decompression.
 *
 * {@link readBatch} looks at bytes only: it finds the lines and their bounds and reads the header.
 * What a line says is {@link ./record.ts parseRecord}'s business.
 */
import { z } from 'zod'
import { Fault } from '../std/fault.ts'
import {
  BATCH_BYTES_MAX,
  BATCH_HEADER_BYTES_MAX,
  BATCH_RECORDS_MAX,
  RECORD_BYTES_MAX,
} from './limits.ts'
import { EpochId, HashHex } from './position.ts'
import { text } from './text.ts'

/** A reading of the sender's monotonic clock, sent back in the receipt: gives the round trip. */
export const SendStamp = z.strictObject({ boot: z.string().max(32), mono_ms: z.number().min(0) })
export type SendStamp = z.infer<typeof SendStamp>

export const BatchHeader = z.strictObject({
  v: z.literal(1),
  gateway: text(64),
  /** The fencing number under which this gateway owns the hall. */
  fence: z.int().min(0),
  epoch: EpochId,
  /** Number of the first record in here. */
  first: z.int().min(1),
  /** Hash before the first record. */
  prev: HashHex,
  sent: SendStamp,
})
export type BatchHeader = z.infer<typeof BatchHeader>

export type Batch = { header: BatchHeader; records: Uint8Array[] }

const LINE_FEED = 0x0a

/** Splits a batch. Faults `malformed`, `too_large`, `unknown_version`, `invalid`. */
export function readBatch(bytes: Uint8Array, decode: (bytes: Uint8Array) => string | null): Batch {
  if (bytes.length > BATCH_BYTES_MAX) throw new Fault('too_large', `${bytes.length} bytes`)
  const headerEnd = bytes.indexOf(LINE_FEED)
  if (headerEnd < 0 || headerEnd > BATCH_HEADER_BYTES_MAX)
    throw new Fault('malformed', 'no header line')
  const header = readHeader(decode(bytes.subarray(0, headerEnd)))
  return { header, records: splitLines(bytes, headerEnd + 1) }
}

function readHeader(line: string | null): BatchHeader {
  let value: unknown
  try {
    value = JSON.parse(line ?? '')
  } catch {
    throw new Fault('malformed', 'header is not JSON')
  }
  const version = (value as { v?: unknown } | null)?.v
  if (version !== undefined && version !== 1) throw new Fault('unknown_version', 'batch header')
  const header = BatchHeader.safeParse(value)
  if (!header.success)
    throw new Fault('invalid', `batch header ${header.error.issues[0]?.path.join('.')}`)
  return header.data
}

function splitLines(bytes: Uint8Array, start: number): Uint8Array[] {
  const records: Uint8Array[] = []
  for (let from = start; from < bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, from)
    const end = found < 0 ? bytes.length : found
    if (end === from) throw new Fault('malformed', 'empty line')
    if (end - from > RECORD_BYTES_MAX) throw new Fault('too_large', `record of ${end - from} bytes`)
    if (records.length === BATCH_RECORDS_MAX) throw new Fault('too_large', 'too many records')
    records.push(bytes.subarray(from, end))
    from = end + 1
  }
  if (records.length === 0) throw new Fault('malformed', 'no records')
  return records
}

/** The bytes of a batch. The caller keeps it within the limits. */
export function printBatch(
  header: BatchHeader,
  records: readonly Uint8Array[],
  encode: (text: string) => Uint8Array,
): Uint8Array {
  const head = encode(`${JSON.stringify(header)}\n`)
  const size = records.reduce((sum, record) => sum + record.length + 1, head.length)
  const bytes = new Uint8Array(size)
  bytes.set(head, 0)
  let at = head.length
  for (const record of records) {
    bytes.set(record, at)
    at += record.length
    bytes[at++] = LINE_FEED
  }
  return bytes
}
