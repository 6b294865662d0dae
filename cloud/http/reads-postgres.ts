/**
 * The read port on PostgreSQL. Reads go to the views of the active build; a re-projection in
 * progress is never seen. Raises `unavailable` when the database is away.
 */
import { sql } from 'kysely'
import { type FaultCode, faults } from '#devices/std/fault.ts'
import { faultsZh } from '#devices/std/fault-zh.ts'
import { asking, type Queries } from '../store/queries.ts'
import { cutLines } from './lines.ts'
import type { LogRange, LogSlice, Page, Paging, Reads, VisitFilter } from './reads.ts'
import { readBindings, readRatings } from './reads-floor.ts'
import {
  hallExists,
  readBalances,
  readCompleteness,
  readEntries,
  readHalls,
  readLive,
} from './reads-halls.ts'
import type { DayView, EntryView, RejectedView, VisitView } from './views.ts'

/** Accounts of a hall are few by nature: counters, tenders, services. */
const ACCOUNTS_MOST = 10_000
const LOG_BYTES_MOST = 4 * 1024 * 1024
const SEGMENTS_AT_ONCE = 128

export function createReads(db: Queries): Reads {
  const ofHall = <T>(hall: string, read: () => Promise<T>): Promise<T | null> =>
    asking(async () => ((await hallExists(db, hall)) ? read() : null))
  return {
    halls: (only) => asking(() => readHalls(db, only)),
    live: (hall) => ofHall(hall, () => readLive(db, hall)),
    completeness: (hall) => ofHall(hall, () => readCompleteness(db, hall)),
    visits: (hall, filter) => ofHall(hall, () => readVisits(db, hall, filter)),
    day: (hall, day) => asking(() => readDay(db, hall, day)),
    balances: (hall) => ofHall(hall, () => readBalances(db, hall, ACCOUNTS_MOST)),
    entries: (hall, paging) => ofHall(hall, () => readEntryPage(db, hall, paging)),
    rejected: (hall, paging) => ofHall(hall, () => readRejected(db, hall, paging)),
    ratings: (hall, day) => ofHall(hall, () => readRatings(db, hall, day)),
    bindings: (hall) => ofHall(hall, () => readBindings(db, hall)),
    log: (hall, range) => asking(() => readLog(db, hall, range)),
  }
}

function pageOf<T extends { place: number }>(items: T[], limit: number): Page<T> {
  return { items, next: items.length < limit ? null : (items.at(-1)?.place ?? null) }
}

async function readEntryPage(db: Queries, hall: string, paging: Paging): Promise<Page<EntryView>> {
  return pageOf(await readEntries(db, hall, paging), paging.limit)
}

async function readVisits(
  db: Queries,
  hall: string,
  { after, limit, day, outcome }: VisitFilter,
): Promise<Page<VisitView>> {
  let query = db
    .selectFrom('live_visit')
    .select(['issued_place as place', 'ticket', 'day', 'number', 'service', 'class', 'outcome'])
    .select(['counter', 'delivery', 'undelivered', 'issued_ms', 'called_ms', 'serving_ms'])
    .select(['ended_ms', 'wait_ms', 'serve_ms'])
    .select(sql<boolean>`subject is not null`.as('card_checked'))
    .where('hall', '=', hall)
    .where('issued_place', '>', after)
  if (day !== undefined) query = query.where('day', '=', day)
  if (outcome !== undefined) query = query.where('outcome', '=', outcome)
  return pageOf(await query.orderBy('issued_place').limit(limit).execute(), limit)
}

