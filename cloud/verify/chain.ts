/**
 * The log's own proof: every chain computed again, byte by byte, and compared with what is stored
 * beside it. Where a segment does not fit, the reading that the chain bears out tells which byte or
 * which column was changed, and is what the records are taken from; so one change by hand is one
 * finding. Where no reading fits, the sums of the records still say which of them changed.
 */

import type { Findings } from './findings.ts'
import { type Around, type Fit, fitOf, hashesOf } from './fit.ts'
import { crcsIn, spansOf, type Wrong, wrongRecords } from './mend.ts'
import type { Cells, StoredSegment } from './rows.ts'
import { Teller } from './tell.ts'

const NO_PARENT = '0'.repeat(64)

export type Line = {
  epoch: string
  seq: number
  place: number
  /** Hash of the chain after this record, hex. */
  hash: string
  /** The text that was hashed, where the chain tells it; otherwise as stored. */
  bytes: Buffer
  /** What stands there, and its offset in the segment. */
  stored: Buffer
  from: number
}

type Running = { seq: number; hash: string }
type Head = Running & { epoch: string }
type Parent = Head & { child: string }
type Begun = {
  epoch: string
  number: number
  reason: string
  gateway: string
  continues: boolean
  parent: Head | null
}

/** Walks one hall's segments in the order of their places; `end` compares what is only known then. */
export class ChainWalk {
  readonly #hall: string
  readonly #findings: Findings
  readonly #tell: Teller
  readonly #rows: ReadonlyMap<string, Cells>
  readonly #running = new Map<string, Running>()
  readonly #parents: Parent[] = []
  readonly #parentHashes = new Map<string, string>()
  #place = 1
  #head: Head | null = null

  constructor(hall: string, epochs: readonly Cells[], findings: Findings) {
    this.#hall = hall
    this.#findings = findings
    this.#tell = new Teller(hall, findings)
    this.#rows = new Map(epochs.map((row) => [String(row.epoch), row]))
    for (const row of epochs)
      if (row.parent_epoch !== null) {
        const parent = { epoch: String(row.parent_epoch), seq: Number(row.parent_seq) }
        this.#parents.push({ ...parent, hash: String(row.parent_hash), child: String(row.epoch) })
        this.#parentHashes.set(`${parent.epoch} ${parent.seq}`, '')
      }
  }

  /** Where to look for the next segment if not `segment` is it: its place may have been changed. */
  lostBefore(segment: StoredSegment | undefined): { epoch: string; first: number } | null {
    const head = this.#head
    const next = this.#rows.values().find((row) => row.number === 1)?.epoch
    const wanted =
      head === null ? { epoch: String(next), first: 1 } : { epoch: head.epoch, first: head.seq + 1 }
    if (segment === undefined) return wanted
    const inTurn = segment.epoch === wanted.epoch ? segment.first === wanted.first : true
    return segment.place === this.#place && inTurn ? null : wanted
  }

  /**
   * The records of a segment with their hashes. `next` is the segment behind it, undefined for the
   * last one and null where it is not known.
   */
  segment(stored: StoredSegment, next: StoredSegment | undefined | null): Line[] {
    const epoch = this.#epochOf(stored)
    const known = this.#running.get(epoch)
    const before = known ?? this.#beginning(epoch, stored)
    const missing = this.#missing(stored, before)
    const first = missing ? stored.first : this.#number(stored, before.seq + 1)
    const place = missing ? stored.place : this.#placeOf(stored, next)
    const around: Around = {
      before: missing ? null : before.hash,
      behind: next?.epoch === epoch ? next.prev : this.#endOf(epoch, next),
    }
    const wrongs = wrongRecords(stored)
    const fit = fitOf(stored, around, wrongs)
    const at = { ...stored, epoch, first }
    if (fit === null) this.#blame(at, wrongs)
    else this.#differences(at, { fit, wrongs, around })
    const lines = this.#lines(stored, fit, { epoch, first, place })
    if (known === undefined && first === 1) this.#begun(lines, epoch)
    const last = fit === null ? stored.last : first + lines.length - 1
    if (last !== stored.last)
      this.#tell.column(at, 'last', { is: stored.last, by: last, why: 'its records' })
    const hash = fit?.hash ?? stored.hash
    this.#running.set(epoch, { seq: last, hash })
    this.#head = { epoch, seq: last, hash }
    this.#place = place + last - first + 1
    return lines
  }

