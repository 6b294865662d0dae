/**
 * The hall log's rows in memory, with the faults of a disk: a transaction that fails leaves nothing,
 * a commit may fail, the disk may be full, a byte may rot, a file may be copied and put back.
 * Changes are made in place and noted in an undo list: a rollback costs what was changed.
 */
import { assert } from '#devices/std/assert.ts'
import { Fault } from '#devices/std/fault.ts'
import type { EpochEntry, LogStore, MetaKey, Row } from '../../gateway/log/store.ts'

type Data = {
  epochs: EpochEntry[]
  /** By epoch: rows in order, each behind the other from the first on. */
  rows: Map<string, readonly Row[]>
  meta: Map<MetaKey, string>
}

export type DiskFaults = {
  /** Called inside each transaction before it becomes durable; may throw a Fault. */
  beforeCommit?: () => void
  /** Called once it is durable; a throw stands for a commit whose answer was lost. */
  afterCommit?: () => void
  /** Called before the marks beside the file are saved; may throw a Fault. */
  beforeMarks?: () => void
  /** Bytes the disk holds: beyond it a transaction fails with `disk_full`. */
  room_bytes?: number
}

/** What a row takes beside its payload: key, hash and time. */
const ROW_BYTES = 80

export class MemoryLogStore implements LogStore {
  readonly #data: Data
  #bytes: number
  /** Null outside a transaction. */
  #undo: (() => void)[] | null = null
  readonly faults: DiskFaults

  constructor(faults: DiskFaults = {}, data?: Data) {
    this.faults = faults
    this.#data = data ?? { epochs: [], rows: new Map(), meta: new Map() }
    this.#bytes = [...this.#data.rows.values()].reduce((sum, rows) => sum + bytesOf(rows), 0)
  }

  /** A copy of the file as it is on disk now. */
  copy(faults: DiskFaults = this.faults): MemoryLogStore {
    const { epochs, rows, meta } = this.#data
    const copied = new Map([...rows].map(([epoch, list]) => [epoch, [...list]]))
    return new MemoryLogStore(faults, { epochs: [...epochs], rows: copied, meta: new Map(meta) })
  }

  transaction<T>(work: () => T): T {
    assert(this.#undo === null, 'one transaction at a time')
    const undo: (() => void)[] = []
    this.#undo = undo
    let result: T
    try {
      result = work()
      this.#refuseFull()
      this.faults.beforeCommit?.()
    } catch (error) {
      while (undo.length > 0) undo.pop()!()
      throw error
    } finally {
      this.#undo = null
    }
    this.faults.afterCommit?.()
    return result
  }

  #refuseFull(): void {
    const { room_bytes } = this.faults
    if (room_bytes !== undefined && this.#bytes > room_bytes) throw new Fault('disk_full', 'commit')
  }

  #note(undo: () => void): void {
    this.#undo?.push(undo)
  }