/** Figures straight from the visits: `percentile_disc` is the nearest rank. */
async function readDay(db: Queries, hall: string, day: string): Promise<DayView | null> {
  const { rows } = await sql<DayRow>`
    with held as (
      select outcome, calls, undelivered,
        case when outcome in ('serving', 'done', 'no_show') and not undelivered
          then wait_ms end as wait
      from live_visit where hall = ${hall} and day = ${day}
    ), good as (select * from held where outcome <> 'voided' and not undelivered)
    select (select count(*) from held) as issued,
      (select count(*) from held where outcome = 'voided') as voided,
      (select count(*) from held where outcome <> 'voided' and undelivered) as undelivered,
      count(*) as tickets, count(*) filter (where calls > 0) as called,
      count(*) filter (where outcome = 'done') as served,
      count(*) filter (where outcome = 'no_show') as no_show,
      count(*) filter (where outcome = 'left') as left_count,
      count(wait) as n, avg(wait)::float8 as mean, max(wait) as max,
      percentile_disc(0.5) within group (order by wait) as median,
      percentile_disc(0.9) within group (order by wait) as p90,
      count(*) filter (where wait > 1800000) as over
    from good`.execute(db)
  const row = rows[0]
  const opened = await db
    .selectFrom('live_hall_day')
    .select('day')
    .where('hall', '=', hall)
    .where('day', '=', day)
    .executeTakeFirst()
  return row === undefined || opened === undefined ? null : dayView(hall, day, row)
}

type DayRow = Record<
  'issued' | 'voided' | 'tickets' | 'called' | 'served' | 'no_show' | 'undelivered' | 'n' | 'over',
  number
> & { left_count: number } & Record<'mean' | 'max' | 'median' | 'p90', number | null>

function dayView(hall: string, day: string, row: DayRow): DayView {
  const seconds = (ms: number | null) => (ms === null ? null : ms / 1_000)
  const { issued, tickets, called, served, no_show, undelivered, voided, n } = row
  return {
    ...{ hall, day, issued, tickets, called, served, no_show, left: row.left_count },
    ...{ undelivered, voided },
    waits: {
      n,
      mean_s: seconds(row.mean),
      median_s: seconds(row.median),
      p90_s: seconds(row.p90),
      max_s: seconds(row.max),
      over_30_min_share: n === 0 ? null : row.over / n,
    },
  }
}

async function readRejected(db: Queries, hall: string, { after, limit }: Paging) {
  const rows = await db
    .selectFrom('live_rejection')
    .select(['place', 'epoch', 'seq', 'projection', 'version', 'code'])
    .where('hall', '=', hall)
    .where('place', '>', after)
    .orderBy('place')
    .orderBy('projection')
    .limit(limit)
    .execute()
  const items: RejectedView[] = rows.map((row) => ({ ...row, text: faultText(row.code) }))
  return pageOf(items, limit)
}

function faultText(code: string): RejectedView['text'] {
  if (!Object.hasOwn(faults, code)) return null
  return { zh: faultsZh[code as FaultCode], en: faults[code as FaultCode].text }
}

async function readLog(db: Queries, hall: string, range: LogRange): Promise<LogSlice | null> {
  const end = await db
    .selectFrom('epoch')
    .select('seq')
    .where('hall', '=', hall)
    .where('epoch', '=', range.epoch)
    .executeTakeFirst()
  if (end === undefined) return null
  const parts: Uint8Array[] = []
  const stop = Math.min(end.seq, range.from + range.limit - 1)
  let next = range.from
  let size = 0
  while (next <= stop && size < LOG_BYTES_MOST) {
    const segments = await segmentsFrom(db, hall, range.epoch, next)
    if (segments.length === 0) break
    for (const { first, last, bytes } of segments) {
      if (next > stop || size >= LOG_BYTES_MOST) break
      const until = Math.min(last, stop)
      const part = cutLines(bytes, next - first, until - first + 1)
      parts.push(part)
      size += part.length
      next = until + 1
    }
  }
  return { bytes: Buffer.concat(parts), next: next <= end.seq ? next : null }
}

/** From the one that holds `seq` on, found by where segments begin, as their index has it. */
function segmentsFrom(db: Queries, hall: string, epoch: string, seq: number) {
  const own = db.selectFrom('segment').where('hall', '=', hall).where('epoch', '=', epoch)
  const holding = own.select(({ fn }) => fn.max('first').as('first')).where('first', '<=', seq)
  return own
    .select(['first', 'last', 'bytes'])
    .where('first', '>=', holding)
    .where('last', '>=', seq)
    .orderBy('first')
    .limit(SEGMENTS_AT_ONCE)
    .execute()
}
