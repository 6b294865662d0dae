/**
 * What one person does, through the hall's own devices and programs. Each act resolves when it is
 * acknowledged at the device. One that got no answer is done again under the same key; a press stays
 * latched on its unit by itself. Nobody takes a refusal for an answer: Fault `device_refused`.
 */
import { sleep } from '#devices/std/clock.ts'
import { Fault, isFault } from '#devices/std/fault.ts'
import type { EventCode } from '#devices/wire/register-map.ts'
import type { PrintedTicket } from '../models/ticket-printer.ts'
import { realPace } from '../pace.ts'
import { codeOf, type HttpAsk } from '../people/http.ts'
import type { Book } from './book.ts'
import type { Act, Person, Step } from './plan.ts'
import type { World } from './world.ts'

/** How long somebody stands at the printer after everything is back before pressing once more. */
const PAPER_WAIT_MS = 2_000
/** For the slowest printer that is not dead. */
const PAPER_LATEST_MS = 30_000
const LOOK_MS = 1
const AGAIN_MS = 5
const ACT_LATEST_MS = 120_000
const CALLER = 'replay'

type Waiting = { date: string; person: Person; found: (slip: PrintedTicket) => void }
type Recorded = { content_hash?: string }

export class Hall {
  readonly #world: World
  readonly #book: Book
  #atPrinter: Waiting | null = null
  #date = ''
  readonly #hashes = new Map<string, string>()

  constructor(world: World, book: Book) {
    this.#world = world
    this.#book = book
    world.hardware.printer.onTicket = (slip) => this.#slip(slip)
  }

  /** The business day people are in. */
  set date(date: string) {
    this.#date = date
  }

  perform({ step, person }: Act): Promise<void> {
    return this.#steps[step](person)
  }

