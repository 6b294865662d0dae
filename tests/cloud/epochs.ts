/** Epochs of a hall's log with their real chain, cut into batches as a gateway would send them. */
import { type Batch, printBatch, readBatch } from '../../devices/contract/batch.ts'
import { type Position, ZERO_HASH } from '../../devices/contract/position.ts'
import type { Birth } from '../../devices/contract/presence.ts'
import { type Draft, printRecord, reprintRecord } from '../../devices/contract/record.ts'
import { sha, stamp } from './log-maker.ts'

export type TestEpoch = {
  epoch: string
  texts: string[]
  /** `hashes[n]` is the chain after record n; `hashes[0]` before the first. */
  hashes: string[]
}

const bytes = (text: string) => new TextEncoder().encode(text)
const decoder = new TextDecoder('utf-8', { fatal: true })

export const draftText = (draft: Draft, second = 0) => printRecord(draft, stamp(second))

/** `bodies` are the record texts behind `epoch.begun`. */
export function makeEpoch(
  number: number,
  parent: Position | null,
  bodies: readonly string[],
): TestEpoch {
  const epoch = number.toString(16).padStart(32, '0')
  const begun: Draft = {
    kind: 'epoch.begun',
    data: {
      ...{ epoch, number, reason: number === 1 ? 'first' : 'restored', gateway: 'gw-1' },
      ...{ parent, continues: true, numbers: null },
    },
  }
  const texts = [draftText(begun), ...bodies]
  const hashes = [parent?.hash ?? ZERO_HASH]
  for (const text of texts) {
    const hash = sha(Buffer.from(hashes.at(-1)!, 'hex'), bytes(text))
    hashes.push(Buffer.from(hash).toString('hex'))
  }
  return { epoch, texts, hashes }
}

export function positionIn(of: TestEpoch, seq: number): Position {
  return { epoch: of.epoch, seq, hash: of.hashes[seq]! }
}

/** Record `seq` of an epoch as it is appended again in a later one. */
export function again(of: TestEpoch, seq: number): string {
  return reprintRecord(of.texts[seq - 1]!, positionIn(of, seq))
}

let births = 0

/** What a gateway says that has records 1 to `seq` of an epoch. */
export function birthOf(of: TestEpoch, seq: number): Birth {
  const number = Number.parseInt(of.epoch, 16)
  return {
    ...{ v: 1, type: 'birth', gateway: 'gw-1', fence: 0, session: 'a'.repeat(16) },
    ...{ epoch: of.epoch, epoch_number: number, parent: null },
    head: { seq, hash: of.hashes[seq] ?? 'f'.repeat(64) },
    ...{ unbooked: 0, unbooked_since_ms: null, version: 'test', config_version: 1, devices: [] },
    ...{ clock: { wall_ms: 0, skew_ms: null }, sent: { boot: 'b1', mono_ms: 1e6 + ++births } },
  }
}

/** Records `first` to `last`. */
export function batchOf(of: TestEpoch, first = 1, last = of.texts.length): Batch {
  const header = {
    ...{ v: 1 as const, gateway: 'gw-1', fence: 0, epoch: of.epoch, first },
    ...{ prev: of.hashes[first - 1]!, sent: { boot: 'b0', mono_ms: 0 } },
  }
  const records = of.texts.slice(first - 1, last).map(bytes)
  return readBatch(printBatch(header, records, bytes), (part) => decoder.decode(part))
}

/** The epoch in batches of at most `size` records. */
export function batchesOf(of: TestEpoch, size: number): Batch[] {
  const starts = of.texts.map((_, i) => i + 1).filter((seq) => (seq - 1) % size === 0)
  return starts.map((seq) => batchOf(of, seq, Math.min(seq + size - 1, of.texts.length)))
}
