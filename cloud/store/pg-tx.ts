/**
 * One transaction of the PostgreSQL store. The statements are few and do not grow with the number
 * of halls: columns travel as arrays. Cursors are locked in the order of hall ids by whoever locks
 * any, so transactions wait for each other but never in a circle; a hall's rows are only touched
 * under its cursor.
 */
import { RECEIPT_REJECTED_MAX } from '#devices/contract/limits.ts'
import type { Position } from '#devices/contract/position.ts'
import type { PrintedNumbers } from '#devices/contract/record.ts'
import { assert } from '#devices/std/assert.ts'
import { Fault } from '#devices/std/fault.ts'
import type {
  CloudTx,
  EpochRow,
  HallChanges,
  HallCursor,
  RejectedRecord,
  Row,
  RowKey,
  Segment,
} from '../ports.ts'
import type { Session, SqlRow, SqlValue } from './database.ts'
import { logSql } from './log-sql.ts'
import { type PrintedRow, printedOf } from './printed-numbers.ts'
import { FIRST_BUILD } from './schema.ts'
import type { PlacedKey, TableSql } from './statements.ts'
import { type WriteContext, writeAll } from './write.ts'

export type StoreContext = WriteContext & {
  /** Halls that surely have a cursor row. A hint: a short answer empties it. */
  known: Set<string>
  versions: ReadonlyMap<string, number>
  /** May throw before any statement: what a test uses to fail each in turn. */
  beforeStatement: (name: string) => void
}

type Found = { table: string; row: Row }
type Wanted = {
  hall: string
  keys: readonly RowKey[]
  resolve: (rows: Found[]) => void
  reject: (error: unknown) => void
}

export class PgTx implements CloudTx {
  readonly #session: Session
  readonly #context: StoreContext
  /** Hall, then projection, to its active build. */
  readonly #builds = new Map<string, Map<string, number>>()
  /** Epochs that are being continued, which every commit asks for; by `hall epoch`. */
  readonly #heads = new Map<string, EpochRow>()
  #wanted: Wanted[] = []
  #depth = 0

  constructor(session: Session, context: StoreContext) {
    this.#session = session
    this.#context = context
  }

