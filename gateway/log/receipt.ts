/**
 * What a receipt means for this log, as a pure decision.
 *
 * The rules: settle only where the cloud's hash is mine; a position goes back only with a new ledger,
 * or where the cloud itself lacks what it had confirmed; where the cloud holds other records than
 * mine, go on behind the last common one; where it lacks what is pruned here, say so in a new epoch.
 * Nothing waits for a person.
 */
import type { Position } from '#devices/contract/position.ts'
import type { Receipt } from '#devices/contract/receipt.ts'
import { ZERO_HASH } from '#devices/contract/same-position.ts'
import type { ShipCursor } from '../ports.ts'
import { comparePlaces, indexOf, nextPlace, type PathEpoch } from './path.ts'

export type LogView = {
  path: readonly PathEpoch[]
  receipted: Position | null
  /** Null where the record is pruned or not on the path. */
  hashOn: (place: ShipCursor) => string | null
}

export type Verdict = {
  alarm: string | null
  /** The cloud confirmed more than it holds, and does not know that its database was put back. */
  putBack?: true
} & (
  | { type: 'ignored'; why: string }
  | { type: 'settled'; to: Position }
  /** Send again from here; nothing is settled by it. */
  | { type: 'go_back'; next: ShipCursor | null }
  | { type: 'branch'; reason: 'diverged' | 'restored'; parent: Position | null }
  | { type: 'rebase'; parent: Position | null }
)

type Context = { sent: ShipCursor | null; newLedger: boolean }

export function judgeReceipt(log: LogView, receipt: Receipt, context: Context): Verdict {
  if (context.newLedger || !lacksWhatItHad(log, receipt)) return judge(log, receipt, context)
  // As with a new ledger, but nobody noticed yet: somebody has to hear of it.
  const verdict = judge(log, receipt, { ...context, newLedger: true })
  return { ...verdict, putBack: true, alarm: verdict.alarm ?? 'cloud_put_back' }
}

/**
 * `gap` and `unknown_parent` are said of a batch alone, and of the one under way. That the cloud lacks
 * what lies before it although a receipt covers that can have one reason only: its database was put
 * back together with what was to tell it so.
 */
function lacksWhatItHad(log: LogView, { status, epoch, seq }: Receipt): boolean {
  if (log.receipted === null || (status !== 'gap' && status !== 'unknown_parent')) return false
  if (epoch === null) return true
  const mine = log.path[indexOf(log.path, epoch)]
  if (mine === undefined || seq > mine.last) return false
  return comparePlaces(log.path, { epoch, seq }, log.receipted) < 0
}

function judge(log: LogView, receipt: Receipt, context: Context): Verdict {
  if (stemsFromNowhere(log, receipt, context)) return beginBehind(receipt)
  if (receipt.epoch === null) return nothingHeld(log, context)
  const held: Position = { epoch: receipt.epoch, seq: receipt.seq, hash: receipt.hash }
  const index = indexOf(log.path, held.epoch)
  if (index < 0) return foreignEpoch(log, held, context)
  const mine = log.path[index]!
  if (held.seq > mine.last) return cloudIsAhead(log, index, { ...context, status: receipt.status })
  return onPath(log, held, { receipt, context })
}

/**
 * My very beginning was sent, and the cloud does not know what it stands behind: the one who named
 * that place to me is gone. There is nothing earlier to send.
 */
function stemsFromNowhere(log: LogView, receipt: Receipt, { sent }: Context): boolean {
  const { parent, first } = log.path[0]!
  return receipt.status === 'unknown_parent' && sent === null && first === 1 && parent !== null
}

function beginBehind({ epoch, seq, hash }: Receipt): Verdict {
  const parent = epoch === null ? null : { epoch, seq, hash }
  return { type: 'rebase', parent, alarm: 'cloud_lacks_parent' }
}

function nothingHeld(log: LogView, context: Context): Verdict {
  if (log.receipted !== null && !context.newLedger) {
    return { type: 'ignored', why: 'went back without a new ledger', alarm: 'receipt_went_back' }
  }
  return fromTheBeginning(log)
}

function fromTheBeginning(log: LogView): Verdict {
  if (log.path[0]!.first > 1) return { type: 'rebase', parent: null, alarm: 'cloud_lacks_pruned' }
  return { type: 'go_back', next: null, alarm: null }
}

/** The cloud stands in an epoch that is not on my path: find what both sides know. */
function foreignEpoch(log: LogView, held: Position, context: Context): Verdict {
  const from = context.sent === null ? -1 : indexOf(log.path, context.sent.epoch)
  // A birth is answered before anything was sent: go on from the last known common place.
  if (context.sent === null && log.receipted !== null && !context.newLedger) {
    return { type: 'go_back', next: cursorOf(log.receipted), alarm: null }
  }
  if (from <= 0) return fromTheBeginningOr(log, held)
  const before = log.path[from]!
  if (before.first > 1) return { type: 'rebase', parent: held, alarm: 'cloud_lacks_pruned' }
  return { type: 'go_back', next: startOf(log, from - 1), alarm: null }
}

function fromTheBeginningOr(log: LogView, held: Position): Verdict {
  if (log.path[0]!.first > 1) return { type: 'rebase', parent: held, alarm: 'cloud_lacks_pruned' }
  return { type: 'go_back', next: null, alarm: null }
}

