/**
 * The people of a hall and the book they keep themselves: every answer they were given, every paper
 * in their hands, every fen. They never give up on an action without an answer: they repeat it under
 * the same number, as a latched button or a clerk's program does.
 */
import { createHash } from 'node:crypto'
import type { HallRules } from '#devices/contract/hall-rules.ts'
import type { Source } from '#devices/contract/record.ts'
import type { FaultCode } from '#devices/std/fault.ts'
import { canonicalJson } from '#devices/std/json.ts'
import type { PinDone } from '../../gateway/compose/pin-desk.ts'
import type { Answer, Ask } from '../../gateway/hall/input.ts'
import type { SimGateway } from './gateway.ts'
import { ACCOUNT } from './pads.ts'
import { draw, type Rng, type Scheduler } from './scheduler.ts'

/** What somebody was told: an action under its number, and by which gateway it was acknowledged. */
export type Told = { gateway: string; source: Source; ask: Ask; at_ms: number }
export type Paper = { gateway: string; ticket: string; number: string; at_ms: number }

/** What somebody was refused for good. */
export type Refused = { gateway: string; ask: Ask; code: FaultCode; at_ms: number }

/** A key somebody pressed, and what they know of it themselves. */
export type Rated = {
  source: Source
  counter: string
  score: number
  /** The ticket in their hand, where the pad asked about their own visit all the while; else null. */
  ticket: string | null
  /** What the answer said of it. */
  attributed: boolean
}

/** A PIN somebody typed, as the clerk's program was told. */
export type Typed = { gateway: string; order: string; content_hash: string; request: string }

export type Book = {
  told: Told[]
  papers: Paper[]
  refused: Refused[]
  ratings: Rated[]
  pins: Typed[]
}

export const rules: HallRules = {
  hall_name: { zh: '演示营业厅', en: 'Demo hall' },
  zone: 'Asia/Shanghai',
  services: [
    service('A', '个人业务', 'Personal'),
    service('B', '对公业务', 'Corporate'),
    service('C', '缴费', 'Payments'),
  ],
  classes: [
    { class: 'ordinary', name: { zh: '普通', en: 'Ordinary' }, credit_s: 0 },
    { class: 'priority', name: { zh: '优先', en: 'Priority' }, credit_s: 90 },
  ],
  counters: ['c1', 'c2', 'c3'],
  // The third counter has no pad.
  raters: ['c1', 'c2'].map((counter) => ({ counter, keys: 5 })),
  guard_window_ms: 1_500,
}

function service(prefix: string, zh: string, en: string): HallRules['services'][number] {
  const band = { prefix, first: 1, last: 9_999, digits: 4 }
  return { service: `s${prefix}`, name: { zh, en }, band }
}

export type PeopleParts = {
  scheduler: Scheduler
  rng: Rng
  book: Book
  /** The gateway this hall's people stand in front of. */
  gateway: SimGateway
  running: () => boolean
  pace_ms: number
  day: string
}

const ANSWER_WAIT_MS = 2_500
/** A customer at a PIN pad takes longer than a disk. */
const PIN_WAIT_MS = 30_000

export class People {
  readonly #parts: PeopleParts
  readonly #boots = new Map<string, { boot: string; event: number }>()
  #keys = 0
  #orders = 0
  /** Actions that still wait for an answer. */
  open = 0
  /** The numbers of those. */
  readonly waiting = new Set<Source>()

  constructor(parts: PeopleParts) {
    this.#parts = parts
  }

  start(): void {
    void this.#opening()
  }

