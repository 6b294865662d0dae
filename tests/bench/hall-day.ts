/**
 * The records of a hall's days, decided by the engine that gateways run: people press, are called,
 * lay their card, pay and leave, at twelve counters, in the proportions of the replayed day (of 1 545
 * tickets 1 319 are served and 226 leave while they wait). Nothing here is drawn from real people.
 */
import { createHash } from 'node:crypto'
import type { HallRules } from '#devices/contract/hall-rules.ts'
import { type Draft, printRecord, type Source, type Stamp } from '#devices/contract/record.ts'
import { canonicalJson } from '#devices/std/json.ts'
import { apply } from '../../gateway/hall/apply.ts'
import { decide } from '../../gateway/hall/decide.ts'
import type { Ask, Subject } from '../../gateway/hall/input.ts'
import { emptyState } from '../../gateway/hall/state.ts'

export const TICKETS_A_DAY = 1_545
const LEFT_SHARE = 226 / 1_545
/** Of those served: who lays a card, and who pays. */
const CARD_SHARE = 0.6
const ORDER_SHARE = 0.7
const FAILED_SHARE = 0.02
const COUNTERS = Array.from({ length: 12 }, (_, i) => `c${i + 1}`)
const DAY_MS = 86_400_000
const FIRST_DAY_MS = Date.UTC(2026, 2, 2)
/** Compact JWE of a usual card, as the sealer makes it, in characters. */
const SEALED_PARTS = [148, 54, 16, 1_366, 22]

export const rules: HallRules = {
  hall_name: { zh: '测试营业厅', en: 'Bench hall' },
  zone: 'Asia/Shanghai',
  services: ['A', 'B', 'C'].map((prefix) => ({
    service: `s${prefix}`,
    name: { zh: `业务${prefix}`, en: `Service ${prefix}` },
    band: { prefix, first: 1, last: 9_999, digits: 4 },
  })),
  classes: [
    { class: 'ordinary', name: { zh: '普通', en: 'Ordinary' }, credit_s: 0 },
    { class: 'priority', name: { zh: '优先', en: 'Priority' }, credit_s: 90 },
  ],
  counters: COUNTERS,
  guard_window_ms: 1_500,
}

export type Recorded = { draft: Draft; at: Stamp }

type Busy = 'free' | 'called' | 'card' | 'order' | 'confirm' | 'result' | 'end'

