/** Reads of halls as they stand: the list, the live page's rows, completeness. */
import { sql } from 'kysely'
import type { Queries } from '../store/queries.ts'
import type {
  CompletenessRows,
  EntryView,
  EpochView,
  HallLiveRows,
  HallRowView,
  LedgerTotals,
} from './views.ts'

const WAITING_MOST = 60
const CALLS_MOST = 9
const ENTRIES_MOST = 9
const BALANCES_MOST = 200

export async function readHalls(db: Queries, only?: readonly string[]): Promise<HallRowView[]> {
  const wanted = only === undefined ? sql`true` : sql`h.hall = any(${only})`
  const { rows } = await sql<HallListRow>`
    select h.hall, coalesce(s.name_zh, r.rules->'hall_name'->>'zh', h.hall) as name_zh,
      coalesce(s.name_en, r.rules->'hall_name'->>'en', h.hall) as name_en,
      c.owner, coalesce(c.fence, 0) as fence, coalesce(r.config_version, 0) as config_version,
      coalesce(c.records, 0) as records, c.epoch, e.number as epoch_number, c.seq, c.hash,
      s.day, coalesce(s.day_open, false) as day_open,
      coalesce(s.zone, r.rules->>'zone') as zone, q.waiting, q.called, m.money_today,
      (select count(*) from epoch b where b.hall = h.hall and b.branch) as branches,
      (select count(*) from live_gap g where g.hall = h.hall) as gaps,
      (select count(distinct x.place) from live_rejection x where x.hall = h.hall) as rejected
    from (select hall from hall union select hall from hall_cursor) h
    left join hall r on r.hall = h.hall
    left join hall_cursor c on c.hall = h.hall
    left join epoch e on e.hall = h.hall and e.epoch = c.epoch
    left join live_hall_state s on s.hall = h.hall
    left join lateral (
      select count(*) filter (where v.outcome = 'waiting') as waiting,
        count(*) filter (where v.outcome in ('called', 'serving')) as called
      from live_visit v where v.hall = h.hall and v.day = s.day
    ) q on true
    left join lateral (
      select coalesce(sum(case t.kind when 'sale' then t.total_fen else -t.total_fen end), 0)
        as money_today
      from live_entry t where t.hall = h.hall and t.day = s.day
    ) m on true
    where ${wanted} order by h.hall collate "C"`.execute(db)
  return rows.map(hallRow)
}

type HallListRow = Omit<HallRowView, 'name' | 'head' | 'money_today_fen'> & {
  name_zh: string
  name_en: string
  epoch: string | null
  epoch_number: number | null
  seq: number | null
  hash: string | null
  money_today: bigint
}

function hallRow(row: HallListRow): HallRowView {
  const { name_zh, name_en, epoch, epoch_number, seq, hash, money_today, ...rest } = row
  const head = epoch === null ? null : headOf(epoch, epoch_number, seq, hash)
  return { ...rest, name: { zh: name_zh, en: name_en }, head, money_today_fen: String(money_today) }
}

const headOf = (epoch: string, number: number | null, seq: number | null, hash: string | null) => ({
  epoch,
  epoch_number: number ?? 0,
  seq: seq ?? 0,
  hash: hash ?? '',
})

export async function hallExists(db: Queries, hall: string): Promise<boolean> {
  const { rows } = await sql`select 1 from (select hall from hall union all
    select hall from hall_cursor) h where h.hall = ${hall} limit 1`.execute(db)
  return rows.length > 0
}

