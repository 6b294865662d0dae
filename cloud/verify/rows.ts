/**
 * What verification reads, by SQL of its own: the stored log and the rows made from it, all of one
 * moment (one read-only transaction of repeatable reads), so a controller may go on meanwhile.
 */
import pg from 'pg'

/** int8 as number where it is exact, numeric as text of digits turned bigint; so in arrays. */
const INT8 = 20
const NUMERIC = 1700
const INT8_ARRAY = 1016
const NUMERIC_ARRAY = 1231
/** Takes any array apart into texts. */
const TEXT_ARRAY: number = 1009
const textsOf = pg.types.getTypeParser(TEXT_ARRAY) as (text: string) => string[]

/** What no program of ours writes (0.5, NaN) stays text: it equals nothing and is named. */
const wholeOf = (text: string): bigint | string => (/^-?\d+$/.test(text) ? BigInt(text) : text)

export type Cells = Readonly<Record<string, unknown>>
export type StoredSegment = {
  place: number
  epoch: string
  first: number
  last: number
  prev: string
  hash: string
  bytes: Buffer
  crcs: Buffer
}

export interface Reader {
  rows(sql: string, values?: readonly unknown[]): Promise<Cells[]>
  segments(hall: string): AsyncGenerator<StoredSegment>
  /** The segment that begins with record `first` of the epoch, at whatever place. */
  segmentFrom(hall: string, epoch: string, first: number): Promise<StoredSegment | undefined>
  close(): Promise<void>
}

/** Segments are a page each, or one record of at most 64 KiB; so many at a time. */
const SEGMENTS_AT_ONCE = 256

const SEGMENT =
  'select place, epoch, first, last, prev, hash, bytes, crcs from segment where hall = $1'

/** Reads what one moment held, whatever is written meanwhile. */
export async function openReader(url: string): Promise<Reader> {
  const client = await connect(url)
  await client.query('begin transaction isolation level repeatable read read only')
  return readerOn(client)
}

/** A connection whose numbers are as verification wants them. */
export async function connect(url: string): Promise<pg.Client> {
  const types = {
    getTypeParser(oid: number, format?: 'text' | 'binary') {
      if (oid === INT8) return Number
      if (oid === NUMERIC) return wholeOf
      if (oid === INT8_ARRAY) return (text: string) => textsOf(text).map(Number)
      if (oid === NUMERIC_ARRAY) return (text: string) => textsOf(text).map(wholeOf)
      return pg.types.getTypeParser(oid, format)
    },
  } as pg.CustomTypesConfig
  const client = new pg.Client({
    connectionString: url,
    application_name: 'hallway-verify',
    connectionTimeoutMillis: 10_000,
    types,
  })
  await client.connect()
  return client
}

/** Reads over a connection, in the transaction it is in. */
export function readerOn(client: pg.Client): Reader {
  const rows = async (sql: string, values: readonly unknown[] = []) =>
    (await client.query(sql, [...values])).rows as Cells[]
  return {
    rows,
    async *segments(hall) {
      for (let after = -1; ; ) {
        const found = await rows(
          `${SEGMENT} and place > $2 order by place limit ${SEGMENTS_AT_ONCE}`,
          [hall, after],
        )
        for (const segment of found) yield segment as unknown as StoredSegment
        if (found.length < SEGMENTS_AT_ONCE) return
        after = Number(found.at(-1)?.place)
      }
    },
    async segmentFrom(hall, epoch, first) {
      const [row] = await rows(`${SEGMENT} and epoch = $2 and first = $3`, [hall, epoch, first])
      return row as unknown as StoredSegment | undefined
    },
    close: () => client.end(),
  }
}
