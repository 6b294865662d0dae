/**
 * The present state of a hall told again from its records alone: what each counter is doing, the
 * open day and the rules in force, and the losses its log admits to. Written apart from the
 * controller's projections, on purpose.
 */
import type { Fact } from './facts.ts'

type Told = Record<string, unknown>
type Seat = { counter: string; clerk: string | null; holds: Held | null; since_ms: number }
type Held = { ticket: string; serving: boolean }
type Ticket = { number: unknown; counter: string | null; clerk: string | null; step: string }

const AT_A_COUNTER = new Set(['called', 'serving'])
const STEPS = new Set([...AT_A_COUNTER, 'done', 'no_show', 'left', 'voided'])

export class OwnCounters {
  readonly #seats = new Map<string, Seat>()
  readonly #tickets = new Map<string, Ticket>()

  /** Only records that the visits took. */
  take({ kind, data, at }: Fact): void {
    const since_ms = at.wall_ms
    if (kind === 'counter.signed_in' || kind === 'counter.signed_out') {
      const counter = String(data.counter)
      const clerk = kind === 'counter.signed_in' ? String(data.clerk) : null
      this.#seats.set(counter, { counter, clerk, holds: null, since_ms })
    }
    if (kind === 'ticket.issued') {
      const ticket = { number: data.number, counter: null, clerk: null, step: 'issued' }
      this.#tickets.set(String(data.ticket), ticket)
    }
    const step = kind.startsWith('ticket.') ? kind.slice('ticket.'.length) : ''
    if (STEPS.has(step)) this.#step(step, data, since_ms)
  }

  #step(step: string, data: Told, since_ms: number): void {
    const id = String(data.ticket)
    const before = this.#tickets.get(id)!
    const counter = data.counter === undefined ? before.counter : String(data.counter)
    const clerk = step === 'called' ? String(data.clerk) : before.clerk
    this.#tickets.set(id, { ...before, counter, clerk, step })
    if (counter !== before.counter) this.#release(before.counter, id, since_ms)
    if (counter === null || (counter === before.counter && step === before.step)) return
    if (!AT_A_COUNTER.has(step)) {
      this.#release(counter, id, since_ms)
      return
    }
    const holds = { ticket: id, serving: step === 'serving' }
    const present = this.#seats.get(counter)?.clerk ?? clerk
    this.#seats.set(counter, { counter, clerk: present, holds, since_ms })
  }

  /** The ticket goes from the counter, if it is there. */
  #release(counter: string | null, ticket: string, since_ms: number): void {
    const seat = counter === null ? undefined : this.#seats.get(counter)
    if (seat?.holds?.ticket === ticket)
      this.#seats.set(seat.counter, { ...seat, holds: null, since_ms })
  }

  counters(): Map<string, Told> {
    return new Map([...this.#seats].map(([counter, seat]) => [counter, this.#tell(seat)]))
  }

  #tell({ counter, clerk, holds, since_ms }: Seat): Told {
    if (holds === null) {
      const state = clerk === null ? 'closed' : 'free'
      return { counter, state, clerk, ticket: null, number: null, since_ms }
    }
    const { ticket, serving } = holds
    const number = this.#tickets.get(ticket)?.number
    return { counter, state: serving ? 'serving' : 'called', clerk, ticket, number, since_ms }
  }
}

type Rules = {
  hall_name: { zh: string; en: string }
  zone: string
  services: { service: string; name: { zh: string; en: string } }[]
}

export class OwnHall {
  readonly gaps = new Map<string, Told>()
  #turn: Fact | null = null
  #opened: Fact | null = null
  #config: Fact | null = null

  take(fact: Fact): void {
    if (fact.kind === 'day.opened' || fact.kind === 'day.closed') this.#turn = fact
    if (fact.kind === 'config.applied') this.#config = fact
  }

  takeLedger(fact: Fact): void {
    if (fact.kind === 'day.opened') this.#opened = fact
  }

  takeGap({ kind, data, place }: Fact): void {
    if (kind !== 'gap') return
    const { epoch, from, to, reason } = data
    this.gaps.set(String(place), { place, epoch, from_seq: from, to_seq: to, reason })
  }

  state(): Map<string, Told> {
    if (this.#turn === null && this.#config === null) return new Map()
    const rules = this.#config?.data.rules as Rules | undefined
    const now = {
      part: 'now',
      day: this.#turn?.data.day ?? null,
      day_open: this.#turn?.kind === 'day.opened',
      config_version: this.#config?.data.version ?? null,
      name_zh: rules?.hall_name.zh ?? null,
      name_en: rules?.hall_name.en ?? null,
      zone: rules?.zone ?? null,
      services: rules?.services.map(({ service, name }) => ({ service, name })) ?? null,
    }
    return new Map([['now', now]])
  }

  /** The day that entries belong to. */
  ledgerState(): Map<string, Told> {
    if (this.#opened === null) return new Map()
    return new Map([['now', { part: 'now', day: this.#opened.data.day }]])
  }
}
