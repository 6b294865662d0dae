/**
 * How a log begins, and how it goes on when its file was lost or damaged. Works on any store; which
 * files are moved where is {@link ./open.ts}'s business.
 */
import type { Position } from '#devices/contract/position.ts'
import { decode, hex, unhex } from './chain.ts'
import { chainsHold, type Salvage } from './check.ts'
import { HallLog, type HallLogOptions } from './hall-log.ts'
import type { Marks, MarksFile } from './marks.ts'
import type { LogStore } from './store.ts'

export type BeginOptions = HallLogOptions & { marks: MarksFile }

/** What was found. Everything but `whole` and `first` is worth an alarm. */
export type Found = 'whole' | 'first' | 'damaged' | 'missing' | 'replaced' | 'restored'

/** Whether the log can be used as it is; false also where it cannot even be read. */
export function isWhole(store: LogStore): boolean {
  try {
    return chainsHold(store)
  } catch {
    return false
  }
}

/** An empty log: the first of its hall, a taken-over one, or one whose file was lost. */
export function beginIn(log: HallLog, options: BeginOptions): { log: HallLog; found: Found } {
  const marks = options.marks.load()
  const found = marks === null ? 'first' : marks.epoch === null ? 'replaced' : 'missing'
  const parent = marks?.receipted ?? null
  log.begin({
    reason: found,
    parent,
    continues: found === 'first',
    numbers: marks?.numbers ?? null,
    gap: found === 'missing' ? lostGap(marks!, parent) : null,
  })
  if (found === 'missing') log.raise('log_missing')
  saveMarks(log, options, marks)
  return { log, found }
}

function lostGap(marks: Marks, parent: Position | null) {
  const epoch = marks.epoch!
  const from = parent?.epoch === epoch ? parent.seq + 1 : 1
  return { epoch, from, to: null, reason: 'missing' as const }
}

function saveMarks(log: HallLog, options: BeginOptions, marks: Marks | null): void {
  const { epoch, head, receipted } = log.status()
  options.marks.save({ v: 1, epoch, seq: head.seq, receipted, numbers: marks?.numbers ?? null })
}

/** A log whose new epochs know what the marks beside it say of printed numbers. */
export function logOver(store: LogStore, options: BeginOptions): HallLog {
  const numbers = () => options.marks.load()?.numbers ?? null
  return new HallLog(store, { numbers, ...options })
}

/** Opens a log whose chains hold: begins it, or notices that the file was put back from a copy. */
export function openWhole(store: LogStore, options: BeginOptions): { log: HallLog; found: Found } {
  const log = logOver(store, options)
  if (log.empty) return beginIn(log, options)
  const marks = options.marks.load()
  if (marks === null || !endsBefore(log, marks)) return { log, found: 'whole' }
  log.goOnRestored()
  saveMarks(log, options, marks)
  return { log, found: 'restored' }
}

/** Whether more of this log existed than is in the file. */
function endsBefore(log: HallLog, marks: Marks): boolean {
  const head = log.path.at(-1)!
  if (marks.epoch === null) return false
  const known = log.path.find((e) => e.epoch === marks.epoch)
  return known === undefined || (known === head && head.last < marks.seq)
}

/**
 * Fills `store` with what of a damaged log can be verified, then begins an epoch that says what is
 * missing and holds again what could be read beyond the damage.
 */
export function recoverInto(store: LogStore, found: Salvage, options: BeginOptions): HallLog {
  const marks = options.marks.load()
  store.transaction(() => copyGood(store, found))
  const log = logOver(store, options)
  const good = lastGood(log)
  const parent = good ?? marks?.receipted ?? null
  log.begin({
    reason: 'damaged',
    parent,
    continues: false,
    numbers: marks?.numbers ?? null,
    gap: gapOf(found, marks, parent),
    carry: carryOf(found),
    afresh: good === null,
    state: strandedState(log, found),
  })
  log.raise('log_damaged')
  saveMarks(log, options, marks)
  return log
}

/**
 * A snapshot taken behind the damage saw what is lost now, and what it stood on may be pruned: it
 * stands in front of the new epoch instead.
 */
function strandedState(log: HallLog, { meta }: Salvage): string | null {
  if (meta.snapshot === undefined || log.snapshot() !== null) return null
  return (JSON.parse(meta.snapshot) as { state: string }).state
}

function lastGood(log: HallLog): Position | null {
  const last = log.path.at(-1)
  return last === undefined || last.last === 0
    ? null
    : { epoch: last.epoch, seq: last.last, hash: last.last_hash }
}

function gapOf(found: Salvage, marks: Marks | null, parent: Position | null) {
  if (found.damage !== null) return { ...found.damage, reason: 'damaged' as const }
  const epoch = marks?.epoch ?? parent?.epoch
  if (epoch == null) return null
  return { epoch, from: (parent?.seq ?? 0) + 1, to: null, reason: 'damaged' as const }
}

function carryOf(found: Salvage) {
  return found.beyond.flatMap(({ epoch, row }) => {
    const text = decode(row.payload)
    if (text === null || text.startsWith('{"v":1,"kind":"epoch.begun"')) return []
    return [{ text, wall_ms: row.wall_ms, was: { epoch, seq: row.seq, hash: hex(row.hash) } }]
  })
}

function copyGood(store: LogStore, found: Salvage): void {
  for (const { entry, rows } of found.good) {
    store.putEpoch(entry)
    store.insert(entry.epoch, rows)
  }
  for (const [key, value] of Object.entries(found.meta)) {
    if (key === 'receipted')
      store.setMeta('receipted', JSON.stringify(receiptedWithin(found, value)))
    else store.setMeta(key as 'ledger', value)
  }
}

/** A receipt beyond the damage is kept only as far as the verified records reach. */
function receiptedWithin(found: Salvage, value: string): Position | null {
  const receipted = JSON.parse(value) as Position | null
  if (receipted === null) return null
  const good = found.good.find((g) => g.entry.epoch === receipted.epoch)
  if (good === undefined) return null
  const row = good.rows.find((r) => r.seq === receipted.seq)
  if (row !== undefined)
    return Buffer.compare(row.hash, unhex(receipted.hash)) === 0 ? receipted : null
  const last = good.rows.at(-1)
  if (last === undefined || last.seq > receipted.seq) return null
  return { epoch: receipted.epoch, seq: last.seq, hash: hex(last.hash) }
}