/** Seeded numbers in [0, 1): small, fast, the same everywhere. */
export function seeded(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Day after day of one hall, without end. */
export function* hallDays(seed: number): Generator<Recorded> {
  const days = new Days(seed)
  yield* days.ask({ type: 'config', version: 1, rules }).recorded
  for (let nth = 0; ; nth++) yield* days.day(nth)
}

class Days {
  readonly #rng: () => number
  readonly #boot: string
  readonly #state = emptyState()
  #wall_ms = FIRST_DAY_MS
  #mono_ms = 100_000
  #events = 0
  #orders = 0
  readonly #seed: number

  constructor(seed: number) {
    this.#seed = seed
    this.#rng = seeded(seed)
    this.#boot = this.#hex(16)
  }

  *day(nth: number): Generator<Recorded> {
    this.#wall_ms = FIRST_DAY_MS + nth * DAY_MS + 3_600_000
    const day = new Date(this.#wall_ms).toISOString().slice(0, 10)
    yield* this.ask({ type: 'day.open', day, confirmed_by: null }).recorded
    for (const counter of COUNTERS) {
      const clerk = `A${counter.slice(1).padStart(2, '0')}`
      yield* this.ask({ type: 'counter.sign_in', counter, clerk, services: [] }, this.#key(counter))
        .recorded
    }
    yield* this.#visits()
    for (const counter of COUNTERS) {
      yield* this.ask({ type: 'counter.sign_out', counter }, this.#key(counter)).recorded
    }
    yield* this.ask({ type: 'day.close' }).recorded
  }

  *#visits(): Generator<Recorded> {
    const waiting: string[] = []
    const doing = new Map<string, Busy>(COUNTERS.map((counter) => [counter, 'free']))
    const order = new Map<string, { order: string; content_hash: string }>()
    let issued = 0
    while (issued < TICKETS_A_DAY || waiting.length > 0 || [...doing.values()].some(isBusy)) {
      this.#pass()
      if (issued < TICKETS_A_DAY && this.#rng() < 0.14) {
        yield* this.#press(waiting)
        issued++
        continue
      }
      const counter = COUNTERS[Math.floor(this.#rng() * COUNTERS.length)]!
      const state = doing.get(counter)!
      if (state === 'free') {
        if (waiting.length === 0) continue
        const called = this.ask({ type: 'call.next', counter }, this.#event(`pad-${counter}`))
        waiting.splice(waiting.indexOf(called.subject.ticket!), 1)
        yield* called.recorded
        doing.set(counter, 'called')
      } else doing.set(counter, yield* this.#serve(counter, state, order))
    }
  }

  *#press(waiting: string[]): Generator<Recorded> {
    const service = rules.services[Math.floor(this.#rng() * 3)]!.service
    const priority = this.#rng() < 0.2 ? { class: 'priority' } : {}
    const press: Ask = { type: 'ticket.press', service, ...priority }
    const { recorded, subject } = this.ask(press, this.#event('panel-1'))
    yield* recorded
    const ticket = subject.ticket!
    this.#pass()
    const printed = { type: 'ticket.delivery', ticket, outcome: 'printed', reprint: false } as const
    yield* this.ask(printed).recorded
    waiting.push(ticket)
    if (this.#rng() >= LEFT_SHARE) return
    waiting.pop()
    yield* this.ask({ type: 'ticket.leave', ticket }, this.#key('kiosk-1')).recorded
  }

  *#serve(
    counter: string,
    state: Busy,
    orders: Map<string, { order: string; content_hash: string }>,
  ): Generator<Recorded, Busy> {
    switch (state) {
      case 'called':
        yield* this.ask({ type: 'serve', counter }, this.#event(`pad-${counter}`)).recorded
        return this.#rng() < CARD_SHARE ? 'card' : this.#rng() < ORDER_SHARE ? 'order' : 'end'
      case 'card':
        yield* this.ask(this.#card(counter), this.#event(`reader-${counter}`)).recorded
        return this.#rng() < ORDER_SHARE ? 'order' : 'end'
      case 'order': {
        const content = this.#order(counter)
        orders.set(counter, content)
        yield* this.ask({ type: 'order.enter', content }, this.#key(counter)).recorded
        return 'confirm'
      }
      case 'confirm': {
        const { order, content_hash } = orders.get(counter)!
        const confirm: Ask = { type: 'order.confirm', order, content_hash }
        yield* this.ask(confirm, this.#key(counter)).recorded
        return 'result'
      }
      case 'result': {
        const { order } = orders.get(counter)!
        const failed = this.#rng() < FAILED_SHARE
        const result = failed ? 'failed' : 'done'
        const code = failed ? 'E12' : '0'
        yield* this.ask({ type: 'order.result', order, result, code }, this.#key(counter)).recorded
        return 'end'
      }
      default:
        yield* this.ask({ type: 'done', counter }, this.#event(`pad-${counter}`)).recorded
        return 'free'
    }
  }

  #card(counter: string): Ask {
    const sealed = SEALED_PARTS.map((length) => this.#text(length)).join('.')
    const subject = this.#hex(64)
    return { type: 'card', counter, card: { card_type: 'resident', subject, sealed, warnings: [] } }
  }

  #order(counter: string) {
    const order = `crm-${this.#seed}-${++this.#orders}`
    const items = ['sim-card', 'top-up', 'broadband', 'handset', 'plan-128']
    const lines = Array.from({ length: 1 + Math.floor(this.#rng() * 3) }, () => ({
      item: items[Math.floor(this.#rng() * items.length)]!,
      amount_fen: 100 + Math.floor(this.#rng() * 50_000),
    }))
    const total = lines.reduce((sum, line) => sum + line.amount_fen, 0)
    const cash = this.#rng() < 0.3 ? Math.floor(this.#rng() * total) : 0
    const tenders = [
      { tender: 'cash', amount_fen: cash },
      { tender: this.#rng() < 0.5 ? 'wechat' : 'alipay', amount_fen: total - cash },
    ].filter(({ amount_fen }) => amount_fen > 0)
    const content = { order, counter, lines, tenders }
    const content_hash = createHash('sha256').update(canonicalJson(content)).digest('hex')
    return { ...content, content_hash }
  }

  ask(ask: Ask, source?: Source): { recorded: Recorded[]; subject: Subject } {
    const at: Stamp = {
      wall_ms: this.#wall_ms,
      boot: this.#boot,
      mono_ms: this.#mono_ms,
      skew_ms: 14,
      skew_error_ms: 3,
    }
    const { drafts, answer } = decide(this.#state, {
      ...{ at, fresh: this.#hex(16), ask },
      ...(source === undefined ? {} : { source }),
    })
    if (answer.outcome === 'refused') throw answer.fault
    for (const draft of drafts) apply(this.#state, { ...draft, at })
    return { recorded: drafts.map((draft) => ({ draft, at })), subject: answer.subject }
  }

  /** Some seconds go by. */
  #pass(): void {
    const ms = Math.floor(this.#rng() * 4_000)
    this.#wall_ms += ms
    this.#mono_ms += ms
  }

  #event(device: string): Source {
    return { device, boot: this.#boot, event: ++this.#events }
  }

  #key(caller: string): Source {
    return { caller, key: `${this.#hex(8)}-${this.#hex(4)}-${this.#hex(4)}-${this.#hex(12)}` }
  }

  #hex(digits: number): string {
    let text = ''
    while (text.length < digits)
      text += ((this.#rng() * 0x1_0000_0000) >>> 0).toString(16).padStart(8, '0')
    return text.slice(0, digits)
  }

  #text(length: number): string {
    return Buffer.from(this.#hex(length * 2), 'hex')
      .toString('base64url')
      .slice(0, length)
  }
}

const isBusy = (state: Busy) => state !== 'free'

/** The text of the record that begins a hall's first epoch. */
export function begunText(gateway: string, epoch: string): string {
  const begun: Draft = {
    kind: 'epoch.begun',
    data: {
      ...{ epoch, number: 1, reason: 'first', gateway, parent: null },
      ...{ continues: true, numbers: null },
    },
  }
  const at = { wall_ms: FIRST_DAY_MS, boot: '0123456789abcdef', mono_ms: 99_000 }
  return printRecord(begun, { ...at, skew_ms: null, skew_error_ms: null })
}

/** The texts of the first `count` records of a hall's days. */
export function recordTexts(count: number, seed: number): string[] {
  return [...hallDays(seed).take(count)].map(({ draft, at }) => printRecord(draft, at))
}
