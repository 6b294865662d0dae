/**
 * The hall log's rows in one SQLite file: WAL, `synchronous=FULL`, so that a returned transaction
 * has been synced. The file is held under an exclusive lock: a second process gets `log_locked`.
 *
 * A record's row is found by its id: the place of its epoch in the high bits, its number in the low
 * ones ({@link SEQ_SPAN}). So every new record goes behind all others, and SQLite fills page after
 * page; under a key of epoch and number it halves each page as it grows, and a commit writes twice
 * as much. The row names its epoch all the same: without the list of epochs it still says whose it is.
 *
 * Faults: `log_locked`, `log_damaged` (set aside by the caller), `disk_full`, `commit_failed`.
 */
import { hash } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  statSync,
} from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { assert } from '#devices/std/assert.ts'
import { Fault } from '#devices/std/fault.ts'
import type { EpochEntry, LogStore, MetaKey, Row } from './store.ts'
import { CHECKPOINT_PAGES, makeWalRoom, PAGE_BYTES, WAL_ROOM_BYTES } from './wal-room.ts'

const OWNER_ONLY = 0o600

/** Numbers that an epoch has room for. Places of epochs go up to 131 071, as ids stay below 2^53. */
const SEQ_SPAN = 2 ** 36

const RECORDS = `
  CREATE TABLE IF NOT EXISTS record (
    id INTEGER PRIMARY KEY,
    epoch TEXT NOT NULL, payload BLOB NOT NULL, hash BLOB NOT NULL, wall_ms INTEGER NOT NULL
  ) STRICT;
`
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS epoch (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch TEXT NOT NULL UNIQUE,
    number INTEGER NOT NULL,
    parent_epoch TEXT, parent_seq INTEGER, parent_hash TEXT,
    first INTEGER NOT NULL, first_prev TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS meta (
    key TEXT PRIMARY KEY, value TEXT NOT NULL, sum TEXT NOT NULL
  ) STRICT;
  ${RECORDS}
`

/** Rows that one statement inserts where there are as many: running it once costs less. */
const ROWS_TOGETHER = 25
const INSERT = 'INSERT INTO record (id, epoch, payload, hash, wall_ms) VALUES (?, ?, ?, ?, ?)'
const INSERT_TOGETHER = INSERT + ', (?, ?, ?, ?, ?)'.repeat(ROWS_TOGETHER - 1)
const ROWS = 'SELECT id, payload, hash, wall_ms FROM record'

/** Opens or creates the file. `durable: false` exists for the test that proves it is noticed. */
export function openSqliteStore(file: string, options: { durable?: boolean } = {}): LogStore {
  let db: DatabaseSync | undefined
  try {
    keepPrivate(file)
    db = new DatabaseSync(file, { timeout: 1_000 })
    db.exec(`PRAGMA page_size=${PAGE_BYTES}; PRAGMA locking_mode=EXCLUSIVE;`)
    db.exec(`PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=${CHECKPOINT_PAGES};`)
    db.exec(`PRAGMA synchronous=${options.durable === false ? 'OFF' : 'FULL'};`)
    db.exec(SCHEMA)
    // Of a file that may only be read every record would be refused.
    db.exec('BEGIN IMMEDIATE; PRAGMA user_version=0; ROLLBACK')
    layAnew(db)
    if (options.durable !== false) giveRoom(db, `${file}-wal`)
    return new SqliteStore(db)
  } catch (error) {
    db?.close()
    throw isOfTheBytes(error, file)
      ? new Fault('log_damaged', file, { cause: error })
      : faultOf(error, file)
  }
}

/**
 * Our statements are always the same: what SQLite cannot make of them in this file, its bytes say. One
 * that calls itself of a later format may only be read, though nothing else forbids to write it.
 */
function isOfTheBytes(error: unknown, file: string): boolean {
  const { errcode } = error as { errcode?: number }
  if (errcode !== SQLITE_READONLY) return errcode === SQLITE_ERROR
  try {
    accessSync(file, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** A file whose records stand under a key of epoch and number gets them laid out by id. */
function layAnew(db: DatabaseSync): void {
  const columns = db.prepare("SELECT name FROM pragma_table_info('record')").all()
  if (!columns.some(({ name }) => name === 'seq')) return
  db.exec(`
    BEGIN IMMEDIATE;
    ALTER TABLE record RENAME TO record_by_epoch;
    ${RECORDS}
    INSERT INTO record
      SELECT place * ${SEQ_SPAN} + seq, epoch, payload, hash, wall_ms
      FROM record_by_epoch JOIN epoch USING (epoch) ORDER BY place, seq;
  `)
  const count = (table: string) => db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n
  if (count('record') !== count('record_by_epoch')) throw new Fault('log_damaged', 'strays')
  db.exec('DROP TABLE record_by_epoch; COMMIT')
}

/** What a killed process left has its room already, and is not touched: it may hold commits. */
function giveRoom(db: DatabaseSync, wal: string): void {
  if (existsSync(wal) && statSync(wal).size >= WAL_ROOM_BYTES) return
  const { busy } = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() ?? {}
  if (busy === 0 && existsSync(wal) && statSync(wal).size === 0) makeWalRoom(wal)
}

/**
 * The owner alone may read a hall's facts, whatever folder they are in. SQLite gives its files
 * beside the log the mode of the log. A file that is there is not opened here: closing it would end
 * the lock that SQLite holds on it. Trouble is SQLite's to tell, when it opens the file.
 */
function keepPrivate(file: string): void {
  try {
    if (!existsSync(file)) closeSync(openSync(file, 'wx', OWNER_ONLY))
    for (const one of [file, `${file}-wal`, `${file}-shm`])
      if (existsSync(one)) chmodSync(one, OWNER_ONLY)
  } catch {}
}

class SqliteStore implements LogStore {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #places = new Map<string, number>()
  #page_bytes: number | null = null

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  #sql(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#db.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  transaction<T>(work: () => T): T {
    try {
      this.#sql('BEGIN IMMEDIATE').run()
      const result = work()
      this.#sql('COMMIT').run()
      return result
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      // One that was put in here stands nowhere now.
      this.#places.clear()
      throw faultOf(error, 'commit')
    }
  }

  epochs(): EpochEntry[] {
    return this.#sql('SELECT * FROM epoch ORDER BY place').all().map(entryOf)
  }

  putEpoch(entry: EpochEntry): void {
    this.#sql(
      `INSERT INTO epoch (epoch, number, parent_epoch, parent_seq, parent_hash, first, first_prev)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (epoch) DO UPDATE SET first = excluded.first, first_prev = excluded.first_prev`,
    ).run(
      entry.epoch,
      entry.number,
      entry.parent?.epoch ?? null,
      entry.parent?.seq ?? null,
      entry.parent?.hash ?? null,
      entry.first,
      entry.first_prev,
    )
  }

  dropEpoch(epoch: string): void {
    this.remove(epoch, 0, SEQ_SPAN - 1)
    this.#sql('DELETE FROM epoch WHERE epoch = ?').run(epoch)
    this.#places.delete(epoch)
  }

  /** Id of the record that would stand at `seq`; negative ones are never used. */
  #idOf(epoch: string, seq: number): number {
    let place = this.#places.get(epoch)
    if (place === undefined) {
      place = this.#sql('SELECT place FROM epoch WHERE epoch = ?').get(epoch)?.place as number
      if (place === undefined) return -1
      this.#places.set(epoch, place)
    }
    return place * SEQ_SPAN + Math.min(seq, SEQ_SPAN - 1)
  }

  last(epoch: string): { seq: number; hash: Uint8Array } | null {
    const row = this.#sql(
      `SELECT id, hash FROM record WHERE id BETWEEN ? AND ? AND epoch = ? ORDER BY id DESC LIMIT 1`,
    ).get(this.#idOf(epoch, 0), this.#idOf(epoch, SEQ_SPAN), epoch)
    return row === undefined ? null : { seq: seqOf(row), hash: bytesOf(row.hash) }
  }

  insert(epoch: string, rows: readonly Row[]): void {
    for (let from = 0; from < rows.length; ) {
      const some = rows.length - from < ROWS_TOGETHER ? 1 : ROWS_TOGETHER
      const values = rows
        .slice(from, from + some)
        .flatMap(({ seq, payload, hash, wall_ms }) => [
          this.#idToInsert(epoch, seq),
          ...[epoch, payload, hash, wall_ms],
        ])
      this.#sql(some === 1 ? INSERT : INSERT_TOGETHER).run(...values)
      from += some
    }
  }

  #idToInsert(epoch: string, seq: number): number {
    const id = this.#idOf(epoch, seq)
    assert(id >= 0, 'an epoch is put before its records')
    return id
  }

  read(epoch: string, from: number, most: number): Row[] {
    return this.#sql(`${ROWS} WHERE id BETWEEN ? AND ? AND epoch = ? ORDER BY id LIMIT ?`)
      .all(this.#idOf(epoch, from), this.#idOf(epoch, SEQ_SPAN), epoch, most)
      .map(rowOf)
  }

  hashAt(epoch: string, seq: number): Uint8Array | null {
    const row = this.#sql('SELECT hash FROM record WHERE id = ? AND epoch = ?').get(
      this.#idOf(epoch, seq),
      epoch,
    )
    return row === undefined ? null : bytesOf(row.hash)
  }

  remove(epoch: string, from: number, to: number): void {
    this.#sql('DELETE FROM record WHERE id BETWEEN ? AND ? AND epoch = ?').run(
      this.#idOf(epoch, from),
      this.#idOf(epoch, to),
      epoch,
    )
  }

  meta(key: MetaKey): string | null {
    const row = this.#sql('SELECT value, sum FROM meta WHERE key = ?').get(key)
    if (row === undefined) return null
    const value = row.value as string
    if (row.sum !== sumOf(key, value)) throw new Fault('log_damaged', `meta ${key}`)
    return value
  }

  setMeta(key: MetaKey, value: string): void {
    this.#sql(
      `INSERT INTO meta (key, value, sum) VALUES (?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value, sum = excluded.sum`,
    ).run(key, value, sumOf(key, value))
  }

  strays(): { epoch: string; rows: Row[] }[] {
    const listed = this.#placesListed()
    const places = this.#sql(`SELECT DISTINCT epoch, id / ${SEQ_SPAN} AS place FROM record`).all()
    return places.flatMap((row) => {
      const { epoch, place } = row as { epoch: string; place: number }
      return listed.get(epoch) === place ? [] : [{ epoch, rows: this.#strayRows(epoch, place) }]
    })
  }

  #strayRows(epoch: string, place: number): Row[] {
    const ids = this.#sql(`SELECT id FROM record WHERE id / ${SEQ_SPAN} = ? AND epoch = ?`)
    return ids.all(place, epoch).flatMap(({ id }) => {
      try {
        return this.#sql(`${ROWS} WHERE id = ?`)
          .all(id as number)
          .map(rowOf)
      } catch {
        return []
      }
    })
  }

  /** A list that cannot be read lists nothing. */
  #placesListed(): Map<string, number> {
    try {
      const rows = this.#sql('SELECT epoch, place FROM epoch').all()
      return new Map(rows.map(({ epoch, place }) => [epoch as string, place as number]))
    } catch {
      return new Map()
    }
  }

  checkStructure(): void {
    const found = this.#sql('PRAGMA quick_check(1)').get()?.quick_check
    if (found !== 'ok') throw new Fault('log_damaged', String(found))
  }

  bytes(): number {
    this.#page_bytes ??= this.#pragma('page_size')
    return (this.#pragma('page_count') - this.#pragma('freelist_count')) * this.#page_bytes
  }

  #pragma(name: string): number {
    return this.#sql(`PRAGMA ${name}`).get()?.[name] as number
  }

  close(): void {
    this.#db.close()
  }
}

/** No chain covers the facts beside the records: each has a sum of its own. */
const sumOf = (key: MetaKey, value: string): string => hash('sha256', `${key}\n${value}`)

type Columns = Record<string, unknown>

const seqOf = (row: Columns): number => (row.id as number) % SEQ_SPAN

/** SQLite holds the types of columns when it writes, not when it reads what a disk made of them. */
function bytesOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Fault('log_damaged', 'a row without its bytes')
  return value
}

function rowOf(row: Columns): Row {
  return {
    seq: seqOf(row),
    payload: bytesOf(row.payload),
    hash: bytesOf(row.hash),
    wall_ms: row.wall_ms as number,
  }
}

function entryOf(row: Columns): EpochEntry {
  const { epoch, number, parent_epoch, parent_seq, parent_hash, first, first_prev } = row
  const parent =
    parent_epoch === null
      ? null
      : { epoch: textOf(parent_epoch), seq: numberOf(parent_seq), hash: textOf(parent_hash) }
  return {
    epoch: textOf(epoch),
    number: numberOf(number),
    parent,
    first: numberOf(first),
    first_prev: textOf(first_prev),
  }
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new Fault('log_damaged', 'the list of epochs')
  return value
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number') throw new Fault('log_damaged', 'the list of epochs')
  return value
}

const SQLITE_ERROR = 1
const SQLITE_BUSY = 5
const SQLITE_READONLY = 8
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOTADB = 26

function faultOf(error: unknown, what: string): unknown {
  if (error instanceof Fault) return error
  const code = (error as { errcode?: unknown }).errcode
  if (typeof code !== 'number') return error
  const primary = code & 0xff
  if (primary === SQLITE_BUSY) return new Fault('log_locked', what, { cause: error })
  if (primary === SQLITE_FULL) return new Fault('disk_full', what, { cause: error })
  if (primary === SQLITE_CORRUPT || primary === SQLITE_NOTADB) {
    return new Fault('log_damaged', what, { cause: error })
  }
  return new Fault('commit_failed', `${what}: sqlite ${code}`, { cause: error })
}
