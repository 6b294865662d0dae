/**
 * From visits to what people do, second by second. Pure: the same trace, seed and stretch give the
 * same plan, so a run with crashes does exactly what a run without them does.
 *
 * Within one second people act side by side; what one counter or one person does stays in its order:
 * a counter ends one visit before it begins the next, in the order of the calls. Each business day
 * keeps its date; where the file's evening reaches past the first step of the next date, that next
 * day begins later as a whole (`shift_s`), because a hall's clock never goes back. So does a day that
 * a compressed time line would begin before its date: no hall opens a day that is still to come.
 */
import type { ResidentText } from '#devices/wire/id-card-text.ts'
import { cardOf } from '../people/cards.ts'
import { drawOrder, type Order } from '../people/orders.ts'
import { seeded } from '../people/seeded.ts'
import { asNames, buttonOf, serviceLabels, ZONE } from './hall-of.ts'
import type { Served, Visit } from './trace.ts'

export type PlanOptions = { seed: string; stretch: number }

export type Step =
  | 'press'
  | 'call'
  | 'serve'
  | 'card'
  | 'order'
  | 'confirm'
  | 'done'
  | 'leave'
  | 'kiosk'

/** One person of the plan. */
export type Person = {
  visit: Visit
  /** Panel button; 0 for those who take no ticket. */
  button: number
  /** Where they are served. */
  counter: string | null
  card: ResidentText | null
  order: (Order & { id: string }) | null
}

export type Act = { step: Step; person: Person }
export type Second = { wall_ms: number; acts: Act[] }

export type DayPlan = {
  date: string
  opens_ms: number
  closes_ms: number
  shift_s: number
  /** Counters used that day with who sits there. */
  counters: { counter: string; clerk: string }[]
  seconds: Second[]
}

export type Plan = { days: DayPlan[]; counters: string[]; people: Person[]; acts: number }

/** Shares of served people who lay a card, have an order; of those turned away, who ask a kiosk. */
const CARD_SHARE = 0.5
const ORDER_SHARE = 0.4
const KIOSK_SHARE = 0.25

export function planOf(visits: readonly Visit[], options: PlanOptions): Plan {
  const labels = serviceLabels(visits)
  const clerks = clerkNames(visits)
  const used = new Set<string>()
  const days: DayPlan[] = []
  const people: Person[] = []
  for (const [date, ofDay] of byDate(visits)) {
    const ranked = ofDay.toSorted((a, b) => rankOf(a) - rankOf(b) || a.line - b.line)
    const seats = seat(ranked, clerks)
    const persons = ranked.map((visit) => {
      return personOf(visit, { labels, counter: seats.get(visit) ?? null, seed: options.seed })
    })
    for (const counter of seats.values()) used.add(counter)
    people.push(...persons)
    days.push(dayOf(date, persons, { options, before: days.at(-1) ?? null, first: days[0]?.date }))
  }
  const acts = days.reduce(
    (n, { seconds }) => n + seconds.reduce((m, s) => m + s.acts.length, 0),
    0,
  )
  return { days, counters: [...used].sort(), people, acts }
}

