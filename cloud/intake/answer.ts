/**
 * What a sender is told of a commit: a receipt in the making. Where its log and the one held here may
 * have parted, the receipt says as much as is needed to go on: the place both are known to hold, what
 * was printed since, what was refused.
 */
import type { Batch, SendStamp } from '#devices/contract/batch.ts'
import { RECEIPT_REJECTED_MAX } from '#devices/contract/limits.ts'
import { type Position, ZERO_HASH } from '#devices/contract/position.ts'
import type { Birth } from '#devices/contract/presence.ts'
import type { Receipt } from '#devices/contract/receipt.ts'
import type { CloudTx, RejectedRecord } from '../ports.ts'
import type { HallView } from './held.ts'
import type { BatchVerdict } from './judge.ts'

/** One message of a hall: a batch, or a birth that asks where to go on. */
export type Item =
  | { type: 'batch'; hall: string; batch: Batch }
  | { type: 'birth'; hall: string; birth: Birth }

export type Answer = { hall: string; receipt: Omit<Receipt, 'cloud_time_ms'>; booked: number }

type Judged = { item: Item; verdict: BatchVerdict }

/** A hall within a commit, judged and written. */
export type AnsweredHall = {
  view: HallView
  /** What this commit rejected. */
  rejections: readonly RejectedRecord[]
  judged: readonly Judged[]
}

export async function answersFor(
  tx: CloudTx,
  halls: readonly AnsweredHall[],
  ledger: string,
): Promise<Answer[]> {
  const told = await rejectedBefore(tx, halls)
  const answers: Answer[] = []
  for (const hall of halls) {
    const before = told.get(hall.view.hall) ?? []
    for (const judged of hall.judged) {
      const rejected = rejectedFor(hall, judged, before)
      answers.push(await answer(hall.view, judged, { ledger, rejected }))
    }
  }
  return answers
}

/**
 * What was rejected in earlier commits, for those who may not have heard of it: whoever sends again
 * lost a receipt, and whoever is born may have forgotten one.
 */
async function rejectedBefore(
  tx: CloudTx,
  halls: readonly AnsweredHall[],
): Promise<Map<string, RejectedRecord[]>> {
  const asking = halls.filter(({ judged }) => judged.some(mayHaveMissed))
  if (asking.length === 0) return new Map()
  return tx.newestRejections(asking.map(({ view }) => view.hall))
}

function mayHaveMissed({ verdict }: Judged): boolean {
  if (verdict.type === 'append') return verdict.skip > 0
  return verdict.type === 'held' || verdict.type === 'diverged'
}

function rejectedFor(
  { rejections }: AnsweredHall,
  judged: Judged,
  before: readonly RejectedRecord[],
): Receipt['rejected'] {
  const { item } = judged
  const own = rejections.filter(
    ({ epoch }) => item.type === 'batch' && epoch === item.batch.header.epoch,
  )
  const all = mayHaveMissed(judged) ? [...before, ...own] : own
  // Several projections may reject one record, and what is fresh may be read back as well.
  const once = new Map(all.map((one) => [`${one.epoch} ${one.seq}`, one]))
  return [...once.values()]
    .slice(-RECEIPT_REJECTED_MAX)
    .map(({ epoch, seq, code }) => ({ epoch, seq, code }))
}

async function answer(
  view: HallView,
  { item, verdict }: Judged,
  { ledger, rejected }: Pick<Receipt, 'ledger' | 'rejected'>,
): Promise<Answer> {
  const { cursor } = view
  const { gateway, sent } = item.type === 'batch' ? item.batch.header : item.birth
  const numbers = lacksSomething(cursor.head, item, verdict) ? await view.printedNumbers() : null
  return {
    hall: item.hall,
    booked:
      verdict.type === 'append' && item.type === 'batch'
        ? item.batch.records.length - verdict.skip
        : 0,
    receipt: {
      ...{ v: 1, gateway, fence: cursor.fence, ledger },
      status: verdict.type === 'append' ? 'held' : verdict.type,
      ...(await positionFor(view, item, verdict)),
      diverged_at: verdict.type === 'diverged' ? verdict.at : null,
      rejected,
      ...(numbers !== null && { numbers }),
      echo: sent satisfies SendStamp,
    },
  }
}

/** Whether the sender may have to begin an epoch for want of what is held here. */
function lacksSomething(head: Position | null, item: Item, { type }: BatchVerdict): boolean {
  if (type !== 'append' && type !== 'held') return type !== 'not_owner'
  if (item.type === 'batch' || head === null) return false
  const { birth } = item
  return head.epoch !== birth.epoch || head.seq > birth.head.seq
}

/**
 * The place the sender should go on from: in its own epoch if that is known, else the head. Where a
 * batch was held already, its own end: what follows there may be the sender's or not, and a sender
 * that cannot tell would begin again with the same batch, for ever.
 */
async function positionFor(view: HallView, item: Item, verdict: BatchVerdict) {
  const { epoch } = item.type === 'batch' ? item.batch.header : item.birth
  const row = await view.epoch(epoch)
  if (row === null) {
    const { head } = view.cursor
    return head ?? { epoch: null, seq: 0, hash: ZERO_HASH }
  }
  const seq = Math.min(row.seq, lastAgreed(item, verdict))
  if (seq === row.seq) return { epoch, seq, hash: row.hash }
  const hash = seq === 0 ? (row.parent?.hash ?? ZERO_HASH) : await view.hashAt(epoch, seq)
  return { epoch, seq, hash: hash ?? ZERO_HASH }
}

/** Up to where the sender's records are known to be the ones held here. */
function lastAgreed(item: Item, verdict: BatchVerdict): number {
  if (verdict.type === 'diverged') return verdict.at - 1
  if (verdict.type !== 'held' || item.type === 'birth') return Number.POSITIVE_INFINITY
  return item.batch.header.first + item.batch.records.length - 1
}
