/**
 * The books kept again from the records alone: what was entered, what the customer confirmed, what
 * was taken back, and every account's balance after each posting. Written apart from the
 * controller's ledger, on purpose.
 */
import type { Fact } from './facts.ts'

type Part = { amount_fen: number; item?: string; tender?: string }
type Order = { entered: Fact; confirmed: Fact | null; result: Fact | null }
export type OwnPosting = {
  place: number
  line: number
  account: string
  /** A debit is above 0, a credit below. */
  amount_fen: number
  balance_after: bigint
}
export type OwnAccount = { debit_fen: bigint; credit_fen: bigint; balance: bigint }

const total = (parts: readonly Part[]) => parts.reduce((sum, p) => sum + BigInt(p.amount_fen), 0n)

export class OwnBooks {
  readonly #orders = new Map<string, Order>()
  readonly entries: Record<string, unknown>[] = []
  readonly postings: OwnPosting[] = []
  readonly accounts = new Map<string, OwnAccount>()
  #day: string | null = null

  /** Why the record cannot be used, or null. */
  take(fact: Fact): string | null {
    switch (fact.kind) {
      case 'day.opened':
        this.#day = String(fact.data.day)
        return null
      case 'order.entered':
        return this.#enter(fact)
      case 'order.confirmed':
        return this.#confirm(fact)
      case 'order.result':
        return this.#result(fact)
      default:
        return null
    }
  }

  #enter(fact: Fact): string | null {
    const { order, lines, tenders } = fact.data as { order: string; lines: Part[]; tenders: Part[] }
    if (this.#orders.get(order)?.confirmed) return 'order_final'
    const amounts = [...lines, ...tenders].map((part) => part.amount_fen)
    if (amounts.some((fen) => !(Number.isSafeInteger(fen) && fen >= 0))) return 'amount_range'
    if (total(lines) !== total(tenders)) return 'order_unbalanced'
    this.#orders.set(order, { entered: fact, confirmed: null, result: null })
    return null
  }

  #confirm(fact: Fact): string | null {
    const order = this.#orders.get(String(fact.data.order))
    if (order === undefined) return 'not_found'
    if (order.confirmed !== null) return 'order_final'
    if (order.result !== null) return 'wrong_state'
    if (order.entered.data.content_hash !== fact.data.content_hash) return 'hash_mismatch'
    const pin = fact.data.pin as { content_hash: string } | undefined
    if (pin !== undefined && pin.content_hash !== fact.data.content_hash) return 'hash_mismatch'
    order.confirmed = fact
    this.#book(fact, order, 'sale')
    return null
  }

  #result(fact: Fact): string | null {
    const order = this.#orders.get(String(fact.data.order))
    if (order === undefined) return 'not_found'
    if (order.result !== null) return 'order_final'
    if (order.confirmed === null && fact.data.result === 'done') return 'wrong_state'
    order.result = fact
    if (order.confirmed !== null && fact.data.result === 'failed')
      this.#book(fact, order, 'reversal')
    return null
  }

  #book(fact: Fact, order: Order, kind: 'sale' | 'reversal'): void {
    type Content = { counter: string; lines: Part[]; tenders: Part[] }
    const { counter, lines, tenders } = order.entered.data as Content
    const { place } = fact
    const order_id = order.entered.data.order
    const at_ms = fact.at.wall_ms
    this.entries.push({ place, kind, order_id, day: this.#day, at_ms, total_fen: total(lines) })
    let line = 0
    const post = (account: string, fen: number, in_debit: boolean) => {
      const debit = in_debit === (kind === 'sale')
      const had = this.accounts.get(account) ?? { debit_fen: 0n, credit_fen: 0n, balance: 0n }
      const debit_fen = had.debit_fen + (debit ? BigInt(fen) : 0n)
      const credit_fen = had.credit_fen + (debit ? 0n : BigInt(fen))
      const balance = debit_fen - credit_fen
      this.accounts.set(account, { debit_fen, credit_fen, balance })
      const amount_fen = debit ? fen : -fen
      this.postings.push({ place, line: ++line, account, amount_fen, balance_after: balance })
    }
    for (const { tender, amount_fen } of tenders)
      post(tender === 'cash' ? `till/${counter}` : `tender/${tender}`, amount_fen, true)
    for (const { item, amount_fen } of lines) post(`service/${item}`, amount_fen, false)
  }

  orders(): Map<string, Record<string, unknown>> {
    return new Map([...this.#orders].map(([id, order]) => [id, tellOrder(id, order)]))
  }
}

function tellOrder(order_id: string, { entered, confirmed, result }: Order) {
  const { counter, clerk, ticket, subject, content_hash, lines, tenders } = entered.data
  const taken_back = confirmed !== null && result?.data.result === 'failed'
  return {
    order_id,
    state: result?.data.result ?? (confirmed === null ? 'entered' : 'confirmed'),
    ...{ counter, clerk, ticket, subject, content_hash, lines, tenders },
    total_fen: total(lines as Part[]),
    entered_ms: entered.at.wall_ms,
    confirmed_ms: confirmed?.at.wall_ms ?? null,
    result_ms: result?.at.wall_ms ?? null,
    result_code: result?.data.code ?? null,
    entry_place: confirmed?.place ?? null,
    reversal_place: taken_back ? result.place : null,
  }
}
