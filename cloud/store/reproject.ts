/**
 * Makes a hall's rows of one projection anew from its log, as after a change of its version or of
 * what can be read. The new build grows beside the old one, which readers and ingest go on using;
 * what came in meanwhile is folded under the cursor's lock, then the builds change places.
 *
 * A build that was broken off leaves rows nobody reads; the next one clears them away. Faults:
 * `not_found` (no such projection or hall), `wrong_state` (it is being done already).
 */
import { parseRecord } from '#devices/contract/record.ts'
import { Fault } from '#devices/std/fault.ts'
import { decode, segmentLines } from '../intake/chain.ts'
import { foldOne, loadRows, rejection } from '../intake/fold.ts'
import type { AnyBooked, Projection, Put, Rejection, Row, RowKey, Segment } from '../ports.ts'
import { arrayLiteral } from './arrays.ts'
import type { Session, SqlValue } from './database.ts'
import { logSql } from './log-sql.ts'
import type { PgStore } from './pg-store.ts'
import { segmentOf } from './pg-tx.ts'
import { name } from './schema.ts'
import { type PlacedKey, type TableSql, tableSql } from './statements.ts'

/** Segments folded in one transaction: some batches' worth. */
const CHUNK_SEGMENTS = 512

export type Reprojected = { build: number; records: number; rejected: number }
export type ReprojectOptions = {
  /** Told before each chunk, and waited for: records folded, and how many the hall holds now. */
  onProgress?: (done: number, of: number) => void | Promise<void>
}

type Work = {
  session: Session
  hall: string
  projection: Projection
  tables: ReadonlyMap<string, TableSql>
  build: number
  /** The place to go on from. */
  next: number
  rejected: number
}

export async function reproject(
  store: PgStore,
  hall: string,
  projectionName: string,
  options: ReprojectOptions = {},
): Promise<Reprojected> {
  const projection = store.projections.find((p) => p.name === projectionName)
  if (projection === undefined) throw new Fault('not_found', projectionName)
  return store.session(async (session) => {
    const lock = [`${projectionName} ${hall}`]
    const [got] = await session.query('select pg_try_advisory_lock(hashtext($1))', lock)
    if (got?.[0] !== true) throw new Fault('wrong_state', 'it is being re-projected')
    try {
      return await build(session, { hall, projection, options })
    } finally {
      await session.query('select pg_advisory_unlock(hashtext($1))', lock)
    }
  })
}

async function build(
  session: Session,
  what: { hall: string; projection: Projection; options: ReprojectOptions },
): Promise<Reprojected> {
  const { hall, projection, options } = what
  const tables = new Map(
    projection.tables.map((spec) => [spec.table, tableSql(projection.name, spec)]),
  )
  const work = { session, hall, projection, tables, build: 0, next: 1, rejected: 0 }
  work.build = await nextBuild(work)
  for (;;) {
    const held = await recordsHeld(work, false)
    await options.onProgress?.(work.next - 1, held)
    if (!(await transaction(session, () => foldChunk(work)))) break
  }
  await transaction(session, () => catchUp(work))
  await options.onProgress?.(work.next - 1, work.next - 1)
  await clearAll(work)
  return { build: work.build, records: work.next - 1, rejected: work.rejected }
}

/** Behind every build that left rows. */
async function nextBuild(work: Work): Promise<number> {
  const { session, hall, projection } = work
  const [named] = await session.query(logSql.builds_of, [hall, projection.name])
  let most = Number(named?.[0])
  for (const { table } of projection.tables) {
    const sql = `select coalesce(max(build), 0) from ${name(table)} where hall = $1`
    const [row] = await session.query(sql, [hall])
    most = Math.max(most, Number(row?.[0]))
  }
  return most + 1
}

async function recordsHeld({ session, hall }: Work, lock: boolean): Promise<number> {
  const sql = `select records from hall_cursor where hall = $1${lock ? ' for update' : ''}`
  const [row] = await session.query(sql, [hall])
  if (row === undefined) throw new Fault('not_found', hall)
  return Number(row[0])
}

async function transaction<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.command('begin')
  try {
    const result = await work()
    const said = await session.command('commit')
    if (said !== 'COMMIT') throw new Fault('commit_failed', said)
    return result
  } catch (error) {
    await session.command('rollback').catch(() => {})
    throw error
  }
}

