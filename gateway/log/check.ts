/**
 * Reads a log file that may be damaged and says what can be trusted.
 *
 * A whole log is used as it is. Of a damaged one: every epoch up to the first record whose hash does
 * not follow, and beyond it whatever rows can still be read, which may be appended again but no
 * longer stand where they stood. Nothing is deleted: the caller sets the file aside.
 */
import type { Position } from '#devices/contract/position.ts'
import { samePosition, ZERO_HASH } from '#devices/contract/same-position.ts'
import { decode, hex, link, sameBytes, unhex } from './chain.ts'
import { READ_CHUNK } from './limits.ts'
import { type EpochEntry, type LogStore, META_KEYS, type Row } from './store.ts'

export type Salvage = {
  /** Verified epochs in the order of the path, each with its rows up to the last good one. */
  good: { entry: EpochEntry; rows: Row[] }[]
  /** Where the damage begins; null where the whole log is good. */
  damage: { epoch: string; from: number; to: number | null } | null
  /** Readable rows beyond the damage. */
  beyond: { epoch: string; row: Row }[]
  meta: Partial<Record<'receipted' | 'ledger' | 'snapshot' | 'alarms', string>>
}

/**
 * Whether every chain of the log holds, each behind the one before it, and nothing stands beside
 * them. Reads all of it; throws `log_damaged` if SQLite cannot.
 */
export function chainsHold(store: LogStore): boolean {
  store.checkStructure()
  const epochs = store.epochs()
  return (
    epochs.every((entry, i) => firstBad(store, entry) === null && follows(store, epochs, i)) &&
    store.strays().length === 0 &&
    metasHold(store)
  )
}

/** Whether an epoch begins where the one before it on the path ends. */
function follows(store: LogStore, epochs: readonly EpochEntry[], i: number): boolean {
  const entry = epochs[i]!
  const { parent } = entry
  if (entry.first === 1 && entry.first_prev !== (parent?.hash ?? ZERO_HASH)) return false
  // The first one's parent is known to the cloud alone.
  if (i === 0) return true
  const before = epochs[i - 1]!
  return samePosition(parent, endOf(before, store.last(before.epoch)))
}

/** Where an epoch ends on the path: behind its last row, or behind what is pruned of it. */
function endOf(entry: EpochEntry, last: { seq: number; hash: Uint8Array } | null | undefined) {
  return {
    epoch: entry.epoch,
    seq: last?.seq ?? entry.first - 1,
    hash: last == null ? entry.first_prev : hex(last.hash),
  }
}

/** Whether the facts beside the records can be read, and the receipt speaks of a record of mine. */
function metasHold(store: LogStore): boolean {
  for (const key of META_KEYS) store.meta(key)
  const receipted = JSON.parse(store.meta('receipted') ?? 'null') as Position | null
  const entry = store.epochs().find((e) => e.epoch === receipted?.epoch)
  if (receipted === null || entry === undefined || receipted.seq < entry.first) return true
  const hash = store.hashAt(receipted.epoch, receipted.seq)
  return hash !== null && hex(hash) === receipted.hash
}

/** The first record of an epoch that does not follow from the one before it, or null. */
function firstBad(store: LogStore, entry: EpochEntry): number | null {
  let prev = unhex(entry.first_prev)
  let seq = entry.first
  for (;;) {
    const rows = store.read(entry.epoch, seq, READ_CHUNK)
    if (rows.length === 0) return null
    for (const row of rows) {
      const linked = link(prev, row.payload)
      if (row.seq !== seq || !sameBytes(linked, row.hash)) return seq
      prev = linked
      seq++
    }
  }
}

/** Takes what can be read out of a damaged store. Never throws for damage. */
export function salvage(store: LogStore): Salvage {
  const result: Salvage = { good: [], damage: null, beyond: [], meta: {} }
  for (const key of ['receipted', 'ledger', 'snapshot', 'alarms'] as const) {
    const value = attempt(() => store.meta(key))
    if (value != null) result.meta[key] = value
  }
  const epochs = attempt(() => store.epochs()) ?? []
  for (const entry of epochs) salvageEpoch(store, entry, result)
  salvageStrays(store, result)
  return result
}

function salvageStrays(store: LogStore, result: Salvage): void {
  for (const stray of attempt(() => store.strays()) ?? []) {
    const { epoch } = stray
    const rows = stray.rows.filter((row) => isRecordText(row.payload))
    if (rows.length === 0) continue
    result.damage ??= { epoch, from: rows[0]!.seq, to: rows.at(-1)!.seq }
    result.beyond.push(...rows.map((row) => ({ epoch, row })))
  }
}

