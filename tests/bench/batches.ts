/** Batches of halls as gateways ship them, made before anything is measured. */
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { printBatch } from '#devices/contract/batch.ts'
import {
  BATCH_BYTES_MAX,
  BATCH_HEADER_BYTES_MAX,
  BATCH_RECORDS_MAX,
} from '#devices/contract/limits.ts'
import { ZERO_HASH } from '#devices/contract/position.ts'
import { begunText, recordTexts } from './hall-day.ts'

/** As gateways compress. */
const GZIP_LEVEL = 1

export type HallOf = { hall: string; gateway: string; fence: number; password: string }
export type Prepared = { payload: Uint8Array; records: number; text_bytes: number; last: number }

export function epochOf(hall: string): string {
  return createHash('sha256').update(hall).digest('hex').slice(0, 32)
}

/** Texts of several logs; halls share them, as a hall's rows never meet another's. */
export function logTexts(logs: number, records: number): string[][] {
  return Array.from({ length: logs }, (_, seed) => recordTexts(records, seed + 1))
}

/** The log `texts` as batches of `hall`; batch `n` is gzipped where `gzipped(n)` says so. */
export function prepare(
  { hall, gateway, fence }: HallOf,
  texts: readonly string[],
  gzipped: (batch: number) => boolean,
): Prepared[] {
  const epoch = epochOf(hall)
  const records = [begunText(gateway, epoch), ...texts].map((text) => Buffer.from(text))
  const batches: Prepared[] = []
  let prev = ZERO_HASH
  for (let from = 0; from < records.length; ) {
    const part = withinLimits(records, from)
    const sent = { boot: '00000000', mono_ms: batches.length }
    const header = { v: 1 as const, gateway, fence, epoch, first: from + 1, prev, sent }
    const bytes = printBatch(header, part, (text) => Buffer.from(text))
    const zip = gzipped(batches.length)
    batches.push({
      payload: zip ? gzipSync(bytes, { level: GZIP_LEVEL }) : bytes,
      ...{ records: part.length, text_bytes: bytes.length, last: from + part.length },
    })
    for (const payload of part) prev = link(prev, payload)
    from += part.length
  }
  return batches
}

function withinLimits(records: readonly Buffer[], from: number): Buffer[] {
  let room = BATCH_BYTES_MAX - BATCH_HEADER_BYTES_MAX
  const part: Buffer[] = []
  for (let i = from; i < records.length && part.length < BATCH_RECORDS_MAX; i++) {
    room -= records[i]!.length + 1
    if (room < 0) break
    part.push(records[i]!)
  }
  return part
}

function link(prev: string, payload: Buffer): string {
  return createHash('sha256').update(Buffer.from(prev, 'hex')).update(payload).digest('hex')
}
