/**
 * What PostgreSQL's files hold and do not show to a search of their bytes: values it compressed within
 * rows, and the images of whole pages in its write-ahead log. Rows are read through the server; the log
 * is read here, record by record, and each image unpacked.
 * Layouts: src/include/access/xlog_internal.h, xlogrecord.h and src/common/pg_lzcompress.c of
 * PostgreSQL 18.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'

const page_bytes = 8192
const { Client, types } = pg

/** Every value of every table, as it is: text as UTF-8, `bytea` as its bytes. */
export async function rowsOf(url: string): Promise<{ tables: number; values: Buffer[] }> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema')`,
    )
    const values: Buffer[] = []
    // Values as the server writes them, bytes in hex.
    const raw = { getTypeParser: () => (text: string) => text } as unknown as typeof types
    for (const { name } of rows) {
      const table = await client.query<unknown[]>({
        text: `select * from ${name}`,
        rowMode: 'array',
        types: raw,
      })
      for (const row of table.rows) values.push(...row.flatMap(bytesOf))
    }
    return { tables: rows.length, values }
  } finally {
    await client.end()
  }
}

function bytesOf(value: unknown): Buffer[] {
  if (typeof value !== 'string') return []
  const text = Buffer.from(value)
  return value.startsWith('\\x') ? [Buffer.from(value.slice(2), 'hex'), text] : [text]
}

/** The whole pages in the write-ahead log of a cluster, unpacked. */
export async function pageImagesOf(pgdata: string): Promise<{ images: Buffer[]; packed: number }> {
  const folder = join(pgdata, 'pg_wal')
  const segments = (await readdir(folder)).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort()
  const result = { images: [] as Buffer[], packed: 0 }
  for (const segment of segments) {
    for (const record of recordsOf(await readFile(join(folder, segment)))) {
      for (const { image, packed, hole } of imagesOf(record)) {
        const page = packed ? unpackPglz(image, page_bytes - hole) : image
        if (packed) result.packed += 1
        if (page !== null) result.images.push(page)
      }
    }
  }
  return result
}

const record_head = 24

/**
 * Records that begin in this segment and end in it. One that goes on in the next is read as far as it
 * goes; what a page continues from the segment before is passed over.
 */
function* recordsOf(segment: Buffer): Generator<Buffer> {
  const stream: Buffer[] = []
  /** Where in the joined stream a page says that its first record begins. */
  let begin: number | null = null
  let size = 0
  for (let at = 0; at + page_bytes <= segment.length; at += page_bytes) {
    const page = segment.subarray(at, at + page_bytes)
    const long = (page.readUInt16LE(2) & 2) !== 0
    if (page.readUInt16LE(0) === 0) break
    const head = long ? 40 : 24
    const rest = page.readUInt32LE(16)
    begin ??= rest > page_bytes - head ? null : size + align(rest)
    stream.push(page.subarray(head))
    size += page_bytes - head
  }
  const joined = Buffer.concat(stream)
  for (let at = begin ?? joined.length; at + record_head <= joined.length; ) {
    const length = joined.readUInt32LE(at)
    if (length < record_head) return
    yield joined.subarray(at, at + length)
    at = align(at + length)
  }
}

function align(at: number): number {
  return (at + 7) & ~7
}

type Image = { image: Buffer; packed: boolean; hole: number }
type Head = { length: number; hole: number; packed: boolean }

function imagesOf(record: Buffer): Image[] {
  try {
    const { heads, data_at } = blocksOf(record)
    let at = data_at
    return heads.flatMap(({ image, data_bytes }) => {
      const found =
        image === null ? [] : [{ ...image, image: record.subarray(at, at + image.length) }]
      at += (image?.length ?? 0) + data_bytes
      return found
    })
  } catch (error) {
    // Cut off by the end of the segment, or left from an older use of it.
    if (error instanceof RangeError) return []
    throw error
  }
}

/** Main data, whose length is the last thing said; and two small marks. */
const main = { short: 255, long: 254 }
const marks = new Map([
  [253, 3],
  [252, 5],
])
const most_blocks = 32

function blocksOf(record: Buffer) {
  const heads: { image: Head | null; data_bytes: number }[] = []
  const held = () =>
    heads.reduce((sum, head) => sum + head.data_bytes + (head.image?.length ?? 0), 0)
  let at = record_head
  // Where nothing is left but what the blocks hold, no more is said.
  while (at + held() < record.length) {
    const id = record.readUInt8(at)
    if (id === main.short) return { heads, data_at: at + 2 }
    if (id === main.long) return { heads, data_at: at + 5 }
    const mark = marks.get(id)
    if (mark === undefined && id > most_blocks) throw new RangeError('no block')
    at = mark === undefined ? blockOf(record, at, heads) : at + mark
  }
  return { heads, data_at: at }
}

function blockOf(
  record: Buffer,
  from: number,
  heads: { image: Head | null; data_bytes: number }[],
): number {
  const flags = record.readUInt8(from + 1)
  const data_bytes = record.readUInt16LE(from + 2)
  let at = from + 4
  let image: Head | null = null
  if ((flags & 0x10) !== 0) {
    const length = record.readUInt16LE(at)
    const info = record.readUInt8(at + 4)
    at += 5
    const packed = (info & 0x04) !== 0
    let hole = 0
    if ((info & 0x01) !== 0) {
      hole = packed ? record.readUInt16LE(at) : page_bytes - length
      if (packed) at += 2
    }
    image = { length, hole, packed }
  }
  if ((flags & 0x80) === 0) at += 12
  heads.push({ image, data_bytes })
  return at + 4
}

/** Null for what is no such stream. */
function unpackPglz(packed: Buffer, size: number): Buffer | null {
  const out = Buffer.alloc(size)
  let to = 0
  for (let at = 0; at < packed.length && to < size; ) {
    const control = packed[at++]!
    for (let bit = 0; bit < 8 && at < packed.length && to < size; bit++) {
      if ((control & (1 << bit)) === 0) {
        out[to++] = packed[at++]!
        continue
      }
      let length = (packed[at]! & 0x0f) + 3
      const back = ((packed[at]! & 0xf0) << 4) | packed[at + 1]!
      at += 2
      if (length === 18) length += packed[at++]!
      if (back === 0 || back > to) return null
      for (; length > 0 && to < size; length--, to++) out[to] = out[to - back]!
    }
  }
  return to === size ? out : null
}
