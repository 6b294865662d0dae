/**
 * Checks of an order and the postings it makes. Faults: `amount_range` (an amount is not a whole
 * number of fen from 0 to 2^53-1), `order_unbalanced` (lines and tenders differ).
 */
import type { OrderLine, OrderTender, RecOf } from '#devices/contract/record.ts'
import { Fault } from '#devices/std/fault.ts'
import type { OrderRow } from './tables.ts'

/** One side of an entry before it is booked; `debit` tells the side. */
export type Leg = { account: string; amount_fen: number; debit: boolean }

function sum(parts: readonly { amount_fen: number }[]): bigint {
  let total = 0n
  for (const { amount_fen } of parts) {
    if (!Number.isSafeInteger(amount_fen) || amount_fen < 0) throw new Fault('amount_range')
    total += BigInt(amount_fen)
  }
  return total
}

/** Sum of the lines, which is that of the tenders. */
export function balancedTotal(lines: readonly OrderLine[], tenders: readonly OrderTender[]) {
  const total = sum(lines)
  if (total !== sum(tenders)) throw new Fault('order_unbalanced')
  return total
}

export function entered({ at, data }: RecOf<'order.entered'>): OrderRow {
  const { order, counter, clerk, ticket, subject, content_hash, lines, tenders } = data
  return {
    order_id: order,
    state: 'entered',
    counter,
    clerk,
    ticket,
    subject,
    total_fen: balancedTotal(lines, tenders),
    content_hash,
    lines: JSON.stringify(lines),
    tenders: JSON.stringify(tenders),
    entered_ms: at.wall_ms,
    confirmed_ms: null,
    result_ms: null,
    result_code: null,
    entry_place: null,
    reversal_place: null,
  }
}

const tenderAccount = (counter: string, tender: string) =>
  tender === 'cash' ? `till/${counter}` : `tender/${tender}`
const serviceAccount = (item: string) => `service/${item}`

/** The accounts an order touches, each once. */
export function accountsOf(
  counter: string,
  lines: readonly OrderLine[],
  tenders: readonly OrderTender[],
): Set<string> {
  const accounts = tenders.map(({ tender }) => tenderAccount(counter, tender))
  return new Set([...accounts, ...lines.map(({ item }) => serviceAccount(item))])
}

export type Content = { lines: OrderLine[]; tenders: OrderTender[] }

export function contentOf(order: OrderRow): Content {
  const lines = JSON.parse(order.lines) as OrderLine[]
  return { lines, tenders: JSON.parse(order.tenders) as OrderTender[] }
}

/** Cash is debited to the counter's till, other tenders to their own account; lines are credited. */
export function saleLegs(order: OrderRow): Leg[] {
  const { lines, tenders } = contentOf(order)
  balancedTotal(lines, tenders)
  return [
    ...tenders.map(({ tender, amount_fen }) => {
      return { account: tenderAccount(order.counter, tender), amount_fen, debit: true }
    }),
    ...lines.map(({ item, amount_fen }) => {
      return { account: serviceAccount(item), amount_fen, debit: false }
    }),
  ]
}

export function reversed(legs: readonly Leg[]): Leg[] {
  return legs.map((leg) => ({ ...leg, debit: !leg.debit }))
}
