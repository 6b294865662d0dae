/**
 * The cloud's store in memory, with the real one's transactions: what throws leaves nothing behind.
 * Changes are made in place and noted in an undo list, so a rollback costs what was changed and a
 * commit costs nothing. Transactions run one after another, as they would on a cursor's lock.
 *
 * `beforeCall` may throw before any call, to stand for a database that fails there; throwing at
 * `committed` stands for a commit whose answer was lost. {@link MemoryCloudStore.snapshot} and
 * {@link MemoryCloudStore.restore} are the backup and the database that was restored from it.
 */
import type {
  CloudStore,
  CloudTx,
  EpochRow,
  HallChanges,
  HallCursor,
  Projection,
  Put,
  Rejection,
  Row,
  RowKey,
  Segment,
  TableSpec,
  Value,
} from '../../cloud/ports.ts'
import { RECEIPT_REJECTED_MAX, SERVICES_MAX } from '../../devices/contract/limits.ts'
import type { Position } from '../../devices/contract/position.ts'
import type { PrintedNumbers } from '../../devices/contract/record.ts'
import { assert } from '../../devices/std/assert.ts'
import { Fault } from '../../devices/std/fault.ts'

export type StoreCall =
  | 'ledger'
  | 'begin'
  | 'cursors'
  | 'epoch'
  | 'segment_at'
  | 'has_origin'
  | 'newest_rejections'
  | 'printed_numbers'
  | 'write'
  | 'rows'
  | 'savepoint'
  | 'commit'
  | 'committed'

/** All that is held of one hall. Rows are never changed, only replaced. */
export type HallData = {
  cursor: HallCursor
  epochs: Map<string, EpochRow>
  /** In the order of places. */
  segments: Segment[]
  /** Position, as `epoch/seq/hash`, to the place where it was booked. */
  origins: Map<string, number>
  rejections: Rejection[]
  /** Table, then key, to row. */
  tables: Map<string, Map<string, Row>>
  upto: number
}

export type Snapshot = { ledger: string; halls: Map<string, HallData> }
type Undo = () => void

const originKey = (p: Position) => `${p.epoch}/${p.seq}/${p.hash}`
const rowKey = (key: readonly Value[]) => (key.length === 1 ? `${key[0]}` : key.join('\u0001'))

function emptyHall(hall: string): HallData {
  const cursor: HallCursor = { hall, records: 0, head: null, owner: null, fence: 0 }
  return {
    ...{ cursor, epochs: new Map(), segments: [], origins: new Map() },
    ...{ rejections: [], tables: new Map(), upto: 0 },
  }
}

function copyHall(data: HallData): HallData {
  const tables = new Map([...data.tables].map(([table, rows]) => [table, new Map(rows)]))
  return {
    ...data,
    ...{ epochs: new Map(data.epochs), segments: [...data.segments] },
    ...{ origins: new Map(data.origins), rejections: [...data.rejections], tables },
  }
}

function refuseBadText(row: Row): void {
  for (const name in row) {
    const value = row[name]
    if (typeof value === 'string' && (value.includes('\u0000') || !value.isWellFormed()))
      throw new Fault('bad_text', name)
  }
}