  /** The epoch that a segment belongs to, whatever its row says. */
  #epochOf(stored: StoredSegment): string {
    const head = this.#head
    const own = begunOf(stored.bytes)?.epoch
    const begins = own !== undefined && this.#rows.has(own) && !this.#running.has(own)
    const goesOn = head !== null && stored.prev === head.hash && stored.first === head.seq + 1
    const epoch = begins ? own : goesOn ? head.epoch : stored.epoch
    if (epoch !== stored.epoch) {
      const why = begins ? 'its first record' : 'what is before it'
      this.#tell.column(stored, 'epoch', { is: stored.epoch, by: epoch, why })
    }
    return epoch
  }

  #beginning(epoch: string, stored: StoredSegment): Running {
    const row = this.#rows.get(epoch)
    const head = this.#head
    const joins =
      head === null
        ? row?.parent_epoch == null
        : row?.parent_epoch === head.epoch && row.parent_seq === head.seq
    if (row !== undefined && row.branch === joins)
      this.#tell.epoch(epoch, `branch is ${row.branch}, by the order of arrival ${!joins}`)
    const begun = begunOf(stored.bytes)
    const hash = begun === null ? row?.parent_hash : begun.parent?.hash
    return { seq: 0, hash: String(hash ?? NO_PARENT) }
  }

  /** Number and place run ahead by as much: what is between is not there. */
  #missing(stored: StoredSegment, before: Running): boolean {
    const skipped = stored.first - before.seq - 1
    if (skipped <= 0 || stored.place - this.#place !== skipped) return false
    this.#tell.gone(stored, skipped)
    return true
  }

  #number(stored: StoredSegment, expected: number): number {
    const change = { is: stored.first, by: expected, why: 'what is before it' }
    if (stored.first !== expected) this.#tell.column(stored, 'first', change)
    return expected
  }

  #placeOf(stored: StoredSegment, next: StoredSegment | undefined | null): number {
    if (stored.place === this.#place) return stored.place
    // What follows agrees with the place: not the place is wrong, an epoch before it is gone.
    const confirmed = next != null && next.place === stored.place + stored.last - stored.first + 1
    if (confirmed && stored.place > this.#place) {
      this.#tell.gone(stored, stored.place - this.#place)
      return stored.place
    }
    const change = { is: stored.place, by: this.#place, why: 'what is before it' }
    this.#tell.column(stored, 'place', change)
    return this.#place
  }

  /** The hash at the end of an epoch by its row, if that is where the segment ends. */
  #endOf(epoch: string, next: StoredSegment | undefined | null): string | null {
    if (next === null) return null
    const hash = this.#rows.get(epoch)?.hash
    return hash === undefined ? null : String(hash)
  }

  /** What the reading that fits has otherwise than the row. */
  #differences(
    stored: StoredSegment,
    { fit, wrongs, around }: { fit: Fit; wrongs: readonly Wrong[]; around: Around },
  ): void {
    if (fit.prev !== stored.prev)
      this.#tell.column(stored, 'prev', { is: stored.prev, by: fit.prev, why: 'what is before it' })
    else if (fit.prev !== (around.before ?? fit.prev) && fit.changes.length === 0)
      this.#tell.chain(stored, 'does not join what is before it')
    for (const change of fit.changes) this.#tell.bytes(stored, { change, wrongs, proved: true })
    if (fit.hash !== stored.hash)
      this.#tell.column(stored, 'hash', { is: stored.hash, by: fit.hash, why: 'its records' })
    if (fit.changes.length > 0) return
    const sums = crcsIn(stored.crcs).length
    const records = spansOf(stored.bytes).length
    if (stored.crcs.length % 4 !== 0 || sums !== records) this.#tell.sums(stored, { sums, records })
    else if (wrongs[0] !== undefined) this.#tell.sum(stored, wrongs[0])
  }

  /** No reading fits: the records that miss their sums, or the whole segment. */
  #blame(stored: StoredSegment, wrongs: readonly Wrong[]): void {
    if (crcsIn(stored.crcs).length !== stored.last - stored.first + 1 || wrongs.length === 0) {
      this.#tell.whole(stored, wrongs.length === 0)
      return
    }
    for (const wrong of wrongs) this.#tell.record(stored, wrong)
  }

  #lines(
    stored: StoredSegment,
    fit: Fit | null,
    { epoch, first, place }: { epoch: string; first: number; place: number },
  ): Line[] {
    const text = fit?.bytes ?? stored.bytes
    const hashes = hashesOf(text, fit?.prev ?? stored.prev)
    return spansOf(text).map(({ from, to }, i) => {
      const seq = first + i
      const hash = hashes[i]!
      const key = `${epoch} ${seq}`
      if (this.#parentHashes.has(key)) this.#parentHashes.set(key, hash)
      const bytes = text.subarray(from, to)
      return {
        epoch,
        seq,
        place: place + i,
        hash,
        bytes,
        stored: stored.bytes.subarray(from, to),
        from,
      }
    })
  }

  /** The first record of an epoch says of itself what its row says. */
  #begun(lines: readonly Line[], which: string): void {
    const data = lines[0] === undefined ? null : begunOf(lines[0].bytes)
    if (data === null) {
      this.#tell.epoch(which, 'does not begin with epoch.begun')
      return
    }
    const { epoch, number, reason, gateway, continues, parent } = data
    const said = {
      ...{ epoch, number, reason, gateway, continues },
      parent_epoch: parent?.epoch ?? null,
      parent_seq: parent?.seq ?? null,
      parent_hash: parent?.hash ?? null,
    }
    this.#findings.compare({ hall: this.#hall, what: 'epoch', which }, said, this.#rows.get(which))
  }

  /** Compares epochs' last records, parents and the cursor with what was walked over. */
  end(cursor: Cells): void {
    for (const [epoch, row] of this.#rows) {
      const at = { hall: this.#hall, what: 'epoch' as const, which: epoch }
      const walked = this.#running.get(epoch)
      if (walked === undefined) this.#tell.epoch(epoch, 'has a row but no records')
      else this.#findings.compare(at, walked, row)
    }
    for (const { epoch, seq, hash, child } of this.#parents) {
      const found = seq === 0 ? hash : this.#parentHashes.get(`${epoch} ${seq}`)
      if (found !== hash)
        this.#tell.epoch(child, `has a parent that is not record ${seq} of ${epoch}`)
    }
    const at = { hall: this.#hall, what: 'cursor' as const, which: this.#hall }
    const none = { epoch: null, seq: null, hash: null }
    this.#findings.compare(at, { records: this.#place - 1, ...(this.#head ?? none) }, cursor)
  }
}

/** What an epoch's first record says, or null where the bytes do not begin with one. */
function begunOf(bytes: Buffer): Begun | null {
  const feed = bytes.indexOf(10)
  const text = bytes.toString('utf8', 0, feed < 0 ? bytes.length : feed)
  if (!text.includes('epoch.begun')) return null
  try {
    const { kind, data } = JSON.parse(text) as { kind?: unknown; data?: Begun }
    return kind === 'epoch.begun' && data !== undefined ? data : null
  } catch {
    return null
  }
}
