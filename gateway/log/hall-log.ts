/**
 * The hall log: the append-only, numbered, hash-chained record of every business fact of a hall.
 *
 * It alone knows where records stand, what a receipt means for them, when a new epoch must begin and
 * what may be pruned. It decides nothing about halls. Rows live behind {@link LogStore}; every change
 * here is one transaction of it, and memory follows only after the transaction returned.
 *
 * Faults: `disk_full`, `commit_failed`, `too_large`.
 */

import { BATCH_RECORDS_MAX, RECORD_BYTES_MAX } from '#devices/contract/limits.ts'
import type { Position } from '#devices/contract/position.ts'
import type { Receipt } from '#devices/contract/receipt.ts'
import type { PrintedNumbers } from '#devices/contract/record.ts'
import { printRecord, reprintRecord } from '#devices/contract/record-text.ts'
import { samePosition, ZERO_HASH } from '#devices/contract/same-position.ts'
import { assert } from '#devices/std/assert.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Appended, LogStatus, Outgoing, ReceiptEffect, ShipCursor } from '../ports.ts'
import { type Alarms, readAlarms, withAlarm, withoutAlarm } from './alarms.ts'
import { decode, encode, hex, unhex } from './chain.ts'
import { CARRY_BYTES, PRUNE_CHUNK, QUOTA_FULL_SHARE, READ_CHUNK } from './limits.ts'
import { furthest } from './numbers.ts'
import type { Begin, BeginReason, Carried, Gap, HallLogOptions } from './options.ts'
import {
  comparePlaces,
  countAfter,
  indexOf,
  lastWithin,
  nextPlace,
  type PathEpoch,
} from './path.ts'
import { judgeReceipt, refusedOfMine, type Verdict } from './receipt.ts'
import { type Entry, insertAll, isBegun, readPath, withinBytes } from './rows.ts'
import { noteSettled, type SettledMark } from './settled.ts'
import type { LogStore, Row } from './store.ts'

export type { HallLogOptions } from './options.ts'
export type { Entry } from './rows.ts'

/** A record as it is folded again. `payload` null: not UTF-8. */
export type Stored = { epoch: string; seq: number; text: string | null }

/** A record as it is first written; appended again it must still fit into a batch. */
const FRESH_BYTES_MAX = RECORD_BYTES_MAX - CARRY_BYTES

/** What a receipt says beside the place: a ledger that is new to me, and what the cloud saw printed. */
type Heard = { newLedger: string | null; numbers: PrintedNumbers | null }

export class HallLog {
  readonly #store: LogStore
  readonly #options: HallLogOptions
  #path: PathEpoch[]
  #receipted: Position | null
  #ledger: string | null
  #alarms: Alarms
  /** What is called inside a commit becomes part of it. */
  #committing = false
  /** Oldest first. */
  #settled: SettledMark[] = []
  /** When the receipt in force was taken, or read again from disk: marks alone miss the last one. */
  #receiptedAt_ms = 0

  /** Takes a store whose chains were checked ({@link ./check.ts}). An empty one needs `begin`. */
  constructor(store: LogStore, options: HallLogOptions) {
    this.#store = store
    this.#options = options
    this.#path = []
    this.#receipted = null
    this.#ledger = null
    this.#alarms = []
    this.#readAgain()
  }

