/**
 * Runs the projections over newly booked records: loads the rows they may look at, folds record by
 * record, and gathers what is to be written, the last state of each row once.
 *
 * A record that a projection cannot use is rejected for that projection alone and leaves no trace in
 * it; the next record is folded as if it had not been there.
 */
import type { Kind } from '#devices/contract/record.ts'
import { assert } from '#devices/std/assert.ts'
import { isFault } from '#devices/std/fault.ts'
import { getOrMake } from '#devices/std/map.ts'
import type {
  AnyBooked,
  CloudTx,
  Projection,
  Put,
  Rejection,
  Row,
  RowKey,
  Value,
} from '../ports.ts'

const joined = (key: readonly Value[]): string =>
  key.length === 1 ? String(key[0]) : key.join('\u0001')

/** A row that was asked for or put. `held`: in the store; `asked`: the store was asked for it. */
type Slot = { row: Row | undefined; held: boolean; asked: boolean; changed: boolean }
type WorkingTable = {
  key: readonly string[]
  append_only: boolean
  slots: Map<string, Slot>
  changed: Slot[]
}

/** The rows that a commit works on: what was loaded, and what was changed since. */
export class WorkingRows {
  /** By kind of record, in their order. */
  readonly #concerned = new Map<Kind, Projection[]>()
  readonly #tables = new Map<string, WorkingTable>()
  /** Asked for and not read yet. */
  #wanted: RowKey[] = []

  constructor(projections: readonly Projection[]) {
    for (const projection of projections) {
      for (const kind of projection.kinds)
        getOrMake(this.#concerned, kind, () => []).push(projection)
      for (const { table, key, append_only = false } of projection.tables)
        this.#tables.set(table, { key, append_only, slots: new Map(), changed: [] })
    }
  }

  /** The projections that a record means something to. */
  concerned({ record }: AnyBooked): readonly Projection[] {
    return this.#concerned.get(record.kind) ?? none
  }

  /** Names a row that a fold may look at. */
  ask(key: RowKey): void {
    const slot = getOrMake(this.#table(key.table).slots, joined(key.key), newSlot)
    if (slot.asked) return
    slot.asked = true
    this.#wanted.push(key)
  }

  /** Reads the rows that were asked for since the last call, and gives those that are there. */
  async read(tx: Pick<CloudTx, 'rows'>, hall: string): Promise<{ table: string; row: Row }[]> {
    const wanted = this.#wanted
    this.#wanted = []
    if (wanted.length === 0) return []
    const found = await tx.rows(hall, wanted)
    for (const { table, row } of found) {
      const slot = this.#slotOf(this.#table(table), row)
      slot.row = row
      slot.held = true
    }
    return found
  }

  readonly get = (table: string, ...key: Value[]): Row | undefined =>
    this.#tables.get(table)?.slots.get(joined(key))?.row

  put({ table, row }: Put): void {
    const of = this.#table(table)
    const slot = this.#slotOf(of, row)
    slot.row = row
    if (slot.changed) return
    slot.changed = true
    of.changed.push(slot)
  }

  changes(): Put[] {
    assert(this.#wanted.length === 0, 'rows that were asked for are read before folding')
    const puts: Put[] = []
    for (const [table, { changed, append_only }] of this.#tables)
      for (const { row, held, asked } of changed)
        puts.push({ table, row: row!, fresh: append_only || (asked && !held) })
    return puts
  }

  #table(table: string): WorkingTable {
    const of = this.#tables.get(table)
    assert(of !== undefined, `table ${table} belongs to a projection`)
    return of
  }

  #slotOf({ key, slots }: WorkingTable, row: Row): Slot {
    const id = key.length === 1 ? String(row[key[0]!]) : joined(key.map((name) => row[name]!))
    return getOrMake(slots, id, newSlot)
  }
}

const none: readonly Projection[] = []
const unanimous: readonly Rejection[] = []
const newSlot = (): Slot => ({ row: undefined, held: false, asked: false, changed: false })

/** Names the rows that `booked` may look at, for {@link readRows}. */
export function askFor(booked: AnyBooked, rows: WorkingRows): void {
  for (const projection of rows.concerned(booked))
    for (const key of projection.needs(booked)) rows.ask(key)
}

/** Reads the rows that were asked for, then what those lead to. */
export async function readRows(
  tx: Pick<CloudTx, 'rows'>,
  rows: WorkingRows,
  { hall, projections }: { hall: string; projections: readonly Projection[] },
): Promise<void> {
  for (const { table, row } of await rows.read(tx, hall))
    for (const projection of projections)
      for (const key of projection.follow(table, row)) rows.ask(key)
  await rows.read(tx, hall)
}

/** The rows that `booked` may look at. */
export async function loadRows(
  tx: Pick<CloudTx, 'rows'>,
  projections: readonly Projection[],
  booked: readonly AnyBooked[],
): Promise<WorkingRows> {
  const rows = new WorkingRows(projections)
  for (const one of booked) askFor(one, rows)
  if (booked.length > 0) await readRows(tx, rows, { hall: booked[0]!.hall, projections })
  return rows
}

/** Folds one record into `rows` with every projection of theirs; returns who rejected it and why. */
export function foldOne(booked: AnyBooked, rows: WorkingRows): readonly Rejection[] {
  let rejections = unanimous
  for (const projection of rows.concerned(booked)) {
    try {
      // All rows of a record or none: a fold that throws has put nothing yet.
      for (const put of projection.fold(booked, rows.get)) rows.put(put)
    } catch (error) {
      const code = isFault(error) ? error.code : 'internal'
      rejections = [...rejections, rejection(projection, booked, code)]
    }
  }
  return rejections
}

export function rejection(
  projection: Projection,
  at: { epoch: string; seq: number; place: number },
  code: string,
): Rejection {
  const { epoch, seq, place } = at
  return { projection: projection.name, version: projection.version, epoch, seq, place, code }
}
