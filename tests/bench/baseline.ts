/**
 * What the database itself can do with the same bytes: one column, one row a record, by the faster
 * of `insert ... select unnest` and COPY, both with binary values, on the same server, so with the
 * same flags. How many records a commit has decides much: measured with as many as the intake had on
 * average in the same run, and with so many that more of them no longer help.
 *
 * The clock runs from records in memory to rows on disk, as any program that inserts must put them
 * into the protocol's form; and once more with that done beforehand, which is the server alone.
 */
import pg from 'pg'
import type { Controller } from './controller.ts'
import { cpuBetween } from './proc.ts'

type Way = 'unnest' | 'copy'
export type Bare = {
  way: Way
  /** Records of a statement, each of which is a commit. */
  commit_records: number
  /** Put into the protocol's form before the clock started. */
  prepared: boolean
  records_a_s: number
  /** Of this process and the database. */
  cpu_us: number
}

/** More records a commit than any burst of batches brings. */
export const LARGE_COMMIT_RECORDS = 16_000
const WAYS = ['copy', 'unnest'] as const

const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const BYTEA = 17

export async function openBaseline(url: string, { cpu }: Pick<Controller, 'cpu'>) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()

  async function run(
    way: Way,
    chunks: readonly (readonly Buffer[])[],
    prepared: boolean,
  ): Promise<Bare> {
    await client.query('drop table if exists baseline; create table baseline (record bytea)')
    const framed = way === 'copy' ? copyBytes : arrayBytes
    const ready = prepared ? chunks.map(framed) : []
    const server = (await cpu()).database
    const own = process.cpuUsage()
    const began = performance.now()
    for (const [i, chunk] of chunks.entries()) {
      const bytes = ready[i] ?? framed(chunk)
      if (way === 'copy') await copy(client, bytes)
      else await insert(client, bytes)
    }
    const wall_ms = performance.now() - began
    const { user, system } = process.cpuUsage(own)
    const cpu_s = (user + system) / 1e6 + cpuBetween(server, (await cpu()).database)
    const records = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    const { rows } = await client.query('select count(*)::int as n from baseline')
    if (rows[0].n !== records) throw new Error(`baseline holds ${rows[0].n} of ${records}`)
    await client.query('drop table baseline')
    return {
      ...{ way, prepared, commit_records: chunks[0]!.length },
      records_a_s: (records / wall_ms) * 1_000,
      cpu_us: (cpu_s / records) * 1e6,
    }
  }

  return {
    /** Every way once, with commits of `own_commit` records and with large ones. */
    async all(records: readonly Buffer[], own_commit: number): Promise<Bare[]> {
      const measured: Bare[] = []
      for (const size of [own_commit, LARGE_COMMIT_RECORDS]) {
        const chunks = Array.from({ length: Math.ceil(records.length / size) }, (_, i) =>
          records.slice(i * size, (i + 1) * size),
        )
        for (const way of WAYS) {
          for (const prepared of [false, true]) measured.push(await run(way, chunks, prepared))
        }
      }
      return measured
    },
    /** Commits that the log of all halls is made of: each has a transaction id of its own. */
    async commits(): Promise<number> {
      const sql = 'select count(distinct xmin::text)::int as n from segment'
      return (await client.query(sql)).rows[0].n
    },
    close: () => client.end(),
  }
}

async function insert(client: pg.Client, array: Buffer): Promise<void> {
  const text = 'insert into baseline select unnest($1::bytea[])'
  await client.query({ name: 'insert', text, values: [array] })
}

/** `pg` lets any object answer the protocol: this one sends the bytes when the server asks. */
function copy(client: pg.Client, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const query = {
      submit: (connection: { query(text: string): void }) =>
        connection.query('copy baseline from stdin (format binary)'),
      handleCopyInResponse(connection: {
        sendCopyFromChunk(chunk: Buffer): void
        endCopyFrom(): void
      }) {
        connection.sendCopyFromChunk(bytes)
        connection.endCopyFrom()
      },
      handleError: (error: Error) => reject(error),
      handleCommandComplete() {},
      handleReadyForQuery: () => resolve(),
    }
    client.query(query as unknown as pg.Submittable)
  })
}

/** Rows of one column in COPY's binary form. */
function copyBytes(records: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [HEADER]
  for (const record of records) {
    const head = Buffer.alloc(6)
    head.writeInt16BE(1, 0)
    head.writeInt32BE(record.length, 2)
    parts.push(head, record)
  }
  return Buffer.concat([...parts, Buffer.from([0xff, 0xff])])
}

/** `bytea[]` in the binary form of arrays. */
function arrayBytes(records: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(20)
  const fields = [1, 0, BYTEA, records.length, 1]
  fields.forEach((field, i) => {
    head.writeInt32BE(field, i * 4)
  })
  const parts: Buffer[] = [head]
  for (const record of records) {
    const length = Buffer.alloc(4)
    length.writeInt32BE(record.length)
    parts.push(length, record)
  }
  return Buffer.concat(parts)
}
