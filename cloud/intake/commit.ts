/**
 * Books batches: judges each, appends, folds, and writes cursor, records and projections in one
 * transaction. Its answers are receipts in the making: only what is returned here was committed.
 *
 * Trouble that is nobody's fault (the database is away) is thrown as Fault `unavailable` and nothing
 * is answered. Any other trouble is narrowed down: hall by hall, then record by record under
 * savepoints; the record that fails is kept and marked rejected.
 */
import type { Batch, BatchHeader, SendStamp } from '#devices/contract/batch.ts'
import { RECEIPT_REJECTED_MAX } from '#devices/contract/limits.ts'
import { type Position, ZERO_HASH } from '#devices/contract/position.ts'
import type { Birth } from '#devices/contract/presence.ts'
import type { Receipt } from '#devices/contract/receipt.ts'
import { parseRecord } from '#devices/contract/record.ts'
import { isFault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import { getOrMake } from '#devices/std/map.ts'
import type {
  AnyBooked,
  CloudStore,
  CloudTx,
  EpochRow,
  HallChanges,
  Projection,
  Put,
  RejectedRecord,
  Rejection,
} from '../ports.ts'
import { isConnectionLoss } from '../store/errors.ts'
import { chainHashes, decodeLines } from './chain.ts'
import { askFor, foldOne, loadRows, readRows, rejection, WorkingRows } from './fold.ts'
import { HallView } from './held.ts'
import { type BatchVerdict, judgeBatch, judgeBirth } from './judge.ts'
import { crcsOf, segmentRuns, withLineFeeds } from './segment-bytes.ts'

/** One message of a hall: a batch, or a birth that asks where to go on. */
export type Item =
  | { type: 'batch'; hall: string; batch: Batch }
  | { type: 'birth'; hall: string; birth: Birth }

export type Answer = { hall: string; receipt: Omit<Receipt, 'cloud_time_ms'>; booked: number }

export type CommitDeps = {
  store: CloudStore
  projections: readonly Projection[]
  logger: Log
}

type HallWork = {
  view: HallView
  /** Records that were appended and are to be folded. */
  fresh: AnyBooked[]
  /** What those are folded into; null where each is folded by itself. */
  rows: WorkingRows | null
  rejections: Rejection[]
  answers: { item: Item; verdict: BatchVerdict }[]
}

/** Books everything, or what of it can be; the answers are in the order of `items`. */
export async function commit(deps: CommitDeps, items: readonly Item[]): Promise<Answer[]> {
  try {
    return await commitTogether(deps, items, 'together')
  } catch (error) {
    if (isConnectionLoss(error)) throw error
    deps.logger('warn', 'commit.narrowed', { items: items.length, reason: nameOf(error) })
  }
  const answers: Answer[] = []
  for (const hall of new Set(items.map((item) => item.hall))) {
    const own = items.filter((item) => item.hall === hall)
    answers.push(...(await commitAlone(deps, own)))
  }
  return answers
}

async function commitAlone(deps: CommitDeps, items: readonly Item[]): Promise<Answer[]> {
  for (const manner of ['together', 'one_by_one'] as const) {
    try {
      return await commitTogether(deps, items, manner)
    } catch (error) {
      if (isConnectionLoss(error)) throw error
      const fields = { hall: items[0]!.hall, manner, reason: nameOf(error) }
      deps.logger(manner === 'together' ? 'warn' : 'error', 'commit.failed', fields)
    }
  }
  // No receipt: the gateway sends again, and nothing of others was held up.
  return []
}

type Manner = 'together' | 'one_by_one'

function commitTogether(
  deps: CommitDeps,
  items: readonly Item[],
  manner: Manner,
): Promise<Answer[]> {
  return deps.store.transaction(async (tx) => {
    const ledger = await deps.store.ledger()
    const cursors = await tx.cursors([...new Set(items.map((item) => item.hall))].sort())
    const works = new Map<string, HallWork>()
    for (const item of items) {
      const work = getOrMake(works, item.hall, () => ({
        ...{ view: new HallView(tx, cursors.get(item.hall)!), fresh: [] },
        rows: manner === 'together' ? new WorkingRows(deps.projections) : null,
        ...{ rejections: [], answers: [] },
      }))
      work.answers.push({ item, verdict: await takeItem(work, item, deps.projections) })
    }
    const changes = await foldAll(deps, tx, [...works.values()])
    if (changes.length > 0) await tx.write(changes)
    const told = await rejectedBefore(tx, [...works.values()])
    const answers: Answer[] = []
    for (const work of works.values()) {
      const before = told.get(work.view.hall) ?? []
      for (const { item, verdict } of work.answers)
        answers.push(await answer(work, item, { verdict, ledger, before }))
    }
    return answers
  })
}

async function takeItem(
  work: HallWork,
  item: Item,
  projections: readonly Projection[],
): Promise<BatchVerdict> {
  if (item.type === 'birth') {
    const { cursor } = work.view
    return judgeBirth(cursor, item.birth, await work.view.epoch(item.birth.epoch))
  }
  const { header, records } = item.batch
  const hashes = chainHashes(header.prev, records)
  const verdict = await judgeBatch(await work.view.forBatch(header.epoch), item.batch, hashes)
  if (verdict.type !== 'append') return verdict
  const { skip, begun } = verdict
  const payloads = records.slice(skip)
  const texts = decodeLines(withLineFeeds(payloads), payloads)
  const { hall } = work.view
  const { epoch } = header
  const [first, from] = [header.first + skip, work.view.cursor.records + 1]
  appendRuns(work.view, { header, hashes, payloads, skip, begun })
  for (let i = 0; i < texts.length; i++) {
    const [seq, place] = [first + i, from + i]
    const parsed = parseRecord(texts[i]!)
    if (!parsed.ok) {
      const at = { epoch, seq, place }
      work.rejections.push(...projections.map((p) => rejection(p, at, parsed.code)))
      continue
    }
    const { record } = parsed
    if (record.was !== undefined && (await isRepeat(work, record.was, place))) continue
    takeFresh(work, { hall, epoch, seq, place, record } as AnyBooked)
  }
  return verdict
}

/** Its rows are asked for at once, while the processor still has the record at hand. */
function takeFresh({ fresh, rows }: HallWork, booked: AnyBooked): void {
  fresh.push(booked)
  if (rows !== null) askFor(booked, rows)
}

type Appended = {
  header: BatchHeader
  /** Chain hashes after each record of the whole batch. */
  hashes: readonly string[]
  payloads: readonly Uint8Array[]
  skip: number
  begun: EpochRow | null
}

/** Adds what of a batch is new, segment by segment. */
function appendRuns(view: HallView, { header, hashes, payloads, skip, begun }: Appended): void {
  let next = skip
  for (const run of segmentRuns(payloads)) {
    const end = next + run.length
    const segment = {
      epoch: header.epoch,
      ...{ first: header.first + next, last: header.first + end - 1 },
      ...{ prev: next === 0 ? header.prev : hashes[next - 1]!, hash: hashes[end - 1]! },
      ...{ bytes: withLineFeeds(run), crcs: crcsOf(run) },
    }
    view.append(segment, next === skip ? begun : null)
    next = end
  }
}

/** Whether the fact was booked at an earlier place; a repeat is not folded. */
async function isRepeat({ view }: HallWork, was: Position, place: number): Promise<boolean> {
  if (await view.booked(was)) return true
  view.noteOrigin(was, place)
  return false
}

/** Halls at the same time, so that the store reads their rows together. */
async function foldAll(
  deps: CommitDeps,
  tx: CloudTx,
  works: readonly HallWork[],
): Promise<HallChanges[]> {
  const fresh = works.filter(({ view }) => view.newSegments.length > 0)
  const folded = await Promise.allSettled(fresh.map((work) => fold(deps, tx, work)))
  // Not before all have ended: nobody may still read when the transaction is undone.
  return folded.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
}

async function fold(deps: CommitDeps, tx: CloudTx, work: HallWork): Promise<HallChanges> {
  const { rows } = work
  const puts =
    rows === null
      ? await foldOneByOne(deps, tx, work)
      : await foldTogether(deps, tx, { work, rows })
  return { ...bare(work.view), puts, rejections: work.rejections }
}

function bare(view: HallView): Omit<HallChanges, 'puts' | 'rejections'> {
  return {
    hall: view.hall,
    cursor: view.cursor,
    epochs: view.epochsChanged(),
    segments: view.newSegments,
    origins: view.newOrigins,
    upto: view.cursor.records,
  }
}

async function foldTogether(
  { projections }: CommitDeps,
  tx: CloudTx,
  { work, rows }: { work: HallWork; rows: WorkingRows },
): Promise<Put[]> {
  await readRows(tx, rows, { hall: work.view.hall, projections })
  for (const one of work.fresh) work.rejections.push(...foldOne(one, rows))
  return rows.changes()
}

/** Each record's rows are written under a savepoint of their own; a failing one is rejected. */
async function foldOneByOne(deps: CommitDeps, tx: CloudTx, work: HallWork): Promise<Put[]> {
  const nothing = { epochs: [], segments: [], origins: [], rejections: [] }
  for (const one of work.fresh) {
    for (const projection of deps.projections) {
      try {
        await tx.savepoint(async () => {
          const rows = await loadRows(tx, [projection], [one])
          const rejected = foldOne(one, rows)
          work.rejections.push(...rejected)
          const puts = rows.changes()
          if (puts.length > 0) await tx.write([{ ...bare(work.view), ...nothing, puts }])
        })
      } catch (error) {
        if (isConnectionLoss(error)) throw error
        work.rejections.push(rejection(projection, one, codeOf(error)))
      }
    }
  }
  return []
}

/**
 * What was rejected in earlier commits, for those who may not have heard of it: whoever sends again
 * lost a receipt, and whoever is born may have forgotten one.
 */
async function rejectedBefore(
  tx: CloudTx,
  works: readonly HallWork[],
): Promise<Map<string, RejectedRecord[]>> {
  const asking = works.filter(({ answers }) => answers.some(mayHaveMissed))
  if (asking.length === 0) return new Map()
  return tx.newestRejections(asking.map(({ view }) => view.hall))
}

/** Answers that name a place which the sender holds as well. */
const KNOWN: ReadonlySet<BatchVerdict['type']> = new Set(['held', 'diverged'])

function mayHaveMissed({ verdict }: { verdict: BatchVerdict }): boolean {
  return verdict.type === 'append' ? verdict.skip > 0 : KNOWN.has(verdict.type)
}

async function answer(
  work: HallWork,
  item: Item,
  more: { verdict: BatchVerdict; ledger: string; before: readonly RejectedRecord[] },
): Promise<Answer> {
  const { verdict, ledger } = more
  const before = mayHaveMissed(more) ? more.before : []
  const { cursor } = work.view
  const numbers = lacksSomething(cursor.head, item, verdict)
    ? await work.view.printedNumbers()
    : null
  const sender = item.type === 'batch' ? item.batch.header : item.birth
  const own = work.rejections.filter(
    (r) => item.type === 'batch' && r.epoch === item.batch.header.epoch,
  )
  // Several projections may reject one record, and what is fresh may be read back as well.
  const once = new Map([...before, ...own].map((r) => [`${r.epoch} ${r.seq}`, r]))
  const rejected = [...once.values()]
    .slice(-RECEIPT_REJECTED_MAX)
    .map(({ epoch, seq, code }) => ({ epoch, seq, code }))
  return {
    hall: item.hall,
    booked:
      verdict.type === 'append' && item.type === 'batch'
        ? item.batch.records.length - verdict.skip
        : 0,
    receipt: {
      v: 1,
      gateway: sender.gateway,
      fence: cursor.fence,
      ledger,
      status: statusOf(verdict),
      ...(await positionFor(work.view, item, verdict)),
      diverged_at: verdict.type === 'diverged' ? verdict.at : null,
      rejected,
      ...(numbers !== null && { numbers }),
      echo: sender.sent satisfies SendStamp,
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

function statusOf(verdict: BatchVerdict): Receipt['status'] {
  return verdict.type === 'append' ? 'held' : verdict.type
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

function nameOf(error: unknown): string {
  return error instanceof Error
    ? `${error.name} ${(error as { code?: unknown }).code ?? ''}`.trim()
    : 'unknown'
}

function codeOf(error: unknown): string {
  // A value that the database cannot keep is told by the database's own code, not as a wrong form.
  if (isFault(error, 'invalid')) return error.detail.slice(0, 5)
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? code.slice(0, 32) : 'internal'
}