function salvageEpoch(store: LogStore, entry: EpochEntry, result: Salvage): void {
  noteLostEnd(entry, result)
  const rows = readable(store, entry)
  const good: Row[] = []
  let prev = unhex(entry.first_prev)
  for (const row of rows) {
    const linked = link(prev, row.payload)
    const next = entry.first + good.length
    if (result.damage !== null || row.seq !== next || !sameBytes(linked, row.hash)) break
    good.push(row)
    prev = linked
  }
  if (good.length < rows.length) {
    result.damage ??= { epoch: entry.epoch, from: entry.first + good.length, to: null }
    const beyond = believable(rows.slice(good.length), { seq: entry.first + good.length - 1, prev })
    result.beyond.push(...beyond.map((row) => ({ epoch: entry.epoch, row })))
  }
  if (good.length > 0 || result.damage === null) result.good.push({ entry, rows: good })
  const firstBeyond = result.beyond.find((b) => b.epoch === entry.epoch)?.row.seq
  if (result.damage?.epoch === entry.epoch && firstBeyond !== undefined) {
    result.damage.to = Math.max(result.damage.from, firstBeyond - 1)
  }
}

/**
 * Of rows that lie beyond damage, those that read as records and of which nothing says that they
 * rotted: a text that fits neither its own hash nor the next record's is not what was recorded.
 */
function believable(rows: readonly Row[], before: { seq: number; prev: Uint8Array }): Row[] {
  const kept: Row[] = []
  let { seq } = before
  /** What the hash before may be: as computed, and as stored. */
  let prevs: Uint8Array[] = [before.prev]
  rows.forEach((row, i) => {
    if (row.seq !== seq + 1) prevs = []
    const linked = prevs.map((prev) => link(prev, row.payload))
    const next = rows[i + 1]?.seq === row.seq + 1 ? rows[i + 1]! : null
    const hash =
      linked.find((own) => sameBytes(own, row.hash)) ??
      linked.find((own) => next !== null && sameBytes(link(own, next.payload), next.hash))
    if ((hash !== undefined || prevs.length === 0) && isRecordText(row.payload)) {
      kept.push({ ...row, hash: hash ?? row.hash })
    }
    seq = row.seq
    prevs = [...linked.slice(0, 1), row.hash]
  })
  return kept
}

/** The end of the epoch before may be gone without a trace: then this one follows nothing held. */
function noteLostEnd({ parent }: EpochEntry, result: Salvage): void {
  const before = result.good.at(-1)
  if (result.damage !== null || before === undefined) return
  const end = endOf(before.entry, before.rows.at(-1))
  if (samePosition(parent, end)) return
  result.damage = { epoch: end.epoch, from: end.seq + 1, to: parent?.seq ?? null }
}

function isRecordText(payload: Uint8Array): boolean {
  const text = decode(payload)
  if (text === null) return false
  try {
    return typeof (JSON.parse(text) as { kind?: unknown }).kind === 'string'
  } catch {
    return false
  }
}

/** Chunks without a single readable row, behind which none is looked for. */
const EMPTY_CHUNKS_MAX = 10

/** Rows one chunk at a time, then one by one where a chunk cannot be read. */
function readable(store: LogStore, entry: Pick<EpochEntry, 'epoch' | 'first'>): Row[] {
  const rows: Row[] = []
  const end = attempt(() => store.last(entry.epoch)?.seq) ?? Number.MAX_SAFE_INTEGER
  let empty = 0
  for (let from = entry.first; from <= end && empty < EMPTY_CHUNKS_MAX; from += READ_CHUNK) {
    const most = Math.min(READ_CHUNK, end - from + 1)
    const chunk =
      attempt(() => store.read(entry.epoch, from, most).filter((r) => r.seq < from + most)) ??
      oneByOne(store, entry.epoch, { from, most })
    rows.push(...chunk)
    empty = chunk.length === 0 ? empty + 1 : 0
  }
  return rows
}

function oneByOne(store: LogStore, epoch: string, range: { from: number; most: number }): Row[] {
  const rows: Row[] = []
  for (let seq = range.from; seq < range.from + range.most; seq++) {
    const row = attempt(() => store.read(epoch, seq, 1))?.[0]
    if (row?.seq === seq) rows.push(row)
  }
  return rows
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