/** Ingest waits on the cursor while the last records are folded and the builds change places. */
async function catchUp(work: Work): Promise<void> {
  const { session, hall, projection } = work
  const held = await recordsHeld(work, true)
  while (await foldChunk(work)) {}
  if (work.next !== held + 1) throw new Fault('log_damaged', `${hall} place ${work.next}`)
  const { version } = projection
  await session.query(logSql.activate, [hall, projection.name, version, work.build, held])
}

/** False when nothing was left to fold. */
async function foldChunk(work: Work): Promise<boolean> {
  const { session, hall, projection } = work
  const rows = await session.query(logSql.segments_from, [hall, work.next, CHUNK_SEGMENTS])
  const segments = rows.map(segmentOf)
  const last = segments.at(-1)
  if (last === undefined) return false
  const { booked, rejections } = readSegments(work, segments, await bookedAgain(work, last))
  const working = await loadRows({ rows: (_, keys) => read(work, keys) }, [projection], booked)
  for (const one of booked) rejections.push(...foldOne(one, working))
  await write(work, working.changes())
  await writeRejections(work, rejections)
  work.rejected += rejections.length
  work.next = last.place + last.last - last.first + 1
  return true
}

/** Places of records with `was` that booked their fact; at others it had been booked before. */
async function bookedAgain({ session, hall, next }: Work, last: Segment): Promise<Set<number>> {
  const to = last.place + last.last - last.first
  const rows = await session.query(logSql.origins_at, [hall, next, to])
  return new Set(rows.map(([place]) => Number(place)))
}

function readSegments(work: Work, segments: readonly Segment[], again: ReadonlySet<number>) {
  const booked: AnyBooked[] = []
  const rejections: Rejection[] = []
  for (const segment of segments) {
    segmentLines(segment.bytes).forEach((line, i) => {
      const at = { epoch: segment.epoch, seq: segment.first + i, place: segment.place + i }
      const parsed = parseRecord(decode(line))
      if (!parsed.ok) rejections.push(rejection(work.projection, at, parsed.code))
      else if (parsed.record.was === undefined || again.has(at.place))
        booked.push({ hall: work.hall, ...at, record: parsed.record })
    })
  }
  return { booked, rejections }
}

async function read(work: Work, keys: readonly RowKey[]): Promise<{ table: string; row: Row }[]> {
  const found: { table: string; row: Row }[] = []
  for (const [table, sql] of work.tables) {
    const own = keys.filter((key) => key.table === table)
    if (own.length === 0) continue
    const placed: PlacedKey[] = own.map(({ key }) => ({ hall: work.hall, build: work.build, key }))
    const rows = await work.session.query(sql.read, sql.readValues(placed), `rows:${table}`)
    found.push(...rows.map((selected) => ({ table, row: sql.rowOf(selected).row })))
  }
  return found
}

async function write(work: Work, puts: readonly Put[]): Promise<void> {
  for (const [table, sql] of work.tables) {
    const own = puts.filter((put) => put.table === table)
    if (own.length === 0) continue
    const values = sql.putValues(
      own.map(({ row }) => ({ hall: work.hall, build: work.build, row })),
    )
    await work.session.query(sql.put, values, `write:${table}`)
  }
}

async function writeRejections(work: Work, rejections: readonly Rejection[]): Promise<void> {
  if (rejections.length === 0) return
  const { hall, build, session } = work
  const rows = rejections.map((r) => {
    return [hall, r.projection, build, r.place, r.version, r.epoch, r.seq, r.code]
  })
  const values: SqlValue[] = rows[0]!.map((_, i) => arrayLiteral(rows.map((row) => row[i])))
  await session.query(logSql.write_rejection, values, 'write_rejection')
}

/** Every build of the hall but the new one, also what a broken-off one left. */
async function clearAll({ session, hall, projection, build }: Work): Promise<void> {
  for (const { table } of projection.tables)
    await session.query(`delete from ${name(table)} where hall = $1 and build <> $2`, [hall, build])
  const sql = 'delete from rejection where hall = $1 and projection = $2 and build <> $3'
  await session.query(sql, [hall, projection.name, build])
}
