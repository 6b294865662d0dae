/**
 * What people know by themselves: the papers in their hands, every "recorded" they were told, the
 * money they handed over. Kept apart from the system under test and compared with it at the end.
 */
import type { Order } from '../people/orders.ts'
import type { Person } from './plan.ts'

/** A paper with the number on it and the ticket's id in its code. */
export type Paper = { date: string; number: string; ticket: string; person: Person }

export class Book {
  /** By date and number. */
  readonly papers = new Map<string, Paper>()
  /** Sources of recorded answers: `device boot event`, `caller key`, `order id`. */
  readonly recorded = new Set<string>()
  readonly orders = new Map<string, Order>()
  readonly #paperOf = new Map<Person, Paper>()
  readonly #cards = new Set<string>()
  /** A number given to two people of one day. */
  doubled = 0
  /** Papers nobody waited for. */
  stray = 0

  /** Somebody takes a paper. */
  take(paper: Paper): void {
    const key = `${paper.date} ${paper.number}`
    if (this.papers.has(key)) this.doubled++
    this.papers.set(key, paper)
    this.#paperOf.set(paper.person, paper)
  }

  /** Whether a printed paper is one that is in somebody's hands already. */
  holds(date: string, number: string): boolean {
    return this.papers.has(`${date} ${number}`)
  }

  paperOf(person: Person): Paper | undefined {
    return this.#paperOf.get(person)
  }

  told(source: string): void {
    this.recorded.add(source)
  }

  /** A card was accepted at a counter, for this ticket. */
  cardTaken(ticket: string): void {
    this.#cards.add(ticket)
  }

  get cards(): ReadonlySet<string> {
    return this.#cards
  }

  paid(id: string, order: Order): void {
    this.orders.set(id, order)
  }

  /** What people are out of pocket, in fen, by tender; a failed order was paid back. */
  fenByTender(): Map<string, bigint> {
    const sums = new Map<string, bigint>()
    for (const { tenders, result } of this.orders.values()) {
      for (const { tender, amount_fen } of tenders) {
        const amount = result === 'failed' ? 0n : BigInt(amount_fen)
        sums.set(tender, (sums.get(tender) ?? 0n) + amount)
      }
    }
    return sums
  }
}