export class MemoryCloudStore implements CloudStore {
  readonly #specs: ReadonlyMap<string, TableSpec>
  readonly #beforeCall: (call: StoreCall) => void
  #ledger: string
  #halls = new Map<string, HallData>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(
    projections: readonly Projection[],
    options: { ledger: string; beforeCall?: (call: StoreCall) => void },
  ) {
    const specs = projections.flatMap((projection) => projection.tables)
    this.#specs = new Map(specs.map((spec) => [spec.table, spec]))
    this.#ledger = options.ledger
    this.#beforeCall = options.beforeCall ?? (() => {})
  }

  async ledger(): Promise<string> {
    this.#beforeCall('ledger')
    return this.#ledger
  }

  transaction<T>(work: (tx: CloudTx) => Promise<T>): Promise<T> {
    const run = () => this.#run(work)
    const result = this.#last.then(run, run)
    this.#last = result.catch(() => {})
    return result
  }

  async #run<T>(work: (tx: CloudTx) => Promise<T>): Promise<T> {
    const undo: Undo[] = []
    let result: T
    try {
      this.#beforeCall('begin')
      result = await work(this.#tx(undo))
      this.#beforeCall('commit')
    } catch (error) {
      rollBack(undo, 0)
      throw error
    }
    this.#beforeCall('committed')
    return result
  }

  /** A backup: what is committed now. */
  snapshot(): Snapshot {
    const halls = new Map([...this.#halls].map(([hall, data]) => [hall, copyHall(data)]))
    return { ledger: this.#ledger, halls }
  }

  /**
   * The database as it was at the backup, with the new id that a restored one gives itself; with the
   * one it had where it was put back together with what was to tell it so.
   */
  restore(backup: Snapshot, ledger: string): void {
    this.#ledger = ledger
    this.#halls = new Map([...backup.halls].map(([hall, data]) => [hall, copyHall(data)]))
  }

  /** For checkers: what is committed of every hall. Not to be changed. */
  get halls(): ReadonlyMap<string, HallData> {
    return this.#halls
  }

  /** For checkers: the committed rows of a hall's table. */
  table(hall: string, table: string): Row[] {
    return [...(this.#halls.get(hall)?.tables.get(table)?.values() ?? [])]
  }

  #tx(undo: Undo[]): CloudTx {
    const before = this.#beforeCall
    const locked = new Set<string>()
    const held = (hall: string) => {
      assert(locked.has(hall), `the cursor of ${hall} is locked first`)
      return this.#halls.get(hall)!
    }
    return {
      cursors: async (halls) => {
        before('cursors')
        for (const hall of halls) locked.add(hall)
        const sorted = [...new Set(halls)].sort()
        return new Map(sorted.map((hall) => [hall, { ...this.#open(hall, undo).cursor }]))
      },
      epoch: async (hall, epoch) => {
        before('epoch')
        return held(hall).epochs.get(epoch) ?? null
      },
      segmentAt: async (hall, epoch, seq) => {
        before('segment_at')
        const holds = (s: Segment) => s.epoch === epoch && s.first <= seq && seq <= s.last
        return held(hall).segments.findLast(holds) ?? null
      },
      hasOrigin: async (hall, origin) => {
        before('has_origin')
        return held(hall).origins.has(originKey(origin))
      },
      newestRejections: async (halls) => {
        before('newest_rejections')
        const newest = (hall: string) => {
          const places = new Map(held(hall).rejections.map((r) => [r.place, recordOf(r)]))
          return [...places.values()].slice(-RECEIPT_REJECTED_MAX).reverse()
        }
        return new Map(halls.map((hall) => [hall, newest(hall)]))
      },
      printedNumbers: async (hall) => {
        before('printed_numbers')
        return printedNumbers(held(hall))
      },
      rows: async (hall, keys) => {
        before('rows')
        return findRows(held(hall), keys)
      },
      write: async (changes) => {
        before('write')
        for (const change of changes) this.#write(held(change.hall), change, undo)
      },
      savepoint: async (work) => {
        before('savepoint')
        const mark = undo.length
        try {
          return await work()
        } catch (error) {
          rollBack(undo, mark)
          throw error
        }
      },
    }
  }

  #open(hall: string, undo: Undo[]): HallData {
    const found = this.#halls.get(hall)
    if (found !== undefined) return found
    const made = emptyHall(hall)
    this.#halls.set(hall, made)
    undo.push(() => this.#halls.delete(hall))
    return made
  }

  #write(data: HallData, change: HallChanges, undo: Undo[]): void {
    const { cursor, upto } = data
    undo.push(() => Object.assign(data, { cursor, upto }))
    data.cursor = { ...change.cursor }
    data.upto = change.upto
    for (const epoch of change.epochs) setIn(data.epochs, epoch.epoch, epoch, undo)
    for (const segment of change.segments) appendSegment(data, segment, undo)
    for (const { origin, place } of change.origins)
      setIn(data.origins, originKey(origin), place, undo)
    for (const rejection of change.rejections) {
      data.rejections.push(rejection)
      undo.push(() => data.rejections.pop())
    }
    for (const put of change.puts) this.#put(data, put, undo)
  }

  #put(data: HallData, { table, row, fresh }: Put, undo: Undo[]): void {
    const spec = this.#specs.get(table)
    assert(spec !== undefined, `table ${table} belongs to a projection`)
    refuseBadText(row)
    let rows = data.tables.get(table)
    if (rows === undefined) {
      rows = new Map()
      data.tables.set(table, rows)
      undo.push(() => data.tables.delete(table))
    }
    const key = spec.key.length === 1 ? row[spec.key[0]!]! : spec.key.map((name) => row[name]!)
    const id = rowKey(Array.isArray(key) ? key : [key as Value])
    assert(fresh !== true || !rows.has(id), `a fresh row of ${table} is not there yet`)
    setIn(rows, id, row, undo)
  }
}

function rollBack(undo: Undo[], mark: number): void {
  while (undo.length > mark) undo.pop()!()
}

function setIn<V>(map: Map<string, V>, key: string, value: V, undo: Undo[]): void {
  const had = map.has(key)
  const old = map.get(key)
  map.set(key, value)
  undo.push(() => (had ? map.set(key, old as V) : map.delete(key)))
}

/** As the real store's primary keys do: no two segments share a place. */
function appendSegment(data: HallData, segment: Segment, undo: Undo[]): void {
  const last = data.segments.at(-1)
  const free = last === undefined ? 1 : last.place + last.last - last.first + 1
  assert(segment.place >= free, `place ${segment.place} is free`)
  data.segments.push({ ...segment, bytes: Uint8Array.from(segment.bytes) })
  undo.push(() => data.segments.pop())
}

function findRows(data: HallData, keys: readonly RowKey[]): { table: string; row: Row }[] {
  const found: { table: string; row: Row }[] = []
  for (const { table, key } of keys) {
    const row = data.tables.get(table)?.get(rowKey(key))
    if (row !== undefined) found.push({ table, row })
  }
  return found
}

const recordOf = ({ epoch, seq, code }: Rejection) => ({ epoch, seq, code })

/** As the real one asks it of the rows of `visits`. */
function printedNumbers({ tables }: HallData): PrintedNumbers | null {
  const day = tables.get('hall_state')?.get('now')?.day as string | null | undefined
  if (day == null) return null
  const to = new Map<string, number>()
  for (const row of tables.get('visit')?.values() ?? []) {
    const digits = /^[A-Z]{0,2}([0-9]{1,5})$/.exec(row.number as string)?.[1]
    if (row.day !== day || digits === undefined) continue
    const service = row.service as string
    to.set(service, Math.max(to.get(service) ?? 0, Number(digits)))
  }
  const services = [...to.keys()].sort().slice(0, SERVICES_MAX)
  return { day, used: services.map((service) => ({ service, to: to.get(service)! })) }
}