function startOf(log: LogView, index: number): ShipCursor | null {
  return index <= 0 ? null : { epoch: log.path[index]!.epoch, seq: 0 }
}

/** The cloud holds more of one of my epochs than I do. */
function cloudIsAhead(
  log: LogView,
  index: number,
  context: Context & { status: Receipt['status'] },
): Verdict {
  const mine = log.path[index]!
  const isHead = index === log.path.length - 1
  if (!isHead) {
    // I went on elsewhere behind `mine.last`; what follows it there is not mine any more.
    const end = { epoch: mine.epoch, seq: mine.last }
    // It does not know my continuation although it knows the epoch: its records there differ.
    if (context.status === 'unknown_parent') return backInto(log, index)
    if (
      !context.newLedger &&
      log.receipted !== null &&
      comparePlaces(log.path, end, log.receipted) <= 0
    ) {
      return { type: 'go_back', next: cursorOf(log.receipted), alarm: null }
    }
    return { type: 'go_back', next: end, alarm: null }
  }
  // My file is older than the cloud's copy: it was restored. Go on behind what was receipted.
  const parent = context.newLedger ? null : log.receipted
  if (parent === null && log.path[0]!.first > 1) {
    return { type: 'rebase', parent: null, alarm: 'log_restored' }
  }
  return { type: 'branch', reason: 'restored', parent, alarm: 'log_restored' }
}

function onPath(
  log: LogView,
  held: Position,
  more: { receipt: Receipt; context: Context },
): Verdict {
  const mine = held.seq === 0 ? ZERO_HASH : log.hashOn(held)
  if (mine === null) return prunedHere(log, held, more.context)
  if (held.seq > 0 && mine !== held.hash) return otherHash(log, held)
  const back = log.receipted !== null && comparePlaces(log.path, held, log.receipted) < 0
  if (more.receipt.status === 'diverged' && more.receipt.diverged_at === held.seq + 1) {
    const next = nextPlace(log.path, held)
    const stillMine = next !== null && next.epoch === held.epoch && next.seq === held.seq + 1
    if (stillMine)
      return { type: 'branch', reason: 'diverged', parent: held, alarm: 'log_diverged' }
    // I end where the cloud saw me go on elsewhere: my file is from before that.
    if (next === null)
      return { type: 'branch', reason: 'restored', parent: held, alarm: 'log_restored' }
  }
  if (back && !more.context.newLedger) {
    return { type: 'ignored', why: 'older than the last receipt', alarm: null }
  }
  if (held.seq === 0) return { type: 'go_back', next: { epoch: held.epoch, seq: 0 }, alarm: null }
  return isPrunedBehind(log, held)
    ? { type: 'rebase', parent: held, alarm: 'cloud_lacks_pruned' }
    : { type: 'settled', to: held, alarm: null }
}

function isPrunedBehind(log: LogView, held: Position): boolean {
  const next = nextPlace(log.path, held)
  if (next === null) return false
  return next.seq < log.path[indexOf(log.path, next.epoch)]!.first
}

function prunedHere(log: LogView, held: Position, context: Context): Verdict {
  const back = log.receipted !== null && comparePlaces(log.path, held, log.receipted) < 0
  if (context.newLedger || !back)
    return { type: 'rebase', parent: held, alarm: 'cloud_lacks_pruned' }
  return { type: 'ignored', why: 'older than what is kept here', alarm: null }
}

function backInto(log: LogView, index: number): Verdict {
  const alarm = 'log_diverged'
  if (log.path[index]!.first > 1) return { type: 'rebase', parent: null, alarm }
  return { type: 'go_back', next: startOf(log, index), alarm }
}

/**
 * The cloud's record at this place is not mine. Send again from the last common place: the overlap
 * tells exactly where the two sides part. If that place itself is the one in doubt, begin at the
 * start of its epoch.
 */
function otherHash(log: LogView, held: Position): Verdict {
  const common = log.receipted
  const alarm = 'receipt_hash_not_mine'
  if (common !== null && comparePlaces(log.path, common, held) < 0) {
    return { type: 'go_back', next: cursorOf(common), alarm }
  }
  const index = indexOf(log.path, held.epoch)
  if (log.path[index]!.first > 1) return { type: 'rebase', parent: held, alarm }
  return { type: 'go_back', next: startOf(log, index), alarm }
}

function cursorOf(position: Position): ShipCursor {
  return { epoch: position.epoch, seq: position.seq }
}

/**
 * Records of mine that the cloud keeps and could not use: somebody was told "recorded" and has to
 * hear of it. Only where the hash is mine does a number name a record of mine. `news`: there are some
 * that no receipt covered before.
 */
export function refusedOfMine(
  { path, receipted }: Pick<LogView, 'path' | 'receipted'>,
  { rejected }: Pick<Receipt, 'rejected'>,
  verdict: Verdict,
): { refused: Receipt['rejected']; news: boolean } {
  const to =
    verdict.type === 'settled' ? verdict.to : verdict.type === 'branch' ? verdict.parent : null
  if (to === null) return { refused: [], news: false }
  const within = (place: ShipCursor, end: Position) => comparePlaces(path, place, end) <= 0
  const known = rejected.filter(({ epoch }) => indexOf(path, epoch) >= 0)
  const refused = known.filter((place) => within(place, to))
  return { refused, news: refused.some((place) => receipted === null || !within(place, receipted)) }
}
