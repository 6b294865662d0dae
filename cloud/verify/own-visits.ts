/**
 * Visits and days told again from the records alone: the records of each ticket are collected in
 * order, then read as a whole. Written apart from the controller's projection, on purpose.
 */
import type { Fact } from './facts.ts'

type Told = Record<string, unknown>
const ENDED = new Set(['ticket.done', 'ticket.left', 'ticket.voided'])
const PAPER = ['failed', 'unknown', 'likely', 'printed']
const LONGEST_MS = 31 * 24 * 60 * 60 * 1_000

export class OwnVisits {
  readonly #tickets = new Map<string, Fact[]>()
  readonly #days = new Map<string, Told>()
  #day: string | null = null

  /** Why the record cannot be used, or null. */
  take(fact: Fact): string | null {
    const { kind, data } = fact
    if (kind.startsWith('ticket.') || kind === 'card.verified') return this.#ticket(fact)
    if (kind === 'day.opened' || kind === 'day.closed') {
      this.#day = String(data.day)
      const mark = kind === 'day.opened' ? 'opened_ms' : 'closed_ms'
      this.#days.set(this.#day, { ...this.#days.get(this.#day), [mark]: fact.at.wall_ms })
    }
    if (kind === 'kiosk.visited') {
      if (this.#day === null) return 'day_closed'
      const day = this.#days.get(this.#day) ?? {}
      this.#days.set(this.#day, { ...day, kiosk: Number(day.kiosk ?? 0) + 1 })
    }
    return null
  }

  #ticket(fact: Fact): string | null {
    if (fact.data.ticket === null) return null
    const ticket = String(fact.data.ticket)
    const story = this.#tickets.get(ticket)
    if (fact.kind === 'ticket.issued') {
      if (story !== undefined) return 'wrong_state'
      this.#tickets.set(ticket, [fact])
      return null
    }
    if (story === undefined) return 'unknown_ticket'
    if (fact.kind !== 'card.verified' && fact.kind !== 'ticket.delivered') {
      if (story.some((earlier) => ENDED.has(earlier.kind))) return 'wrong_state'
      const last = story.findLast(movesOn)
      const again = fact.kind === 'ticket.called' || fact.kind === 'ticket.voided'
      if (last?.kind === 'ticket.no_show' && !again) return 'wrong_state'
    }
    story.push(fact)
    return null
  }