  #setRows(epoch: string, rows: readonly Row[], bytes: number): void {
    const before = this.#data.rows.get(epoch)
    const bytesBefore = this.#bytes
    this.#note(() => {
      if (before === undefined) this.#data.rows.delete(epoch)
      else this.#data.rows.set(epoch, before)
      this.#bytes = bytesBefore
    })
    this.#data.rows.set(epoch, rows)
    this.#bytes += bytes
  }

  epochs(): EpochEntry[] {
    return [...this.#data.epochs]
  }

  #setEpochs(epochs: EpochEntry[]): void {
    const before = this.#data.epochs
    this.#note(() => {
      this.#data.epochs = before
    })
    this.#data.epochs = epochs
  }

  putEpoch(entry: EpochEntry): void {
    const { epoch, number, parent, first, first_prev } = entry
    const kept = { epoch, number, parent, first, first_prev }
    const { epochs } = this.#data
    const known = epochs.some((e) => e.epoch === epoch)
    this.#setEpochs(
      known
        ? epochs.map((e) => (e.epoch === epoch ? { ...e, first, first_prev } : e))
        : [...epochs, kept],
    )
  }

  dropEpoch(epoch: string): void {
    this.#setEpochs(this.#data.epochs.filter((e) => e.epoch !== epoch))
    this.#setRows(epoch, [], -bytesOf(this.#rows(epoch)))
  }

  #rows(epoch: string): readonly Row[] {
    return this.#data.rows.get(epoch) ?? []
  }

  last(epoch: string): { seq: number; hash: Uint8Array } | null {
    return this.#rows(epoch).at(-1) ?? null
  }

  insert(epoch: string, rows: readonly Row[]): void {
    const listed = this.#data.epochs.some((e) => e.epoch === epoch)
    assert(listed, 'an epoch is put before its records')
    for (const row of rows) this.#insert(epoch, row)
  }

  #insert(epoch: string, row: Row): void {
    const rows = this.#data.rows.get(epoch)
    const last = rows?.at(-1)
    if (last !== undefined && row.seq <= last.seq) throw new Error('constraint: record exists')
    const bytes = row.payload.length + ROW_BYTES
    if (rows === undefined) {
      this.#setRows(epoch, [row], bytes)
      return
    }
    // Only ever the last of a list that nobody else holds: taken away again by its undo.
    const list = rows as Row[]
    list.push(row)
    this.#bytes += bytes
    this.#note(() => {
      list.pop()
      this.#bytes -= bytes
    })
  }

  read(epoch: string, from: number, most: number): Row[] {
    const rows = this.#rows(epoch)
    const start = placeOf(rows, from)
    return rows.slice(start, start + most)
  }

  hashAt(epoch: string, seq: number): Uint8Array | null {
    const rows = this.#rows(epoch)
    const row = rows[placeOf(rows, seq)]
    return row?.seq === seq ? row.hash : null
  }

  remove(epoch: string, from: number, to: number): void {
    const rows = this.#rows(epoch)
    const kept = rows.filter((row) => row.seq < from || row.seq > to)
    this.#setRows(epoch, kept, bytesOf(kept) - bytesOf(rows))
  }

  meta(key: MetaKey): string | null {
    return this.#data.meta.get(key) ?? null
  }

  setMeta(key: MetaKey, value: string): void {
    const { meta } = this.#data
    const before = meta.get(key)
    this.#note(() => {
      if (before === undefined) meta.delete(key)
      else meta.set(key, before)
    })
    meta.set(key, value)
  }

  bytes(): number {
    return this.#bytes
  }

  strays(): { epoch: string; rows: Row[] }[] {
    const listed = new Set(this.#data.epochs.map(({ epoch }) => epoch))
    return [...this.#data.rows].flatMap(([epoch, rows]) =>
      listed.has(epoch) || rows.length === 0 ? [] : [{ epoch, rows: [...rows] }],
    )
  }

  /** Takes an epoch off the list and leaves its records, as damage of a file does. */
  unlist(epoch: string): void {
    this.#data.epochs = this.#data.epochs.filter((e) => e.epoch !== epoch)
  }

  checkStructure(): void {}

  close(): void {}

  /**
   * Lets a record rot on disk: a bit of its text or of its hash turns, or it cannot be found. Gives
   * the text it had.
   */
  rot(pick: number, manner: 'text' | 'hash' | 'gone'): string | null {
    const all = this.#data.epochs.flatMap((e) =>
      this.#rows(e.epoch).map((row) => ({ epoch: e.epoch, row })),
    )
    // The very last one may vanish without a trace in the file: that is a restored log.
    const victim = all[Math.floor(pick * (all.length - 1))]
    if (victim === undefined) return null
    const turned = (bytes: Uint8Array) => {
      // A copy also of a Buffer, whose slice is none.
      const copy = Uint8Array.from(bytes)
      copy[Math.floor(copy.length / 2)]! ^= 0x01
      return copy
    }
    const rotten = this.#rows(victim.epoch).flatMap((row) => {
      if (row !== victim.row) return [row]
      if (manner === 'gone') return []
      return [
        manner === 'text'
          ? { ...row, payload: turned(row.payload) }
          : { ...row, hash: turned(row.hash) },
      ]
    })
    this.#data.rows.set(victim.epoch, rotten)
    return Buffer.from(victim.row.payload).toString('utf8')
  }
}

function bytesOf(rows: readonly Row[]): number {
  return rows.reduce((sum, row) => sum + row.payload.length + ROW_BYTES, 0)
}

/** Index of the first row numbered `seq` or more. */
function placeOf(rows: readonly Row[], seq: number): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (rows[middle]!.seq < seq) low = middle + 1
    else high = middle
  }
  return low
}
