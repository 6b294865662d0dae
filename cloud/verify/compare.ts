/** The controller's rows of a hall against those told again from its log: all of them, and no more. */
import type { Finding, Findings } from './findings.ts'
import type { OwnBooks } from './own-books.ts'
import type { OwnBindings, OwnRatings } from './own-floor.ts'
import type { OwnCounters, OwnHall } from './own-hall.ts'
import type { OwnVisits } from './own-visits.ts'
import { known } from './refusals.ts'
import type { Cells, Reader } from './rows.ts'

export type Sums = {
  visits: OwnVisits
  counters: OwnCounters
  books: OwnBooks
  hall: OwnHall
  ratings: OwnRatings
  bindings: OwnBindings
}
type Own = ReadonlyMap<string, Cells>

export async function compareSums(
  reader: Reader,
  hall: string,
  { sums, findings }: { sums: Sums; findings: Findings },
): Promise<void> {
  const { visits, counters, books } = sums
  const entries = keyed(books.entries, ({ place }) => `${place}`)
  const postings = keyed(books.postings, ({ place, line }) => `${place}/${line}`)
  const tables: [Finding['what'], string, string, readonly string[], Own][] = [
    ['visit', 'visits', 'visit', ['ticket'], visits.visits()],
    ['day', 'visits', 'hall_day', ['day'], visits.days()],
    ['counter', 'visits', 'counter', ['counter'], counters.counters()],
    ['hall_state', 'visits', 'hall_state', ['part'], sums.hall.state()],
    ['order', 'ledger', 'orders', ['order_id'], books.orders()],
    ['entry', 'ledger', 'entry', ['place'], entries],
    ['posting', 'ledger', 'entry', ['place', 'line'], postings],
    ['account', 'ledger', 'account', ['account'], books.accounts],
    ['ledger_state', 'ledger', 'ledger_state', ['part'], sums.hall.ledgerState()],
    ['gap', 'gaps', 'gap', ['place'], sums.hall.gaps],
    ['rating_ask', 'ratings', 'rating_ask', ['request'], sums.ratings.questions()],
    ['rating', 'ratings', 'rating', ['place'], sums.ratings.ratings()],
    ['bound_device', 'bindings', 'bound_device', ['device'], sums.bindings.devices()],
    ['device_home', 'bindings', 'device_home', ['identity'], sums.bindings.homes()],
  ]
  for (const [what, projection, table, key, expected] of tables) {
    const found = await reader.rows(live(projection, table), [hall])
    const rows = what === 'posting' ? found.flatMap(postingsOf) : found
    const held = keyed(rows, (row) => key.map((column) => row[column]).join('/'))
    compareMaps({ hall, what }, expected, { held, findings })
  }
}

const keyed = <T>(rows: readonly T[], keyOf: (row: T) => string) =>
  new Map(rows.map((row) => [keyOf(row), row]))

/** An entry keeps its postings as arrays; where one is longer, the others lack something. */
function postingsOf({ place, accounts, amounts_fen, balances_after }: Cells): Cells[] {
  const columns = [accounts, amounts_fen, balances_after].map((of) => (Array.isArray(of) ? of : []))
  const [account, amount_fen, balance_after] = columns
  return Array.from({ length: Math.max(...columns.map((of) => of.length)) }, (_, i) => ({
    ...{ place, line: i + 1, account: account?.[i] },
    ...{ amount_fen: amount_fen?.[i], balance_after: balance_after?.[i] },
  }))
}

function live(projection: string, table: string): string {
  return `select t.* from ${table} t join projection p on p.hall = t.hall and p.build = t.build
    and p.projection = '${projection}' where t.hall = $1`
}

/** `origins`: first places of facts that were appended again, to the place where they count. */
export async function compareOrigins(
  reader: Reader,
  hall: string,
  { origins, findings }: { origins: ReadonlyMap<string, number>; findings: Findings },
): Promise<void> {
  const rows = await reader.rows('select * from origin where hall = $1', [hall])
  const held = keyed(rows, (row) => `${row.epoch} ${row.seq} ${row.hash}`)
  const own = new Map([...origins].map(([key, place]) => [key, { place }]))
  compareMaps({ hall, what: 'origin' }, own, { held, findings })
}

export async function compareProjections(reader: Reader, cursor: Cells, findings: Findings) {
  const hall = String(cursor.hall)
  const rows = await reader.rows('select * from projection where hall = $1', [hall])
  for (const [projection, version] of Object.entries(known)) {
    const row = rows.find((r) => r.projection === projection)
    if (row === undefined && Number(cursor.records) === 0) continue
    const at = { hall, what: 'projection' as const, which: projection }
    findings.compare(at, { version, upto: cursor.records }, row)
  }
}

/** Rows by key: all that should be there, none that should not. */
function compareMaps(
  at: Pick<Finding, 'hall' | 'what'>,
  expected: Own,
  { held, findings }: { held: Own; findings: Findings },
): void {
  for (const [which, row] of expected) findings.compare({ ...at, which }, row, held.get(which))
  for (const which of held.keys())
    if (!expected.has(which)) findings.add({ ...at, which, text: 'is in no record of the log' })
}