  async #opening(): Promise<void> {
    const { day } = this.#parts
    await this.#insist({ type: 'config', version: 1, rules }, this.#key('admin'))
    await this.#insist({ type: 'day.open', day, confirmed_by: 'boss' }, this.#key('admin'))
    void this.#customers('panel-1')
    void this.#customers('panel-2')
    for (const counter of rules.counters) void this.#clerk(counter)
  }

  /** The rules, the day and every counter once more, under new numbers. */
  async openAgain(): Promise<void> {
    const { day } = this.#parts
    await this.#insist({ type: 'config', version: 2, rules }, this.#key('admin'))
    await this.#insist({ type: 'day.open', day, confirmed_by: 'boss' }, this.#key('admin'))
    for (const counter of rules.counters) {
      const clerk = `clerk-${counter}`
      const ask = { type: 'counter.sign_in' as const, counter, clerk, services: [] }
      await this.#insist(ask, this.#key(counter))
    }
  }

  async #customers(panel: string): Promise<void> {
    const { scheduler, rng, pace_ms } = this.#parts
    while (this.#parts.running()) {
      await scheduler.sleep(rng() * pace_ms)
      const service = draw.of(rng, rules.services).service
      const answer = await this.#insist({ type: 'ticket.press', service }, this.#event(panel))
      const ticket = answer.outcome === 'recorded' ? answer.subject.ticket : undefined
      if (ticket !== undefined && draw.chance(rng, 0.1)) void this.#leaves(ticket)
    }
  }

  async #leaves(ticket: string): Promise<void> {
    const { scheduler, rng } = this.#parts
    await scheduler.sleep(rng() * 20_000)
    await this.#insist({ type: 'ticket.leave', ticket }, this.#key('kiosk'))
  }

  async #clerk(counter: string): Promise<void> {
    const { scheduler, rng, pace_ms } = this.#parts
    const clerk = `clerk-${counter}`
    await this.#insist(
      { type: 'counter.sign_in', counter, clerk, services: [] },
      this.#key(counter),
    )
    while (this.#parts.running()) {
      await scheduler.sleep(rng() * pace_ms)
      // A call pad numbers its events; a clerk's program brings a key.
      const source = draw.chance(rng, 0.5) ? this.#event(`pad-${counter}`) : this.#key(counter)
      const called = await this.#insist({ type: 'call.next', counter }, source)
      if (called.outcome === 'recorded') await this.#serve(counter)
      else if (called.fault.code === 'counter_busy') await this.#finish(counter)
    }
  }

  async #serve(counter: string): Promise<void> {
    const { rng, scheduler } = this.#parts
    if (draw.chance(rng, 0.15)) {
      await this.#insist({ type: 'recall', counter }, this.#key(counter))
      await this.#insist({ type: 'no_show', counter }, this.#key(counter))
      return
    }
    await this.#insist({ type: 'serve', counter }, this.#key(counter))
    if (draw.chance(rng, 0.7)) await this.#order(counter)
    await scheduler.sleep(rng() * 1_000)
    await this.#finish(counter)
  }

  async #finish(counter: string): Promise<void> {
    const done = await this.#insist({ type: 'done', counter }, this.#key(counter))
    const ticket = done.outcome === 'recorded' ? (done.subject.ticket ?? null) : null
    const { rng, gateway } = this.#parts
    if (draw.chance(rng, 0.1)) {
      await this.#insist({ type: 'rating.ask', counter }, this.#key(counter))
    }
    if (draw.chance(rng, 0.5)) void this.#rates(counter, ticket, gateway.raters.shown(counter))
  }

  /** Presses a key at last, perhaps when the pad asks somebody else already, perhaps twice. */
  async #rates(counter: string, ticket: string | null, seen: string | null): Promise<void> {
    const { rng, scheduler, gateway } = this.#parts
    do {
      await scheduler.sleep(rng() * 25_000)
      const request = gateway.raters.shown(counter)
      const score = draw.int(rng, 1, 5)
      const source = this.#event(`rater-${counter}`)
      const press = { counter, key: 6 - score, score, keys: 5, request }
      const answer = await this.#insist({ type: 'rating.press', ...press }, source)
      if (answer.outcome === 'refused') return
      const attributed = answer.subject.attributed === true
      const own = request !== null && request === seen ? ticket : null
      this.#parts.book.ratings.push({ source, counter, score, ticket: own, attributed })
    } while (draw.chance(rng, 0.2))
  }

  async #order(counter: string): Promise<void> {
    const { rng } = this.#parts
    const order = `o-${this.#parts.gateway.parts.id}-${++this.#orders}`
    const lines = Array.from({ length: draw.int(rng, 1, 3) }, () => ({
      item: draw.of(rng, ['sim-card', 'top-up', 'phone']),
      amount_fen: draw.int(rng, 1, 50_000),
    }))
    const total = lines.reduce((sum, line) => sum + line.amount_fen, 0)
    const cash = draw.int(rng, 0, total)
    const tenders = [
      { tender: 'cash', amount_fen: cash },
      { tender: 'wechat', amount_fen: total - cash },
    ].filter((t) => t.amount_fen > 0)
    const content_hash = createHash('sha256')
      .update(canonicalJson({ order, counter, lines, tenders }))
      .digest('hex')
    const content = { order, counter, lines, tenders, content_hash }
    const pin = draw.chance(rng, 0.3) ? { pin: 'required' as const } : {}
    const entering = { ...content, ...pin }
    await this.#insist({ type: 'order.enter', content: entering }, this.#key(counter))
    if ('pin' in entering && !(await this.#types(entering))) return
    // The clerk changes the order behind the customer's back: the PIN was for something else.
    if ('pin' in entering && draw.chance(rng, 0.1)) {
      const changed = { ...entering, content_hash: content_hash.replace(/^./, 'x') }
      changed.content_hash = createHash('sha256').update(changed.content_hash).digest('hex')
      const again = await this.#insist(
        { type: 'order.enter', content: changed },
        this.#key(counter),
      )
      if (again.outcome === 'recorded') {
        const confirm = { order, content_hash: changed.content_hash }
        await this.#insist({ type: 'order.confirm', ...confirm }, this.#key(counter))
        return
      }
    }
    await this.#insist({ type: 'order.confirm', order, content_hash }, this.#key(counter))
    const failed = draw.chance(rng, 0.1)
    if (draw.chance(rng, 0.5) || failed) {
      const result = failed ? ('failed' as const) : ('done' as const)
      await this.#insist({ type: 'order.result', order, result, code: '' }, this.#key(counter))
    }
  }

  /** Asks for a PIN until there is one; false where the customer would not, or the hall would not. */
  async #types(content: {
    order: string
    counter: string
    content_hash: string
  }): Promise<boolean> {
    const { rng, scheduler, gateway, book } = this.#parts
    this.open++
    try {
      for (let tries = 0; tries < 4; tries++) {
        const done = gateway.pins === null ? null : await this.#typesOnce(content)
        if (done?.outcome === 'entered') {
          const { order, content_hash } = content
          const { request } = done
          book.pins.push({ gateway: gateway.parts.id, order, content_hash, request })
          return true
        }
        if (done?.outcome === 'refused' && !done.fault.transient) return false
        await scheduler.sleep(500 + rng() * 2_000)
      }
      return false
    } finally {
      this.open--
    }
  }

  #typesOnce(content: {
    order: string
    counter: string
    content_hash: string
  }): Promise<PinDone | null> {
    const { scheduler, gateway } = this.#parts
    const { order, counter, content_hash } = content
    const life = gateway.life
    return new Promise((resolve) => {
      const cancel = scheduler.after(PIN_WAIT_MS, 'patience', () => resolve(null))
      const screen = `screen-${counter}`
      const wanted = { order, counter, content_hash, screen, account: ACCOUNT, digits: 6 }
      void gateway.pins!.begin({ ...wanted, seal: async () => 'sealed' }).then((done) => {
        if (gateway.life !== life) return
        cancel()
        resolve(done)
      })
    })
  }

  #event(device: string): Source {
    const { rng } = this.#parts
    const known = this.#boots.get(device) ?? { boot: draw.hex(rng, 8), event: 0 }
    known.event++
    this.#boots.set(device, known)
    return { device, boot: known.boot, event: known.event }
  }

  #key(caller: string): Source {
    return { caller, key: `${this.#parts.gateway.parts.id}-${++this.#keys}` }
  }

  /** Asks until there is an answer that another try would not change. */
  async #insist(ask: Ask, source: Source): Promise<Answer> {
    const { scheduler, rng, gateway, book } = this.#parts
    this.open++
    this.waiting.add(source)
    for (;;) {
      const answer = gateway.hall === null ? null : await this.#askOnce(ask, source)
      if (answer !== null && (answer.outcome === 'recorded' || isFinal(ask, answer.fault))) {
        this.open--
        this.waiting.delete(source)
        if (answer.outcome === 'recorded') {
          book.told.push({ gateway: gateway.parts.id, source, ask, at_ms: scheduler.now_ms() })
        } else {
          const { code } = answer.fault
          book.refused.push({ gateway: gateway.parts.id, ask, code, at_ms: scheduler.now_ms() })
        }
        return answer
      }
      await scheduler.sleep(200 + rng() * 800)
    }
  }

  #askOnce(ask: Ask, source: Source): Promise<Answer | null> {
    const { scheduler, gateway } = this.#parts
    const life = gateway.life
    return new Promise((resolve) => {
      const cancel = scheduler.after(ANSWER_WAIT_MS, 'patience', () => resolve(null))
      void gateway.hall!.desk.submit(ask, source).then((answer) => {
        // What a dead process would have said was never heard.
        if (gateway.life !== life) return
        cancel()
        resolve(answer)
      })
    })
  }
}

/** A hall that is full stays full once nobody calls any more: whoever wants a number goes home. */
const isFinal = (ask: Ask, { transient, code }: { transient: boolean; code: string }) =>
  !transient || (ask.type === 'ticket.press' && code === 'overloaded')