  visits(): Map<string, Told> {
    return new Map([...this.#tickets].map(([ticket, story]) => [ticket, tell(ticket, story)]))
  }

  days(): Map<string, Told> {
    const byDay = Map.groupBy(this.#tickets.values(), ([issued]) => String(issued!.data.day))
    const days = new Set([...this.#days.keys(), ...byDay.keys()])
    return new Map([...days].map((day) => [day, this.#tellDay(day, byDay.get(day) ?? [])]))
  }

  #tellDay(day: string, stories: readonly (readonly Fact[])[]): Told {
    const visits = stories.map((story) => tell(String(story[0]!.data.ticket), story))
    return {
      ...{ opened_ms: null, closed_ms: null, kiosk: 0, ...this.#days.get(day) },
      ...count(visits),
      waits_max_ms: stories.flatMap(countedWaits).reduce((a, b) => Math.max(a, b), 0),
    }
  }
}

const movesOn = ({ kind }: Fact) =>
  kind !== 'ticket.recalled' && kind !== 'ticket.delivered' && kind !== 'card.verified'

function between(from: Fact, to: Fact): { ms: number | null; wall: boolean } {
  const wall = from.at.boot !== to.at.boot
  const ms = wall ? to.at.wall_ms - from.at.wall_ms : to.at.mono_ms - from.at.mono_ms
  return { ms: ms > LONGEST_MS ? null : Math.max(ms, 0), wall }
}

const clock = ({ at }: Fact) => `${at.boot}:${at.mono_ms}`

/** Waits that ever counted, also those of calls that were made again later. */
function countedWaits(story: readonly Fact[]): number[] {
  const waits: number[] = []
  let wait: number | null = null
  for (const fact of story) {
    if (fact.kind === 'ticket.called') wait = between(story[0]!, fact).ms
    const came = fact.kind === 'ticket.serving' || fact.kind === 'ticket.done'
    const missed = fact.kind === 'ticket.no_show' && fact.data.undelivered !== true
    if (wait !== null && (came || missed)) waits.push(wait)
  }
  return waits
}

function tell(ticket: string, story: readonly Fact[]): Told {
  const all = (kind: string) => story.filter((fact) => fact.kind === `ticket.${kind}`)
  const issued = story[0]!
  const calls = all('called')
  const call = calls.at(-1)
  const sinceCall = call === undefined ? story : story.slice(story.indexOf(call))
  const serving = sinceCall.findLast(({ kind }) => kind === 'ticket.serving')
  const steps = story.filter(movesOn)
  const last = steps.at(-1)!
  const outcome = last.kind === 'ticket.issued' ? 'waiting' : last.kind.slice('ticket.'.length)
  const ended = ['done', 'no_show', 'left', 'voided'].includes(outcome)
  const wait = call === undefined ? null : between(issued, call)
  const serve = outcome === 'done' && serving !== undefined ? between(serving, last) : null
  const papers = all('delivered').map(({ data }) => PAPER.indexOf(String(data.outcome)))
  const undelivered = outcome === 'no_show' || outcome === 'left' ? last.data.undelivered : false
  const said = steps.filter(({ data }) => data.counter !== undefined)
  const { day, number, service, ahead } = issued.data
  return {
    ...{ ticket, day, number, service, class: issued.data.class, ahead, outcome },
    counter: said.at(-1)?.data.counter ?? null,
    clerk: call?.data.clerk ?? null,
    calls: calls.length,
    recalls: all('recalled').length,
    issued_ms: issued.at.wall_ms,
    first_called_ms: calls[0]?.at.wall_ms ?? null,
    called_ms: call?.at.wall_ms ?? null,
    serving_ms: serving?.at.wall_ms ?? null,
    ended_ms: ended ? last.at.wall_ms : null,
    wait_ms: wait?.ms ?? null,
    serve_ms: serve?.ms ?? null,
    wall_interval: (wait?.wall ?? false) || (serve?.wall ?? false),
    delivery: papers.length === 0 ? null : PAPER[Math.max(...papers)],
    undelivered: outcome === 'voided' ? lastHeld(steps) : undelivered,
    subject: story.findLast(({ kind }) => kind === 'card.verified')?.data.subject ?? null,
    issued_clock: clock(issued),
    serving_clock: serving === undefined ? null : clock(serving),
    issued_place: issued.place,
    updated_place: story.at(-1)!.place,
  }
}

/** A voided no-show keeps what was said of its paper. */
function lastHeld(steps: readonly Fact[]): unknown {
  const before = steps.at(-2)
  return before?.kind === 'ticket.no_show' ? before.data.undelivered : false
}

function count(visits: readonly Told[]): Told {
  const live = visits.filter((v) => v.outcome !== 'voided' && v.undelivered !== true)
  const of = (outcome: string) => live.filter((v) => v.outcome === outcome).length
  const waits = live
    .filter((v) => ['serving', 'done', 'no_show'].includes(String(v.outcome)))
    .flatMap((v) => (v.wait_ms === null ? [] : [Number(v.wait_ms)]))
  const voided = visits.filter((v) => v.outcome === 'voided').length
  return {
    issued: visits.length,
    tickets: live.length,
    called: live.filter((v) => v.calls !== 0).length,
    served: of('done'),
    no_show: of('no_show'),
    left: of('left'),
    undelivered: visits.length - live.length - voided,
    voided,
    waits_n: waits.length,
    waits_sum_ms: waits.reduce((sum, ms) => sum + ms, 0),
  }
}