export async function readLive(db: Queries, hall: string): Promise<HallLiveRows> {
  const state = await db
    .selectFrom('live_hall_state')
    .select(['day', 'services'])
    .where('hall', '=', hall)
    .executeTakeFirst()
  const day = state?.day ?? ''
  const [queue, today, waiting, counters, calls, tenders] = await Promise.all([
    readQueue(db, hall, day),
    readToday(db, hall, day),
    readWaiting(db, hall, day),
    readCounters(db, hall),
    readCalls(db, hall, day),
    readTenders(db, hall, day),
  ])
  const [ledger, balances, entries] = await Promise.all([
    readTotals(db, hall),
    readBalances(db, hall, BALANCES_MOST),
    readEntries(db, hall, { last: ENTRIES_MOST }),
  ])
  const services = (state?.services ?? []).map(({ service, name }) => {
    const queued = queue.find((row) => row.service === service)
    return {
      ...{ service, name, waiting: queued?.waiting ?? 0 },
      oldest_issued_ms: queued?.oldest_issued_ms ?? null,
    }
  })
  return { services, today, waiting, counters, calls, tenders, balances, ledger, entries }
}

function readQueue(db: Queries, hall: string, day: string) {
  return db
    .selectFrom('live_visit')
    .select(({ fn }) => [
      'service',
      fn.countAll<number>().as('waiting'),
      fn.min('issued_ms').as('oldest_issued_ms'),
    ])
    .where('hall', '=', hall)
    .where('day', '=', day)
    .where('outcome', '=', 'waiting')
    .groupBy('service')
    .execute()
}

async function readToday(db: Queries, hall: string, day: string): Promise<HallLiveRows['today']> {
  const row = await db
    .selectFrom('live_hall_day')
    .selectAll()
    .where('hall', '=', hall)
    .where('day', '=', day)
    .executeTakeFirst()
  if (row === undefined) return null
  const { tickets, served, left, no_show, undelivered, waits_n } = row
  const mean = waits_n === 0 ? null : Math.round(row.waits_sum_ms / waits_n)
  const max = waits_n === 0 ? null : row.waits_max_ms
  return {
    ...{ tickets, served, left, no_show, undelivered, waits_n },
    ...{ wait_mean_ms: mean, wait_max_ms: max },
  }
}

function readWaiting(db: Queries, hall: string, day: string) {
  return db
    .selectFrom('live_visit')
    .select(['ticket', 'number', 'service', 'class', 'issued_ms'])
    .where('hall', '=', hall)
    .where('day', '=', day)
    .where('outcome', '=', 'waiting')
    .orderBy('issued_place')
    .limit(WAITING_MOST)
    .execute()
}

function readCounters(db: Queries, hall: string) {
  return db
    .selectFrom('live_counter')
    .select(['counter', 'clerk', 'number', 'state', 'since_ms'])
    .where('hall', '=', hall)
    .orderBy(sql`length(counter), counter collate "C"`)
    .limit(256)
    .execute()
}

async function readCalls(db: Queries, hall: string, day: string): Promise<HallLiveRows['calls']> {
  const rows = await db
    .selectFrom('live_visit')
    .select(['number', 'service', 'counter', 'called_ms', 'wait_ms', 'outcome'])
    .where('hall', '=', hall)
    .where('day', '=', day)
    .where('called_ms', 'is not', null)
    .where('counter', 'is not', null)
    .orderBy('called_ms', 'desc')
    .orderBy('updated_place', 'desc')
    .limit(CALLS_MOST)
    .execute()
  return rows.map((row) => ({ ...row, counter: row.counter ?? '', called_ms: row.called_ms ?? 0 }))
}

/** Tills hold cash, every other tender has an account of its own. */
async function readTenders(db: Queries, hall: string, day: string) {
  const { rows } = await sql<{ tender: string; amount: bigint }>`
    select case when p.account like 'till/%' then 'cash' else substr(p.account, 8) end as tender,
      sum(p.amount_fen) as amount
    from live_entry e, unnest(e.accounts, e.amounts_fen) as p(account, amount_fen)
    where e.hall = ${hall} and e.day = ${day}
      and (p.account like 'till/%' or p.account like 'tender/%')
    group by 1 order by 2 desc, 1`.execute(db)
  return rows.map(({ tender, amount }) => ({ tender, amount_fen: String(amount) }))
}

