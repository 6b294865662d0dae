/**
 * The result of a replay: what the file says, what the gateway has, what the controller booked, what
 * people hold, and whether they all say the same. Reads everything back over the HTTP APIs.
 */
import type { HttpClient } from '../people/http.ts'
import type { Book } from './book.ts'
import type { CrashCounts } from './crash.ts'
import { type Waits, waitsOf } from './figures.ts'
import {
  type BalanceRow,
  type EntryRow,
  type Held,
  readHeld,
  rowsOf,
  type VisitRow,
} from './held.ts'
import { type Plan, stretchedMs } from './plan.ts'
import type { TraceCounts } from './trace.ts'
import { HALL, type World } from './world.ts'

export type HallCounts = {
  tickets: number
  called: number
  served: number
  left: number
  undelivered: number
}

/** Fen as text, as sums may pass 2^53. */
export type Fen = Record<string, string>

export type Report = {
  trace: TraceCounts
  hall: HallCounts
  log: { records: number; head: string }
  booked: { records: number; head: string; duplicates: number; missing: number }
  people: {
    papers: number
    recorded: number
    orders: number
    fen_by_tender: Fen
    lost: number
    doubled: number
  }
  ledger: {
    orders: number
    debit_fen: string
    credit_fen: string
    fen_by_tender: Fen
    unbalanced: number
  }
  waits: Waits
  crashes: CrashCounts
  wall_s: number
  ok: boolean
}

export type ReportNeeds = {
  world: World
  plan: Plan
  book: Book
  trace: TraceCounts
  /** The gateway's own word of where its log ends. */
  log: { epoch: string; epoch_number: number; head: { seq: number; hash: string } }
  crashes: CrashCounts
  stretch: number
}

/** The report and why it is not `ok`; an empty list where it is. */
export async function reportOf(needs: ReportNeeds): Promise<{ report: Report; reasons: string[] }> {
  const { world, plan, book, trace, log } = needs
  const held = await readHeld(world.cloud, HALL, log.epoch)
  const visits = await visitsOf(world.cloud, book)
  const ledger = await ledgerOf(world.cloud)
  const { lost, doubled, found } = compare(book, held)
  const records = log.head.seq + before(held, log.epoch)
  const body = {
    trace,
    hall: visits.hall,
    log: { records, head: log.head.hash },
    booked: bookedOf(held, records, log.head.hash),
    people: {
      papers: book.papers.size,
      recorded: book.recorded.size,
      orders: book.orders.size,
      fen_by_tender: asText(book.fenByTender()),
      lost,
      doubled,
    },
    ledger,
    waits: waitsOf(visits.waits_s),
    crashes: needs.crashes,
    // Whoever began knows how long it took.
    wall_s: 0,
  }
  const reasons = [
    ...found,
    ...visits.wrong,
    ...whyNot(body, expectationOf(plan, needs.stretch)),
    ...oddities(held, book),
  ]
  return { report: { ...body, ok: reasons.length === 0 }, reasons }
}

/** Records of the epochs before, as far as the gateway's path goes through them. */
function before({ completeness }: Held, epoch: string): number {
  const row = completeness.epochs.find((known) => known.epoch === epoch)
  if (row === undefined || row.parent === null) return 0
  return row.parent.seq + before({ completeness } as Held, row.parent.epoch)
}

function bookedOf(held: Held, records: number, head: string): Report['booked'] {
  const { completeness, verified, sources } = held
  const twice = [...sources.values()].reduce((sum, n) => sum + n - 1, 0)
  const missing = Math.max(0, records - verified, held.head === head ? 0 : 1)
  return {
    records: completeness.records,
    head: completeness.head?.hash ?? '',
    duplicates: twice + Math.max(0, completeness.records - records),
    missing,
  }
}

type Visits = { hall: HallCounts; waits_s: number[]; wrong: string[] }

const WRONG_MAX = 10

/** The controller's visits, told apart by what people hold: its word for "undelivered" is a guess. */
async function visitsOf(cloud: HttpClient, book: Book): Promise<Visits> {
  const hall: HallCounts = { tickets: 0, called: 0, served: 0, left: 0, undelivered: 0 }
  const waits_s: number[] = []
  const wrong: string[] = []
  for await (const row of rowsOf<VisitRow>(cloud, `/api/halls/${HALL}/visits`)) {
    const paper = book.papers.get(`${row.day} ${row.number}`)
    if (paper === undefined && row.delivery !== 'printed' && row.called_ms === null) {
      hall.undelivered++
      continue
    }
    hall.tickets++
    if (row.called_ms !== null) hall.called++
    if (row.outcome === 'done') hall.served++
    if (row.outcome === 'left') hall.left++
    const visit = paper?.person.visit
    const problem =
      paper === undefined
        ? 'in nobody’s hands'
        : paper.ticket === row.ticket
          ? null
          : 'other ticket'
    if (problem !== null && wrong.length < WRONG_MAX)
      wrong.push(`${row.day} ${row.number}: ${problem}`)
    if (visit?.outcome === 'served' && visit.queued && row.wait_ms !== null) {
      waits_s.push(row.wait_ms / 1_000)
    }
  }
  return { hall, waits_s, wrong }
}

