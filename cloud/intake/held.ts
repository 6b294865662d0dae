/**
 * What the cloud holds of one hall, read inside a transaction and seen together with what this
 * commit is about to add. Hashes of single records are not stored: they are computed again from the
 * segment that holds them.
 */
import type { Position } from '#devices/contract/position.ts'
import type { PrintedNumbers } from '#devices/contract/record.ts'
import { assert } from '#devices/std/assert.ts'
import type { CloudTx, EpochRow, HallCursor, Segment } from '../ports.ts'
import { chainHashes, segmentLines } from './chain.ts'
import type { Held } from './judge.ts'
import { SEGMENTS_KEPT_MAX } from './limits.ts'

export class HallView {
  readonly hall: string
  readonly #tx: CloudTx
  readonly #epochs = new Map<string, EpochRow | null>()
  /** Segments that were read, the last used last: few, as one record may name any of them. */
  readonly #segments = new Map<Segment, string[]>()
  cursor: HallCursor
  readonly changedEpochs = new Set<string>()
  readonly newSegments: Segment[] = []
  readonly newOrigins: { origin: Position; place: number }[] = []
  readonly #newOrigins = new Set<string>()

  constructor(tx: CloudTx, cursor: HallCursor) {
    this.#tx = tx
    this.hall = cursor.hall
    this.cursor = cursor
  }

  async epoch(epoch: string): Promise<EpochRow | null> {
    let row = this.#epochs.get(epoch)
    if (row === undefined) {
      row = await this.#tx.epoch(this.hall, epoch)
      this.#epochs.set(epoch, row)
    }
    return row
  }

  printedNumbers(): Promise<PrintedNumbers | null> {
    return this.#tx.printedNumbers(this.hall)
  }

  async hashAt(epoch: string, seq: number): Promise<string | null> {
    const row = await this.epoch(epoch)
    if (row === null || seq > row.seq) return null
    if (seq === row.seq) return row.hash
    const segment = await this.#segmentAt(epoch, seq)
    return segment === null ? null : this.#hashesOf(segment)[seq - segment.first]!
  }

  #hashesOf(segment: Segment): string[] {
    const hashes =
      this.#segments.get(segment) ?? chainHashes(segment.prev, segmentLines(segment.bytes))
    this.#segments.delete(segment)
    this.#segments.set(segment, hashes)
    const [oldest] = this.#segments.keys()
    if (this.#segments.size > SEGMENTS_KEPT_MAX) this.#segments.delete(oldest!)
    return hashes
  }

  async #segmentAt(epoch: string, seq: number): Promise<Segment | null> {
    const holds = (s: Segment) => s.epoch === epoch && s.first <= seq && seq <= s.last
    const seen = this.newSegments.find(holds) ?? [...this.#segments.keys()].find(holds)
    return seen ?? this.#tx.segmentAt(this.hall, epoch, seq)
  }

  async forBatch(epoch: string): Promise<Held> {
    return {
      cursor: this.cursor,
      epoch: await this.epoch(epoch),
      hashAt: (seq) => this.hashAt(epoch, seq),
      parentEpoch: (parent) => this.epoch(parent),
      parentHashAt: (parent, seq) => this.hashAt(parent, seq),
    }
  }

  /** Whether the fact that first stood at `origin` is booked already, here or in an earlier commit. */
  async booked(origin: Position): Promise<boolean> {
    if ((await this.hashAt(origin.epoch, origin.seq)) === origin.hash) return true
    return this.#newOrigins.has(keyOf(origin)) || this.#tx.hasOrigin(this.hall, origin)
  }

  noteOrigin(origin: Position, place: number): void {
    this.newOrigins.push({ origin, place })
    this.#newOrigins.add(keyOf(origin))
  }

  /** Adds a segment behind what is held and moves the cursor. */
  append(segment: Omit<Segment, 'place'>, begun: EpochRow | null): Segment {
    const row = begun ?? this.#epochs.get(segment.epoch)
    assert(row != null, 'records are appended to an epoch that is known')
    const placed: Segment = { ...segment, place: this.cursor.records + 1 }
    this.#epochs.set(segment.epoch, { ...row, seq: segment.last, hash: segment.hash })
    this.changedEpochs.add(segment.epoch)
    this.newSegments.push(placed)
    this.cursor = {
      ...this.cursor,
      records: this.cursor.records + segment.last - segment.first + 1,
      head: { epoch: segment.epoch, seq: segment.last, hash: segment.hash },
    }
    return placed
  }

  epochsChanged(): EpochRow[] {
    return [...this.changedEpochs].map((epoch) => this.#epochs.get(epoch)!)
  }
}

const keyOf = ({ epoch, seq, hash }: Position): string => `${epoch} ${seq} ${hash}`
