/**
 * Recomputes everything the controller holds of its halls from the stored bytes, sharing no code
 * with what made it: chains, epochs and cursors, then every row of every projection. Changes
 * nothing. Raises no faults; errors of the database are thrown as they are.
 */
import { ChainWalk, type Line } from './chain.ts'
import { compareOrigins, compareProjections, compareSums, type Sums } from './compare.ts'
import { type Fact, FirstPlaces, formOf, keyOf, namedBy } from './facts.ts'
import { type Finding, Findings } from './findings.ts'
import type { GatewayLog } from './gateway-log.ts'
import { OwnBooks } from './own-books.ts'
import { OwnBindings, OwnRatings } from './own-floor.ts'
import { OwnCounters, OwnHall } from './own-hall.ts'
import { OwnVisits } from './own-visits.ts'
import { known, Refusals } from './refusals.ts'
import type { Cells, Reader } from './rows.ts'
import { linesInOrder } from './walk.ts'

export type HallVerdict = { hall: string; records: number; refused: number; findings: number }
export type Verdict = { halls: HallVerdict[]; findings: Finding[]; count: number; ok: boolean }

export type VerifyOptions = {
  /** Only these halls; absent means all. */
  halls?: readonly string[]
  onProgress?: (hall: string, records: number, of: number) => void
  /** A hall's own log, compared wherever it has a record that is held here. */
  gatewayLog?: GatewayLog
}

type Of = { epochs: readonly Cells[]; findings: Findings; options: VerifyOptions }

export async function verify(reader: Reader, options: VerifyOptions = {}): Promise<Verdict> {
  const findings = new Findings()
  const cursors = await reader.rows('select * from hall_cursor order by hall')
  const halls: HallVerdict[] = []
  for (const cursor of cursors) {
    const hall = String(cursor.hall)
    if (options.halls !== undefined && !options.halls.includes(hall)) continue
    const before = findings.count
    const epochs = await reader.rows('select * from epoch where hall = $1', [hall])
    const { records, refused } = await verifyHall(reader, cursor, { epochs, findings, options })
    halls.push({ hall, records, refused, findings: findings.count - before })
  }
  notHeld(options, cursors, findings)
  await strays(reader, findings)
  options.gatewayLog?.end(findings)
  return { halls, findings: findings.list, count: findings.count, ok: findings.count === 0 }
}

/** A hall that was asked for and is not here: nothing was looked at, so nothing agrees. */
function notHeld({ halls = [] }: VerifyOptions, cursors: Cells[], findings: Findings): void {
  const held = new Set(cursors.map((cursor) => String(cursor.hall)))
  for (const hall of halls) {
    if (held.has(hall)) continue
    findings.add({
      hall,
      what: 'hall',
      which: hall,
      text: 'is not held here; nothing was looked at',
    })
  }
}

/** Records of a hall that has no cursor were written by nobody we know. */
async function strays(reader: Reader, findings: Findings): Promise<void> {
  const tables = await reader.rows(
    `select table_name from information_schema.columns where table_schema = current_schema()
     and column_name = 'hall' and table_name <> 'hall_cursor' and table_name not like 'live_%'`,
  )
  const every = tables.map(({ table_name }) => `select hall from "${table_name}"`).join(' union ')
  const rows = await reader.rows(
    `select hall from (${every}) h where hall not in (select hall from hall_cursor) order by hall`,
  )
  for (const { hall } of rows) {
    const which = String(hall)
    const text = 'is missing, though rows of the hall are held'
    findings.add({ hall: which, what: 'cursor', which, text })
  }
}

async function verifyHall(
  reader: Reader,
  cursor: Cells,
  of: Of,
): Promise<{ records: number; refused: number }> {
  const hall = String(cursor.hall)
  const { findings } = of
  const places = new FirstPlaces(await walkChains(reader, cursor, of))
  const refusals = await Refusals.read(reader, hall)
  const sums: Sums = {
    ...{ visits: new OwnVisits(), counters: new OwnCounters() },
    ...{ books: new OwnBooks(), hall: new OwnHall() },
    ...{ ratings: new OwnRatings(), bindings: new OwnBindings() },
  }
  const origins = new Map<string, number>()
  let records = 0
  // Faults of the chain were found above; this walk only gives records their hashes.
  const chain = new ChainWalk(hall, of.epochs, new Findings())
  for await (const lines of linesInOrder(reader, hall, chain)) {
    for (const line of lines) {
      const form = formOf(line)
      const read = places.read(line, form !== null)
      if (form !== null)
        for (const projection of Object.keys(known)) refusals.add(projection, line, form)
      if (read.type !== 'fact') continue
      if (read.was !== null) origins.set(keyOf(read.was), line.place)
      fold(read.fact, sums, { line, refusals })
    }
    records += lines.length
    of.options.onProgress?.(hall, records, Number(cursor.records))
  }
  refusals.compare(hall, findings)
  await compareOrigins(reader, hall, { origins, findings })
  await compareProjections(reader, cursor, findings)
  await compareSums(reader, hall, { sums, findings })
  return { records, refused: refusals.records }
}

/** First walk: chains, and which positions later records name as their first place. */
async function walkChains(
  reader: Reader,
  cursor: Cells,
  { epochs, findings, options }: Of,
): Promise<Set<string>> {
  const hall = String(cursor.hall)
  const chain = new ChainWalk(hall, epochs, findings)
  const named = new Set<string>()
  let walked = 0
  options.gatewayLog?.compareEpochs(hall, epochs, findings)
  for await (const lines of linesInOrder(reader, hall, chain)) {
    for (const line of lines) {
      options.gatewayLog?.compare(hall, line, findings)
      const first = namedBy(line)
      if (first !== null) named.add(first)
    }
    walked += lines.length
    options.onProgress?.(hall, walked, Number(cursor.records))
  }
  chain.end(cursor)
  return named
}

function fold(
  fact: Fact,
  sums: Sums,
  { line, refusals }: { line: Line; refusals: Refusals },
): void {
  const takes = (projection: string, take: (fact: Fact) => string | null): boolean => {
    if (refusals.ofDatabase(projection, line)) return false
    const code = take(fact)
    if (code !== null) refusals.add(projection, line, code)
    return code === null
  }
  if (takes('visits', (f) => sums.visits.take(f))) {
    sums.counters.take(fact)
    sums.hall.take(fact)
  }
  if (takes('ledger', (f) => sums.books.take(f))) sums.hall.takeLedger(fact)
  if (takes('gaps', () => null)) sums.hall.takeGap(fact)
  takes('ratings', (f) => sums.ratings.take(f))
  takes('bindings', (f) => sums.bindings.take(f))
}