  /** Memory follows the disk. */
  #readAgain(): void {
    this.#path = readPath(this.#store)
    this.#noteReceipted(JSON.parse(this.#store.meta('receipted') ?? 'null') as Position | null)
    this.#settled = JSON.parse(this.#store.meta('settled') ?? '[]') as SettledMark[]
    this.#ledger = this.#store.meta('ledger')
    this.#alarms = readAlarms(this.#store.meta('alarms'))
  }

  #noteReceipted(position: Position | null): void {
    if (!samePosition(position, this.#receipted)) {
      this.#receiptedAt_ms = this.#options.stamp().wall_ms
    }
    this.#receipted = position
  }

  /** A commit that failed may be on disk all the same: then memory must know. */
  #commit<T>(work: () => T): T {
    if (this.#committing) return work()
    this.#committing = true
    try {
      return this.#store.transaction(work)
    } catch (error) {
      this.#readAgain()
      throw error
    } finally {
      this.#committing = false
    }
  }

  get empty(): boolean {
    return this.#path.length === 0
  }

  get path(): readonly PathEpoch[] {
    return this.#path
  }

  /** Begins an epoch behind `parent`; records behind it on the path must be in `carry`. */
  begin(begin: Begin): void {
    const epoch = this.#options.freshEpoch()
    const number = Math.max(0, ...this.#path.map((e) => e.number)) + 1
    const at = this.#options.stamp()
    const first_prev = begin.parent?.hash ?? ZERO_HASH
    const begun = printRecord(
      {
        kind: 'epoch.begun',
        data: {
          epoch,
          number,
          reason: begin.reason,
          gateway: this.#options.gateway,
          parent: begin.parent,
          continues: begin.continues,
          numbers: furthest(this.#options.numbers?.() ?? null, begin.numbers ?? null),
        },
      },
      at,
    )
    const entries: Entry[] = [{ text: begun, wall_ms: at.wall_ms }]
    if (begin.gap) {
      entries.push({ text: printRecord({ kind: 'gap', data: begin.gap }, at), wall_ms: at.wall_ms })
    }
    for (const { text, wall_ms, was } of begin.carry ?? []) {
      entries.push({ text: reprintRecord(text, was), wall_ms })
    }
    this.#commit(() => {
      this.#moveSnapshot(begin, { epoch, seq: 0, hash: first_prev })
      this.#cutBehind(begin.afresh === true ? null : begin.parent)
      this.#store.putEpoch({ epoch, number, parent: begin.parent, first: 1, first_prev })
      insertAll(this.#store, epoch, { seq: 0, hash: unhex(first_prev) }, entries)
    })
    this.#path = readPath(this.#store)
  }

  /**
   * A snapshot that the cut would take away stands in front of the new epoch instead: what is
   * carried is a suffix of what it saw, and folding a suffix again ends in the same state.
   */
  #moveSnapshot(begin: Begin, to: Position): void {
    if (begin.state != null) {
      this.#store.setMeta('snapshot', JSON.stringify({ ...to, state: begin.state }))
      return
    }
    const snapshot = this.snapshot()
    if (snapshot === null) return
    const { parent } = begin
    const stays =
      begin.afresh !== true &&
      parent !== null &&
      comparePlaces(this.#path, snapshot.at, parent) <= 0
    if (!stays) this.#store.setMeta('snapshot', JSON.stringify({ ...to, state: snapshot.state }))
  }

  /** Takes everything behind `parent` off the path. The caller carries what it held. */
  #cutBehind(parent: Position | null): void {
    const keep = parent === null ? -1 : indexOf(this.#path, parent.epoch)
    this.#path.forEach((e, i) => {
      if (i > keep) this.#store.dropEpoch(e.epoch)
      else if (i === keep) this.#store.remove(e.epoch, parent!.seq + 1, e.last)
    })
  }

  /**
   * Appends in order, all or nothing; durable when it returns. `closing` marks records that close
   * something already begun: they are taken until the disk is really full.
   */
  append(entries: readonly Entry[], options: { closing?: boolean } = {}): Appended {
    const head = this.#path.at(-1)
    assert(head !== undefined, 'a log is begun before it is appended to')
    for (const { text } of entries) {
      if (text.length > FRESH_BYTES_MAX / 3 && encode(text).length > FRESH_BYTES_MAX) {
        throw new Fault('too_large', 'record')
      }
    }
    this.#refuseOverQuota(options.closing === true)
    const before = { seq: head.last, hash: unhex(head.last_hash) }
    const last = this.#commit(() => insertAll(this.#store, head.epoch, before, entries))
    head.last = last.seq
    head.last_hash = hex(last.hash)
    return { epoch: head.epoch, first: before.seq + 1, last: last.seq }
  }

  /** Whether new business is taken, not only what closes something. */
  get hasRoom(): boolean {
    return this.#store.bytes() <= this.#options.quota_bytes * QUOTA_FULL_SHARE
  }

  #refuseOverQuota(closing: boolean): void {
    const share = closing ? 1 : QUOTA_FULL_SHARE
    if (this.#store.bytes() > this.#options.quota_bytes * share) {
      throw new Fault('disk_full', `hall log, quota ${this.#options.quota_bytes} bytes`)
    }
  }

  status(): LogStatus {
    const head = this.#path.at(-1)
    assert(head !== undefined, 'a log is begun before it is asked')
    return {
      epoch: head.epoch,
      epoch_number: head.number,
      parent: head.parent,
      head: { seq: head.last, hash: head.last_hash },
      receipted: this.#receipted,
      unbooked: countAfter(this.#path, this.#receipted),
      unbooked_since_ms: this.#oldestUnbooked(),
      bytes: this.#store.bytes(),
      alarms: [...this.#alarms],
    }
  }

  #oldestUnbooked(): number | null {
    const place = nextPlace(this.#path, this.#receipted)
    if (place === null) return null
    return this.#store.read(place.epoch, place.seq, 1)[0]?.wall_ms ?? null
  }

  /** Where shipping starts when nothing else is known. */
  get shippedTo(): ShipCursor | null {
    return this.#receipted === null
      ? null
      : { epoch: this.#receipted.epoch, seq: this.#receipted.seq }
  }

  /** The next records behind `after`, of one epoch, within the limits of a batch. */
  readBatch(after: ShipCursor | null): Outgoing | null {
    const place = nextPlace(this.#path, after)
    if (place === null) return null
    const e = this.#path[indexOf(this.#path, place.epoch)]!
    if (place.seq < e.first) return this.#readBehindReceipt(after)
    const rows = this.#store.read(e.epoch, place.seq, BATCH_RECORDS_MAX)
    const records = withinBytes(rows)
    const last = place.seq + records.length - 1
    return {
      epoch: e.epoch,
      first: place.seq,
      prev: this.#hashAt(e, place.seq - 1),
      records,
      last: { epoch: e.epoch, seq: last },
    }
  }

  /**
   * What is asked for is pruned. Then a receipt covers it that the asker did not hear of, as the
   * commit that took it was durable although it failed: go on behind that.
   */
  #readBehindReceipt(after: ShipCursor | null): Outgoing | null {
    const known = this.shippedTo
    if (known === null) return null
    const ahead = after === null || comparePlaces(this.#path, known, after) > 0
    return ahead ? this.readBatch(known) : null
  }

  #hashAt(e: PathEpoch, seq: number): string {
    if (seq === e.first - 1) return e.first_prev
    const found = this.#store.hashAt(e.epoch, seq)
    assert(found !== null, 'a record that is not pruned has its hash on disk')
    return hex(found)
  }

  /** Hash of the chain at a place of the path; null where it is pruned or not on the path. */
  hashOn(place: ShipCursor): string | null {
    const e = this.#path[indexOf(this.#path, place.epoch)]
    if (e === undefined || place.seq > e.last || place.seq < e.first - 1) return null
    return this.#hashAt(e, place.seq)
  }

  /**
   * What a receipt means: settle, go back, begin a new epoch, or nothing. `sent` is the place behind
   * which the answered batch began, null for a birth.
   */
  takeReceipt(receipt: Receipt, sent: ShipCursor | null): ReceiptEffect {
    if (receipt.gateway !== this.#options.gateway) return { type: 'ignored', why: 'not for me' }
    if (receipt.status === 'not_owner') return { type: 'not_owner' }
    const newLedger = receipt.ledger !== this.#ledger
    const log = {
      ...{ path: this.#path, receipted: this.#receipted },
      hashOn: (place: ShipCursor) => this.hashOn(place),
    }
    const verdict = judgeReceipt(log, receipt, { sent, newLedger })
    // All of it or nothing: half a receipt taken would leave a place that nobody can go on from.
    return this.#commit(() => {
      const { refused, news } = refusedOfMine(log, receipt, verdict)
      if (news) this.raise('records_rejected')
      const { numbers = null } = receipt
      const effect = this.#follow(verdict, {
        newLedger: newLedger ? receipt.ledger : null,
        numbers,
      })
      return refused.length === 0 ? effect : { ...effect, refused }
    })
  }

  #follow(verdict: Verdict, { newLedger, numbers }: Heard): ReceiptEffect {
    if (verdict.alarm !== null) this.raise(verdict.alarm)
    if (verdict.type === 'ignored') return { type: 'ignored', why: verdict.why }
    if (newLedger !== null) this.#setLedger(newLedger)
    const isBack = newLedger !== null || verdict.putBack === true
    switch (verdict.type) {
      case 'settled':
        this.#setReceipted(verdict.to)
        return { type: isBack ? 'rewound' : 'settled', next: this.shippedTo }
      case 'go_back':
        if (isBack) this.#setReceipted(null)
        return { type: 'rewound', next: verdict.next }
      case 'branch':
        this.#branch(verdict.reason, verdict.parent, numbers)
        return { type: 'branched', next: this.shippedTo }
      case 'rebase':
        this.#rebase(verdict.parent, numbers)
        return { type: 'branched', next: this.shippedTo }
    }
  }

  #setLedger(ledger: string): void {
    this.#commit(() => this.#store.setMeta('ledger', ledger))
    this.#ledger = ledger
  }

  #setReceipted(position: Position | null): void {
    const settled = noteSettled(this.#settled, position, {
      wall_ms: this.#options.stamp().wall_ms,
      retention_ms: this.#options.retention_ms,
    })
    this.#commit(() => {
      this.#store.setMeta('receipted', JSON.stringify(position))
      if (settled !== this.#settled) this.#store.setMeta('settled', JSON.stringify(settled))
    })
    this.#noteReceipted(position)
    this.#settled = settled
  }

  /** Keeps an alarm until a person clears it; the same one is kept once. */
  raise(alarm: string): void {
    this.#keepAlarms(withAlarm(this.#alarms, alarm))
  }

  /** A person has seen it. False where it is not raised. */
  clearAlarm(alarm: string): boolean {
    return this.#keepAlarms(withoutAlarm(this.#alarms, alarm))
  }

  #keepAlarms(alarms: Alarms): boolean {
    if (alarms === this.#alarms) return false
    this.#commit(() => this.#store.setMeta('alarms', JSON.stringify(alarms)))
    this.#alarms = alarms
    return true
  }

  /** This file is older than what was seen of it: goes on behind what is surely common. */
  goOnRestored(): void {
    this.raise('log_restored')
    if (this.#receipted === null && this.#path[0]!.first > 1) this.#rebase(null)
    else this.#branch('restored', this.#receipted)
  }

  /** Goes on behind `parent` in a new epoch; own records behind it are appended again. */
  #branch(
    reason: BeginReason,
    parent: Position | null,
    numbers: PrintedNumbers | null = null,
  ): void {
    const carry = this.#carryBehind(parent)
    this.#setReceipted(parent)
    this.begin({ reason, parent, continues: false, numbers, carry })
  }

  /** The cloud lacks records that are pruned here: says so, and appends again what is left. */
  #rebase(parent: Position | null, numbers: PrintedNumbers | null = null): void {
    const from = parent === null ? null : { epoch: parent.epoch, seq: parent.seq }
    const onPath = from !== null && indexOf(this.#path, from.epoch) >= 0
    const oldest = this.#path.find((e) => e.first <= e.last)
    const carry = this.#carryBehind(null)
    const gap: Gap = {
      epoch: oldest?.epoch ?? this.#path.at(-1)!.epoch,
      from: onPath && from.epoch === oldest?.epoch ? from.seq + 1 : 1,
      to: oldest === undefined ? null : oldest.first - 1,
      reason: 'pruned',
    }
    const missing = gap.to === null || gap.to >= gap.from ? gap : null
    this.#setReceipted(parent)
    const begin = { reason: 'pruned', continues: true, carry, afresh: true } as const
    this.begin({ ...begin, parent, numbers, gap: missing })
  }

  /** Facts behind `parent` on the path, with the place where each stood first. */
  #carryBehind(parent: Position | null): Carried[] {
    const carry: Carried[] = []
    const start = parent === null ? 0 : indexOf(this.#path, parent.epoch)
    this.#path.forEach((e, i) => {
      if (i < start) return
      const from = parent !== null && i === start ? parent.seq + 1 : e.first
      for (const row of this.#rows(e, from)) {
        const text = decode(row.payload)
        if (text === null || isBegun(text)) continue
        const was = { epoch: e.epoch, seq: row.seq, hash: hex(row.hash) }
        carry.push({ text, wall_ms: row.wall_ms, was })
      }
    })
    return carry
  }

  *#rows(e: PathEpoch, from: number): Generator<Row> {
    for (let at = Math.max(from, e.first); at <= e.last; ) {
      const rows = this.#store.read(e.epoch, at, READ_CHUNK)
      if (rows.length === 0) return
      yield* rows
      at = rows.at(-1)!.seq + 1
    }
  }

  /** Every record of the path behind `after`, in order: what the engine folds. */
  *fold(after: ShipCursor | null): Generator<Stored> {
    const start = after === null ? 0 : indexOf(this.#path, after.epoch)
    for (let i = Math.max(start, 0); i < this.#path.length; i++) {
      const e = this.#path[i]!
      const from = after !== null && i === start ? after.seq + 1 : e.first
      for (const row of this.#rows(e, from)) {
        yield { epoch: e.epoch, seq: row.seq, text: decode(row.payload) }
      }
    }
  }

  /** Keeps `state` as of the head. A cache: used only if the chain still says the same there. */
  saveSnapshot(at: ShipCursor, state: string): void {
    const hash = this.hashOn(at)
    if (hash === null) return
    this.#commit(() => this.#store.setMeta('snapshot', JSON.stringify({ ...at, hash, state })))
  }

  /** The newest snapshot that fits the chain, or null. */
  snapshot(): { at: ShipCursor; state: string } | null {
    const stored = this.#store.meta('snapshot')
    if (stored === null) return null
    const { epoch, seq, hash, state } = JSON.parse(stored) as Position & { state: string }
    if (this.hashOn({ epoch, seq }) !== hash) return null
    return { at: { epoch, seq }, state }
  }

  /**
   * Forgets records that a receipt has covered for longer than the retention and that the snapshot
   * stands behind. At most {@link PRUNE_CHUNK} at a time; returns how many went.
   */
  prune(now_wall_ms: number): number {
    const long_ago_ms = now_wall_ms - this.#options.retention_ms
    const settled =
      this.#receiptedAt_ms <= long_ago_ms
        ? this.#receipted
        : this.#settled.findLast((mark) => mark.wall_ms <= long_ago_ms)
    if (this.#receipted === null || settled == null) return 0
    const snapshot = this.snapshot()
    if (snapshot === null) return 0
    const e = this.#path.find((candidate) => candidate.first <= candidate.last)
    if (e === undefined) return 0
    const upto = Math.min(
      lastWithin(this.#path, e, this.#receipted),
      lastWithin(this.#path, e, settled),
      lastWithin(this.#path, e, snapshot.at),
      e.first + PRUNE_CHUNK - 1,
    )
    if (upto < e.first) return 0
    const first_prev = this.#hashAt(e, upto)
    this.#commit(() => {
      this.#store.remove(e.epoch, e.first, upto)
      this.#store.putEpoch({ ...e, first: upto + 1, first_prev })
    })
    this.#path = readPath(this.#store)
    return upto - e.first + 1
  }

  close(): void {
    this.#store.close()
  }
}