  readonly #steps: Record<Step, (person: Person) => Promise<void>> = {
    press: (person) => this.#press(person),
    call: (person) => this.#call(person),
    serve: (person) => this.#key(person, 'start'),
    card: (person) => this.#card(person),
    order: (person) => this.#order(person),
    confirm: (person) => this.#confirm(person),
    done: (person) => this.#key(person, 'done'),
    leave: (person) => this.#leave(person),
    kiosk: (person) => this.#kiosk(person),
  }

  /** A request that is made until it is answered. `told` is how its record is found again. */
  async write<T = Recorded>(ask: HttpAsk, told?: string): Promise<T> {
    const until = realPace.now_ms() + ACT_LATEST_MS
    for (;;) {
      await this.#world.up('gateway')
      const answer = await this.#world.local.ask(ask).catch((error: unknown) => {
        if (!isFault(error)) throw error
        return null
      })
      if (answer?.status === 200) {
        if (told !== undefined) this.#book.told(told)
        return JSON.parse(answer.text) as T
      }
      const transient = answer === null || answer.status === 503 || answer.status === 504
      const what = answer === null ? 'no answer' : `${answer.status} ${codeOf(answer)}`
      if (!transient) throw new Fault('device_refused', `${ask.path}: ${what}`)
      if (realPace.now_ms() > until) throw new Fault('timed_out', `${ask.path}: ${what}`)
      await sleep(realPace, AGAIN_MS, 'ask again')
    }
  }

  post<T = Recorded>(path: string, body: object | undefined, key: string): Promise<T> {
    const ask = { method: 'POST', path, key, ...(body === undefined ? {} : { body }) } as const
    return this.write<T>(ask, `${CALLER} ${key}`)
  }

  async #press(person: Person): Promise<void> {
    const { panel } = this.#world.hardware
    for (;;) {
      const before = this.#world.generation
      const paper = Promise.withResolvers<PrintedTicket>()
      this.#atPrinter = { date: this.#date, person, found: paper.resolve }
      const { outcome, boot, event } = await panel.press('ticket', person.button)
      if (outcome !== 'recorded') throw new Fault('device_refused', `button ${person.button}`)
      this.#book.told(`panel ${boot} ${event}`)
      const slip = await this.#paper(paper.promise, before)
      this.#atPrinter = null
      if (slip === null) continue
      const { number, qr } = slip as { number: string; qr: string }
      return this.#book.take({ date: this.#date, number, ticket: qr, person })
    }
  }

  /** Null: it was recorded by a gateway that died before it printed, so none will come. */
  async #paper(coming: Promise<PrintedTicket>, before: number): Promise<PrintedTicket | null> {
    const began = realPace.now_ms()
    let back_ms = began
    for (;;) {
      const wait = sleep(realPace, 100, 'paper').then(() => null)
      const slip = await Promise.race([coming, wait])
      if (slip !== null) return slip
      const now = realPace.now_ms()
      if (!this.#world.isUp('gateway')) back_ms = now
      const lost = this.#world.generation > before && now - back_ms > PAPER_WAIT_MS
      if (lost) return null
      if (now - Math.max(began, back_ms) > PAPER_LATEST_MS) throw new Fault('timed_out', 'no paper')
      await this.#world.up('gateway')
    }
  }

  /** A slip comes out. One marked as a reprint of a paper in somebody's hands is thrown away. */
  #slip(slip: PrintedTicket): void {
    if (!slip.whole || slip.number === null || slip.qr === null) return
    if (slip.reprint && this.#book.holds(this.#date, slip.number)) return
    if (this.#atPrinter === null) this.#book.stray++
    else this.#atPrinter.found(slip)
  }

  #paperOf(person: Person): { number: string; ticket: string } {
    const paper = this.#book.paperOf(person)
    if (paper === undefined) throw new Fault('wrong_state', 'called without a paper')
    return paper
  }

  async #call(person: Person): Promise<void> {
    const { number } = this.#paperOf(person)
    const path = `/counters/${person.counter}/call`
    await this.post(path, { number }, `call-${person.visit.line}`)
  }

  async #key({ counter }: Person, code: EventCode): Promise<void> {
    const { pad } = this.#world.hardware.counters.get(counter!)!
    const { outcome, boot, event } = await pad.press(code)
    if (outcome !== 'recorded') throw new Fault('device_refused', `${code} at ${counter}`)
    this.#book.told(`pad-${counter} ${boot} ${event}`)
  }

  /** Lays the card until the counter says it has it, then takes it back. */
  async #card(person: Person): Promise<void> {
    const { reader } = this.#world.hardware.counters.get(person.counter!)!
    reader.placeCard({ text: person.card! })
    const path = `/counters/${person.counter}`
    const until = realPace.now_ms() + ACT_LATEST_MS
    for (;;) {
      const counter = await this.write<{ card_present: boolean }>({ path })
      if (counter.card_present) break
      if (realPace.now_ms() > until) throw new Fault('timed_out', `card at ${person.counter}`)
      await sleep(realPace, LOOK_MS, 'card taken')
    }
    reader.removeCard()
    this.#book.cardTaken(this.#paperOf(person).ticket)
  }

  async #order({ order, counter }: Person): Promise<void> {
    const { id, lines, tenders } = order!
    const ask = { method: 'PUT', path: `/orders/${id}`, body: { counter, lines, tenders } } as const
    const { content_hash } = await this.write(ask, `order ${id}`)
    this.#hashes.set(id, content_hash!)
  }

  async #confirm({ order }: Person): Promise<void> {
    const { id, result } = order!
    const content_hash = this.#hashes.get(id)
    this.#hashes.delete(id)
    await this.post(`/orders/${id}/confirm`, { content_hash }, `confirm-${id}`)
    const code = result === 'done' ? 'ok' : 'refused'
    this.#book.paid(id, { ...order!, result: 'done' })
    await this.post(`/orders/${id}/result`, { result, code }, `result-${id}`)
    this.#book.paid(id, order!)
  }

  async #leave(person: Person): Promise<void> {
    const { ticket } = this.#paperOf(person)
    await this.post(`/tickets/${ticket}/leave`, undefined, `leave-${person.visit.line}`)
  }

  async #kiosk({ visit }: Person): Promise<void> {
    const body = { kiosk: 'door', purpose: 'turned away' }
    await this.post('/kiosk-visits', body, `kiosk-${visit.line}`)
  }
}