async function ledgerOf(cloud: HttpClient): Promise<Report['ledger']> {
  let orders = 0
  let unbalanced = 0
  for await (const entry of rowsOf<EntryRow>(cloud, `/api/halls/${HALL}/entries`)) {
    if (entry.kind === 'sale') orders++
    if (sum(entry.postings, 'debit_fen') !== sum(entry.postings, 'credit_fen')) unbalanced++
  }
  const balances = await cloud.json<BalanceRow[]>({ path: `/api/halls/${HALL}/balances` })
  const byTender = new Map<string, bigint>()
  for (const { account, balance_fen } of balances) {
    const [kind, name = ''] = account.split('/')
    if (kind !== 'till' && kind !== 'tender') continue
    const tender = kind === 'till' ? 'cash' : name
    byTender.set(tender, (byTender.get(tender) ?? 0n) + BigInt(balance_fen))
  }
  return {
    orders,
    debit_fen: String(sum(balances, 'debit_fen')),
    credit_fen: String(sum(balances, 'credit_fen')),
    fen_by_tender: asText(byTender),
    unbalanced,
  }
}

function sum<K extends string>(rows: readonly Record<K, string>[], side: K): bigint {
  return rows.reduce((total, row) => total + BigInt(row[side]), 0n)
}

function asText(amounts: ReadonlyMap<string, bigint>): Fen {
  const sorted = [...amounts].sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(sorted.map(([tender, fen]) => [tender, String(fen)]))
}

/** What people were told and handed, against what is booked. */
function compare(book: Book, held: Held): { lost: number; doubled: number; found: string[] } {
  const lost: string[] = []
  for (const source of book.recorded) if (!held.sources.has(source)) lost.push(source)
  for (const paper of book.papers.keys()) if (!held.numbers.has(paper)) lost.push(`paper ${paper}`)
  for (const ticket of book.cards) if (!held.cards.has(ticket)) lost.push(`card at ${ticket}`)
  const doubled = [...held.sources, ...held.numbers].filter(([, n]) => n > 1).map(([name]) => name)
  const found = [
    ...lost.slice(0, WRONG_MAX).map((name) => `lost: ${name}`),
    ...doubled.slice(0, WRONG_MAX).map((name) => `doubled: ${name}`),
  ]
  return { lost: lost.length, doubled: doubled.length + book.doubled, found }
}

export type Expectation = { hall: Omit<HallCounts, 'undelivered'>; waits: Waits }

/** From the file alone. */
export function expectationOf({ people }: Pick<Plan, 'people'>, stretch: number): Expectation {
  const visits = people.map(({ visit }) => visit)
  const served = visits.filter((visit) => visit.outcome === 'served')
  const left = visits.filter((visit) => visit.outcome === 'left' && visit.ticket_s !== null)
  // Between two moments that both are whole ms, as people live them.
  const waits_s = served
    .filter(({ queued }) => queued)
    .map(({ ticket_s, called_s }) => {
      return (stretchedMs(called_s, stretch) - stretchedMs(ticket_s, stretch)) / 1_000
    })
  const n = served.length
  return {
    hall: { tickets: n + left.length, called: n, served: n, left: left.length },
    waits: waitsOf(waits_s),
  }
}

function whyNot(report: Omit<Report, 'ok'>, expected: Expectation): string[] {
  const { trace, hall, log, booked, people, ledger, waits } = report
  const same = (what: string, got: unknown, want: unknown) => {
    return JSON.stringify(got) === JSON.stringify(want)
      ? []
      : [`${what}: ${JSON.stringify(got)}, not ${JSON.stringify(want)}`]
  }
  const parts = trace.served + trace.left + trace.phantom + trace.rejected
  return [
    ...same('contacts', parts, trace.contacts),
    ...(['tickets', 'called', 'served', 'left'] as const).flatMap((key) =>
      same(`hall.${key}`, hall[key], expected.hall[key]),
    ),
    ...same('waits', waits, expected.waits),
    ...same('booked.missing', booked.missing, 0),
    ...same('booked.duplicates', booked.duplicates, 0),
    ...same('heads', booked.head, log.head),
    ...same('people.lost', people.lost, 0),
    ...same('people.doubled', people.doubled, 0),
    ...same('people.papers', people.papers, hall.tickets),
    ...same('ledger.orders', ledger.orders, people.orders),
    ...same('ledger.fen_by_tender', ledger.fen_by_tender, people.fen_by_tender),
    ...same('ledger.credit_fen', ledger.credit_fen, ledger.debit_fen),
    ...same('ledger.unbalanced', ledger.unbalanced, 0),
  ]
}

/** What should not be there at all, whatever the figures say. */
function oddities({ completeness }: Held, book: Book): string[] {
  const { rejected, gaps, branches } = completeness
  return [
    ...(rejected === 0 ? [] : [`${rejected} records rejected by a projection`]),
    ...(gaps.length === 0 ? [] : [`${gaps.length} gaps`]),
    ...(branches.length === 0 ? [] : [`${branches.length} branches`]),
    ...(book.stray === 0 ? [] : [`${book.stray} papers came out for nobody`]),
  ]
}