async function readTotals(db: Queries, hall: string): Promise<LedgerTotals> {
  const { rows } = await sql<{ debit: bigint; credit: bigint; entries: number }>`
    select coalesce(sum(debit_fen), 0) as debit, coalesce(sum(credit_fen), 0) as credit,
      (select count(*) from live_entry where hall = ${hall}) as entries
    from live_account where hall = ${hall}`.execute(db)
  const { debit, credit, entries } = rows[0] ?? { debit: 0n, credit: 0n, entries: 0 }
  const balanced = debit === credit
  return { debit_fen: String(debit), credit_fen: String(credit), entries, balanced }
}

export async function readBalances(db: Queries, hall: string, most: number) {
  const rows = await db
    .selectFrom('live_account')
    .selectAll()
    .where('hall', '=', hall)
    .orderBy(sql`account collate "C"`)
    .limit(most)
    .execute()
  return rows.map(({ account, debit_fen, credit_fen, balance }) => ({
    account,
    debit_fen: String(debit_fen),
    credit_fen: String(credit_fen),
    balance_fen: String(balance),
  }))
}

type EntryRange = { last: number } | { after: number; limit: number }

/** The newest first with `last`, otherwise in the order of the log. */
export async function readEntries(
  db: Queries,
  hall: string,
  range: EntryRange,
): Promise<EntryView[]> {
  const base = db.selectFrom('live_entry').selectAll().where('hall', '=', hall)
  const entries = await ('last' in range
    ? base.orderBy('place', 'desc').limit(range.last)
    : base.where('place', '>', range.after).orderBy('place').limit(range.limit)
  ).execute()
  return entries.map((entry) => ({
    ...{ place: entry.place, kind: entry.kind, order: entry.order_id, day: entry.day },
    ...{ at_ms: entry.at_ms, amount_fen: String(entry.total_fen) },
    postings: entry.accounts.map((account, i) => {
      const fen = entry.amounts_fen[i] ?? 0
      return { account, debit_fen: String(Math.max(fen, 0)), credit_fen: String(Math.max(-fen, 0)) }
    }),
  }))
}

export async function readCompleteness(db: Queries, hall: string): Promise<CompletenessRows> {
  const [cursor, epochRows, gapRows, rejected] = await Promise.all([
    db.selectFrom('hall_cursor').selectAll().where('hall', '=', hall).executeTakeFirst(),
    db
      .selectFrom('epoch')
      .selectAll()
      .where('hall', '=', hall)
      .orderBy('number')
      .limit(1_000)
      .execute(),
    db
      .selectFrom('live_gap')
      .selectAll()
      .where('hall', '=', hall)
      .orderBy('place')
      .limit(1_000)
      .execute(),
    db
      .selectFrom('live_rejection')
      .select(({ fn }) => fn.count<number>('place').distinct().as('n'))
      .where('hall', '=', hall)
      .executeTakeFirstOrThrow(),
  ])
  const epochs = epochRows.map(epochView)
  const number = epochs.find(({ epoch }) => epoch === cursor?.epoch)?.number ?? null
  return {
    hall,
    records: cursor?.records ?? 0,
    head: cursor?.epoch == null ? null : headOf(cursor.epoch, number, cursor.seq, cursor.hash),
    epochs,
    branches: epochs.filter(({ branch }) => branch),
    gaps: gapRows.map(({ place, epoch, from_seq, to_seq, reason }) => {
      return { place, epoch, from: from_seq, to: to_seq, reason }
    }),
    rejected: rejected.n,
  }
}

type EpochRow = Omit<EpochView, 'parent'> & {
  hall: string
  parent_epoch: string | null
  parent_seq: number | null
  parent_hash: string | null
}

function epochView({
  hall: _,
  parent_epoch,
  parent_seq,
  parent_hash,
  ...row
}: EpochRow): EpochView {
  if (parent_epoch === null) return { ...row, parent: null }
  return { ...row, parent: { epoch: parent_epoch, seq: parent_seq ?? 0, hash: parent_hash ?? '' } }
}
