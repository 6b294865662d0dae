/** Reads of ratings and of bound devices. Figures are summed here, from the rows of every press. */
import { type RawBuilder, sql } from 'kysely'
import type { Queries } from '../store/queries.ts'
import type { BindingView, RatingFigures, RatingsView } from './views-floor.ts'

const BINDINGS_MOST = 2_000

type By = 'counter' | 'clerk' | 'service'
/** `level` tells which of the three a row is grouped by, in bits; 7 for none of them. */
type Grouped = { level: number } & Record<By, string | null>
type Pressed = Grouped & { n: number; total: number; scores: number[]; unattributed: number }
type Asked = Grouped & { asked: number }

const LEVELS: Readonly<Record<By, number>> = { counter: 3, clerk: 5, service: 6 }
const TOTAL = 7

const grouped = sql`counter, clerk, service, grouping(counter, clerk, service) as level`
const groups = sql`group by grouping sets ((), (counter), (clerk), (service))`
const scored = (score: number) =>
  sql`count(*) filter (where attributed and score = ${sql.lit(score)})`

export async function readRatings(
  db: Queries,
  hall: string,
  day: string | null,
): Promise<RatingsView> {
  const wanted: RawBuilder<unknown> = day === null ? sql`true` : sql`day = ${day}`
  const [pressed, asked] = await Promise.all([
    sql<Pressed>`select ${grouped}, count(*) filter (where attributed) as n,
        coalesce(sum(score) filter (where attributed), 0)::int8 as total,
        array[${sql.join([1, 2, 3, 4, 5].map(scored))}]::int4[] as scores,
        count(*) filter (where not attributed) as unattributed
      from live_rating where hall = ${hall} and ${wanted} ${groups}`.execute(db),
    sql<Asked>`select ${grouped}, count(*) as asked
      from live_rating_ask where hall = ${hall} and asked_ms is not null and ${wanted}
      ${groups}`.execute(db),
  ])
  const by = (name: By) => named(name, pressed.rows, asked.rows)
  const total = <T extends Grouped>(rows: T[]) => rows.find(({ level }) => level === TOTAL)
  return {
    ...{ hall, day, total: figures(total(pressed.rows), total(asked.rows)) },
    ...{ counters: by('counter'), clerks: by('clerk'), services: by('service') },
  }
}

/** Presses that are nobody's have no clerk and no service: they are in the total and the counters. */
function named(by: By, pressed: Pressed[], asked: Asked[]): RatingsView['counters'] {
  const of = <T extends Grouped>(rows: T[]) =>
    new Map(
      rows.flatMap((row) => {
        const name = row.level === LEVELS[by] ? row[by] : null
        return name === null ? [] : [[name, row] as const]
      }),
    )
  const [presses, questions] = [of(pressed), of(asked)]
  const names = [...new Set([...presses.keys(), ...questions.keys()])].sort()
  return names.map((name) => ({ name, ...figures(presses.get(name), questions.get(name)) }))
}

function figures(pressed: Pressed | undefined, asked: Asked | undefined): RatingFigures {
  const { n = 0, total = 0, scores = [0, 0, 0, 0, 0], unattributed = 0 } = pressed ?? {}
  const average = n === 0 ? null : total / n
  return { asked: asked?.asked ?? 0, answered: n, average, scores, unattributed }
}

export async function readBindings(db: Queries, hall: string): Promise<BindingView[]> {
  const { rows } = await sql<BindingView>`
    select device, type, identity, place, counter, bound_by as by, since_ms, replacements
    from live_bound_device where hall = ${hall} and left_for is null
    order by device collate "C" limit ${BINDINGS_MOST}`.execute(db)
  return rows
}