function byDate(visits: readonly Visit[]): [string, Visit[]][] {
  const days = Map.groupBy(visits, ({ date }) => date)
  return [...days].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Order of the calls; those nobody calls stand where they leave. */
function rankOf(visit: Visit): number {
  return visit.outcome === 'served' ? visit.called_s : visit.left_s
}

/** The trace's clerks as names of counters. */
function clerkNames(visits: readonly Visit[]): Map<string, string> {
  const labels = new Set<string>()
  for (const visit of visits) {
    if (visit.outcome === 'served' && visit.clerk !== null) labels.add(visit.clerk)
  }
  const sorted = [...labels].sort()
  const names = asNames(sorted, 'C')
  return new Map(sorted.map((label, i) => [label, names[i] as string]))
}

/** A seat for everybody who is served: the clerk's own, or a spare one while that is taken. */
function seat(ranked: readonly Visit[], clerks: ReadonlyMap<string, string>): Map<Visit, string> {
  const seats = new Map<Visit, string>()
  const free_s = new Map<string, number>()
  const isFree = (counter: string, at_s: number) => (free_s.get(counter) ?? -Infinity) <= at_s
  const taken = new Set(clerks.values())
  for (const visit of ranked) {
    if (visit.outcome !== 'served') continue
    const own = visit.clerk === null ? undefined : clerks.get(visit.clerk)
    const spare = () => {
      for (let n = 1; ; n++) {
        const name = `X${String(n).padStart(2, '0')}`
        if (!taken.has(name) && isFree(name, visit.called_s)) return name
      }
    }
    const counter = own !== undefined && isFree(own, visit.called_s) ? own : spare()
    free_s.set(counter, visit.done_s)
    seats.set(visit, counter)
  }
  return seats
}

type PersonNeeds = { labels: readonly string[]; counter: string | null; seed: string }

function personOf(visit: Visit, { labels, counter, seed }: PersonNeeds): Person {
  const random = seeded(seed, visit.line)
  const served = visit.outcome === 'served'
  const card = random() < CARD_SHARE && served ? cardOf(seed, visit.line) : null
  const order =
    random() < ORDER_SHARE && served ? { ...drawOrder(random), id: `order-${visit.line}` } : null
  const button = visit.outcome === 'left' && visit.ticket_s === null ? 0 : buttonOf(labels, visit)
  return { visit, button, counter, card, order }
}

type DayNeeds = { options: PlanOptions; before: DayPlan | null; first: string | undefined }

function dayOf(date: string, people: readonly Person[], needs: DayNeeds): DayPlan {
  const { stretch } = needs.options
  const timed = people.flatMap(stepsOf)
  const bySecond = Map.groupBy(timed, ({ at_s }) => at_s)
  const order = [...bySecond.keys()].sort((a, b) => a - b)
  const origin_ms = midnight(date)
  const first_ms = midnight(needs.first ?? date)
  // The whole time line is stretched from the first midnight on, so no two steps change places.
  const midnight_ms = first_ms + Math.round(stretch * (origin_ms - first_ms))
  const wallOf = (at_s: number) => midnight_ms + stretchedMs(at_s, stretch)
  const begins_s = order[0] ?? 0
  const behind_ms = needs.before === null ? -Infinity : needs.before.closes_ms + 1_000
  const earliest_ms = Math.max(behind_ms, origin_ms)
  const shift_s = Math.max(0, Math.ceil((earliest_ms - wallOf(begins_s)) / 1_000))
  const seconds = order.map((at_s) => {
    const wall_ms = wallOf(at_s) + shift_s * 1_000
    return { wall_ms, acts: (bySecond.get(at_s) ?? []).map(({ act }) => act) }
  })
  const opens_ms = wallOf(begins_s) + shift_s * 1_000
  const closes_ms = seconds.at(-1)?.wall_ms ?? opens_ms
  return { date, opens_ms, closes_ms, shift_s, counters: seatsOf(people), seconds }
}

/** What so many seconds of the file last in the hall, in whole ms: its clock knows no parts of one. */
export function stretchedMs(seconds: number, stretch: number): number {
  return Math.round(stretch * seconds * 1_000)
}

/** ms since 1970 UTC of local midnight. */
function midnight(date: string): number {
  return Temporal.PlainDate.from(date).toZonedDateTime(ZONE).epochMilliseconds
}

function seatsOf(people: readonly Person[]): DayPlan['counters'] {
  const used = new Set(people.flatMap(({ counter }) => (counter === null ? [] : [counter])))
  return [...used].sort().map((counter) => ({ counter, clerk: `clerk-${counter}` }))
}

type Timed = { at_s: number; act: Act }

/** What a person does, in the order it is done. */
function stepsOf(person: Person): Timed[] {
  const { visit } = person
  const at = (at_s: number, step: Step): Timed => ({ at_s, act: { step, person } })
  if (visit.outcome === 'served') return servedSteps(person, visit, at)
  if (visit.ticket_s !== null) return [at(visit.ticket_s, 'press'), at(visit.left_s, 'leave')]
  const asks = seeded('kiosk', visit.date, visit.line)() < KIOSK_SHARE
  return asks ? [at(visit.left_s, 'kiosk')] : []
}

function servedSteps(
  { card, order }: Person,
  { ticket_s, called_s, serve_s, done_s }: Served,
  at: (at_s: number, step: Step) => Timed,
): Timed[] {
  const half_s = Math.floor((serve_s + done_s) / 2)
  return [
    at(ticket_s, 'press'),
    at(called_s, 'call'),
    at(serve_s, 'serve'),
    ...(card === null ? [] : [at(serve_s, 'card')]),
    ...(order === null ? [] : [at(half_s, 'order'), at(done_s, 'confirm')]),
    at(done_s, 'done'),
  ]
}