  async cursors(halls: readonly string[]): Promise<Map<string, HallCursor>> {
    const sorted = [...new Set(halls)].sort()
    const { known } = this.#context
    if (sorted.some((hall) => !known.has(hall))) await this.#run('make_cursors', [sorted])
    const rows = await this.#run('lock_cursors', [sorted])
    if (rows.length < sorted.length) {
      known.clear()
      throw new Fault('unavailable', 'cursor rows are gone')
    }
    await this.#readBuilds(rows)
    for (const [hall, ...row] of await this.#run('head_epochs', [sorted]))
      this.#heads.set(`${hall} ${row[0]}`, epochOf(row))
    return new Map(rows.map((row) => [row[0] as string, cursorOf(row)]))
  }

  /** After the locks, since a re-projection swaps builds under them. */
  async #readBuilds(cursors: readonly SqlRow[]): Promise<void> {
    const { versions } = this.#context
    for (const [hall] of cursors) this.#builds.set(hall as string, new Map())
    const halls = [...this.#builds.keys()]
    for (const row of await this.#run('builds', [halls])) {
      const [hall, projection, build, version] = row as [string, string, number, number]
      if (versions.get(projection) === version) this.#builds.get(hall)?.set(projection, build)
    }
    for (const [hall, records] of cursors)
      for (const projection of versions.keys())
        if (Number(records) > 0 && !this.#builds.get(hall as string)?.has(projection))
          throw new Fault('unavailable', `${projection} of ${hall} waits for its re-projection`)
  }

  async epoch(hall: string, epoch: string): Promise<EpochRow | null> {
    const head = this.#heads.get(`${hall} ${epoch}`)
    if (head !== undefined) return head
    const [row] = await this.#run('epoch', [hall, epoch])
    return row === undefined ? null : epochOf(row)
  }

  async segmentAt(hall: string, epoch: string, seq: number): Promise<Segment | null> {
    const [row] = await this.#run('segment_at', [hall, epoch, seq])
    if (row === undefined) return null
    const segment = segmentOf(row)
    return segment.last >= seq ? segment : null
  }

  async hasOrigin(hall: string, { epoch, seq, hash }: Position): Promise<boolean> {
    const rows = await this.#run('has_origin', [hall, epoch, seq, hash])
    return rows.length > 0
  }

  async newestRejections(halls: readonly string[]): Promise<Map<string, RejectedRecord[]>> {
    const found = new Map(halls.map((hall) => [hall, [] as RejectedRecord[]]))
    const rows = await this.#run('newest_rejections', [halls, RECEIPT_REJECTED_MAX])
    for (const [hall, epoch, seq, code] of rows as [string, string, number, string][])
      found.get(hall)!.push({ epoch, seq, code })
    return found
  }

  async printedNumbers(hall: string): Promise<PrintedNumbers | null> {
    const rows = await this.#run('printed_numbers', [hall])
    return printedOf(rows.map(([day, service, upto]) => ({ day, service, upto }) as PrintedRow))
  }

  /** Calls of one turn, as one a hall, share their statements. */
  rows(hall: string, keys: readonly RowKey[]): Promise<Found[]> {
    return new Promise((resolve, reject) => {
      this.#wanted.push({ hall, keys, resolve, reject })
      if (this.#wanted.length === 1) queueMicrotask(() => void this.#readWanted())
    })
  }

  async #readWanted(): Promise<void> {
    const wanted = this.#wanted
    this.#wanted = []
    try {
      const found = new Map(wanted.map(({ hall }) => [hall, new Map<string, Found[]>()]))
      for (const [sql, keys] of this.#byTable(wanted)) {
        const rows = await this.#query(`rows:${sql.table}`, sql.read, sql.readValues(keys))
        for (const selected of rows) {
          const { hall, row } = sql.rowOf(selected)
          const ofHall = found.get(hall)!
          const ofTable = ofHall.get(sql.table) ?? []
          ofTable.push({ table: sql.table, row })
          ofHall.set(sql.table, ofTable)
        }
      }
      for (const { hall, resolve } of wanted) resolve([...found.get(hall)!.values()].flat())
    } catch (error) {
      for (const { reject } of wanted) reject(error)
    }
  }

  #byTable(wanted: readonly Wanted[]): Map<TableSql, PlacedKey[]> {
    const keys = new Map<TableSql, PlacedKey[]>()
    for (const want of wanted)
      for (const { table, key } of want.keys) {
        const sql = this.#context.tables.get(table)
        assert(sql !== undefined, `table ${table} belongs to a projection`)
        const placed = { hall: want.hall, build: this.#build(want.hall, sql.projection), key }
        const list = keys.get(sql)
        if (list === undefined) keys.set(sql, [placed])
        else list.push(placed)
      }
    return keys
  }

  async write(changes: readonly HallChanges[]): Promise<void> {
    if (changes.some((change) => change.epochs.length > 0)) this.#heads.clear()
    await writeAll(this.#context, changes, {
      build: (hall, projection) => this.#build(hall, projection),
      run: (name, sql, values) => this.#query(name, sql, values),
      copy: (name, sql, bytes) => {
        this.#context.beforeStatement(name)
        return this.#session.copy(sql, bytes)
      },
    })
  }

  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    const point = `s${++this.#depth}`
    try {
      await this.#query('savepoint', `savepoint ${point}`)
      const result = await work().catch(async (error: unknown) => {
        await this.#query('rollback_to', `rollback to savepoint ${point}`)
        throw error
      })
      await this.#query('release', `release savepoint ${point}`)
      return result
    } finally {
      this.#depth--
    }
  }

  #build(hall: string, projection: string): number {
    const builds = this.#builds.get(hall)
    assert(builds !== undefined, `the cursor of ${hall} is locked first`)
    return builds.get(projection) ?? FIRST_BUILD
  }

  #run(name: keyof typeof logSql, values: readonly unknown[]): Promise<SqlRow[]> {
    return this.#query(name, logSql[name], values as SqlValue[])
  }

  /** Statements with values are prepared under their own name, once a connection. */
  #query(name: string, sql: string, values?: readonly SqlValue[]): Promise<SqlRow[]> {
    this.#context.beforeStatement(name)
    return values === undefined ? this.#session.query(sql) : this.#session.query(sql, values, name)
  }
}

function cursorOf(row: SqlRow): HallCursor {
  const [hall, records, epoch, seq, hash, owner, fence] = row as [
    ...[string, number, string | null, number, string, string | null, number],
  ]
  const head = epoch === null ? null : { epoch, seq, hash }
  return { hall, records, head, owner, fence }
}

function epochOf(row: SqlRow): EpochRow {
  const [epoch, number, parentEpoch, parentSeq, parentHash, ...rest] = row as [
    ...[string, number, string | null, number, string],
    ...[string, string, boolean, number, string, boolean],
  ]
  const [reason, gateway, continues, seq, hash, branch] = rest
  const parent =
    parentEpoch === null ? null : { epoch: parentEpoch, seq: parentSeq, hash: parentHash }
  return { epoch, number, parent, reason, gateway, continues, seq, hash, branch }
}

export function segmentOf(row: SqlRow): Segment {
  const [place, epoch, first, last, prev, hash, bytes, crcs] = row as [
    ...[number, string, number, number, string, string, Uint8Array, Uint8Array],
  ]
  return { place, epoch, first, last, prev, hash, bytes, crcs }
}
