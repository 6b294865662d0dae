/**
 * Books batches: judges each, appends, folds, and writes cursor, records and projections in one
 * transaction. Its answers are receipts in the making: only what is returned here was committed.
 *
 * Trouble that is nobody's fault (the database is away) is thrown as Fault `unavailable` and nothing
 * is answered. Any other trouble is narrowed down: hall by hall, then record by record under
 * savepoints; the record that fails is kept and marked rejected.
 */
import type { BatchHeader } from '#devices/contract/batch.ts'
import type { Position } from '#devices/contract/position.ts'
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
  Rejection,
} from '../ports.ts'
import { isConnectionLoss } from '../store/errors.ts'
import { type Answer, answersFor, type Item } from './answer.ts'
import { chainHashes, decodeLines } from './chain.ts'
import { askFor, foldOne, loadRows, readRows, rejection, WorkingRows } from './fold.ts'
import { HallView } from './held.ts'
import { type BatchVerdict, judgeBatch, judgeBirth } from './judge.ts'
import { crcsOf, segmentRuns, withLineFeeds } from './segment-bytes.ts'

export type { Answer, Item } from './answer.ts'

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
  judged: { item: Item; verdict: BatchVerdict }[]
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
        ...{ rejections: [], judged: [] },
      }))
      work.judged.push({ item, verdict: await takeItem(work, item, deps.projections) })
    }
    const changes = await foldAll(deps, tx, [...works.values()])
    if (changes.length > 0) await tx.write(changes)
    return answersFor(tx, [...works.values()], ledger)
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
