/**
 * Everything a commit changes, across halls, in a few statements and one or two a projection table:
 * many rows that are surely new are copied in, all others are put by key. While the server works on
 * one statement, the values of the next are put together.
 */
import { assert } from '#devices/std/assert.ts'
import { getOrMake } from '#devices/std/map.ts'
import type { HallChanges, Value } from '../ports.ts'
import { arrayLiteral } from './arrays.ts'
import { cell, copyLine, copySegments, type PlacedSegment } from './copy.ts'
import type { SqlRow, SqlValue } from './database.ts'
import { logSql } from './log-sql.ts'
import { NO_BUILD } from './schema.ts'
import type { PlacedRow, TableSql } from './statements.ts'

/** Fewer new rows of a table go with those that are put by key: it saves a statement. */
export const COPIED_ROWS_MIN = 16

export type WriteContext = {
  tables: ReadonlyMap<string, TableSql>
  versions: ReadonlyMap<string, number>
}

export type Writer = {
  build(hall: string, projection: string): number
  run(name: string, sql: string, values: readonly SqlValue[]): Promise<SqlRow[]>
  copy(name: string, sql: string, bytes: Buffer): Promise<void>
}

/** Puts its values together, and gives what sends them. */
type Statement = (writer: Writer) => () => Promise<unknown>
type Changes = readonly HallChanges[]

export async function writeAll(
  context: WriteContext,
  changes: Changes,
  writer: Writer,
): Promise<void> {
  if (changes.length === 0) return
  assert(new Set(changes.map((c) => c.hall)).size === changes.length, 'a hall is written once')
  const statements = [
    segments(changes),
    ...tablePuts(context, changes, writer),
    epochs(changes),
    origins(changes),
    rejections(context, changes, writer),
    positions(context, changes, writer),
    cursors(changes),
  ]
  let running: Promise<unknown> = Promise.resolve()
  for (const statement of statements) {
    if (statement === null) continue
    const send = statement(writer)
    await running
    running = send()
  }
  await running
}

/** One array a column. */
function columns(rows: readonly (readonly Value[])[]): SqlValue[] {
  const width = rows[0]?.length ?? 0
  return Array.from({ length: width }, (_, i) => arrayLiteral(rows.map((row) => row[i])))
}

function statement(
  name: keyof typeof logSql,
  rows: readonly (readonly Value[])[],
): Statement | null {
  if (rows.length === 0) return null
  return ({ run }) => {
    const values = columns(rows)
    return () => run(name, logSql[name], values)
  }
}

function segments(changes: Changes): Statement | null {
  const all: PlacedSegment[] = []
  for (const { hall, segments: own } of changes) for (const s of own) all.push({ hall, ...s })
  if (all.length === 0) return null
  return ({ copy }) => {
    const bytes = copySegments(all)
    return () => copy('write_segment', logSql.write_segment, bytes)
  }
}

/** What is put into one table: rows that are new, and others by their key. */
type TableChange = { fresh: PlacedRow[]; others: Map<string, PlacedRow> }

function tablePuts({ tables }: WriteContext, changes: Changes, writer: Writer): Statement[] {
  const byTable = new Map<TableSql, TableChange>()
  for (const { hall, puts } of changes)
    for (const { table, row, fresh } of puts) {
      const sql = tables.get(table)
      assert(sql !== undefined, `table ${table} belongs to a projection`)
      const change = getOrMake(byTable, sql, () => ({ fresh: [], others: new Map() }))
      const placed = { hall, build: writer.build(hall, sql.projection), row }
      if (fresh === true) change.fresh.push(placed)
      else change.others.set(idOf(sql, placed), placed)
    }
  return [...byTable].flatMap(([sql, { fresh, others }]) => {
    if (fresh.length < COPIED_ROWS_MIN) return put(sql, [...others.values(), ...fresh])
    return [copied(sql, fresh), ...put(sql, [...others.values()])]
  })
}

/** A key that several changes put is written once, as the last of them says. */
function idOf({ key }: TableSql, { hall, row }: PlacedRow): string {
  let id = hall
  for (const column of key) id += `\u0001${row[column]}`
  return id
}

function put(sql: TableSql, rows: readonly PlacedRow[]): Statement[] {
  if (rows.length === 0) return []
  return [
    ({ run }) => {
      const values = sql.putValues(rows)
      return () => run(`write:${sql.table}`, sql.put, values)
    },
  ]
}

function copied(sql: TableSql, rows: readonly PlacedRow[]): Statement {
  return ({ copy }) => {
    let text = ''
    for (const { hall, build, row } of rows)
      text += copyLine(`${cell(hall)}\t${build}`, row, sql.columns)
    const bytes = Buffer.from(text)
    return () => copy(`copy:${sql.table}`, sql.copy, bytes)
  }
}

function epochs(changes: Changes): Statement | null {
  const rows = changes.flatMap(({ hall, epochs: own }) =>
    own.map((e) => [
      ...[hall, e.epoch, e.number, e.parent?.epoch ?? null, e.parent?.seq ?? null],
      ...[e.parent?.hash ?? null, e.reason, e.gateway, e.continues, e.seq, e.hash, e.branch],
    ]),
  )
  return statement('write_epoch', rows)
}

function origins(changes: Changes): Statement | null {
  const rows = changes.flatMap(({ hall, origins: own }) =>
    own.map(({ origin, place }) => [hall, origin.epoch, origin.seq, origin.hash, place]),
  )
  return statement('write_origin', rows)
}

function rejections(context: WriteContext, changes: Changes, writer: Writer): Statement | null {
  const rows = new Map<string, Value[]>()
  for (const { hall, rejections: own } of changes)
    for (const { projection, version, epoch, seq, place, code } of own) {
      const known = context.versions.has(projection)
      const build = known ? writer.build(hall, projection) : NO_BUILD
      const row = [hall, projection, build, place, version, epoch, seq, code]
      rows.set(`${hall} ${projection} ${place}`, row)
    }
  return statement('write_rejection', [...rows.values()])
}

function positions(context: WriteContext, changes: Changes, writer: Writer): Statement | null {
  const rows = changes.flatMap(({ hall, upto }) =>
    [...context.versions].map(([projection, version]) => {
      return [hall, projection, version, writer.build(hall, projection), upto]
    }),
  )
  return statement('write_projection', rows)
}

function cursors(changes: Changes): Statement | null {
  const rows = changes.map(({ cursor: { hall, records, head, owner, fence } }) => {
    return [hall, records, head?.epoch ?? null, head?.seq ?? null, head?.hash ?? null, owner, fence]
  })
  return statement('write_cursor', rows)
}
