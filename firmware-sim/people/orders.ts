/** What people buy at a counter: one to three lines, one or two tenders, drawn from a seed. */
import type { OrderLine, OrderTender } from '#devices/contract/record.ts'
import type { Random } from '#devices/std/random.ts'
import { below, pick } from './seeded.ts'

export type Order = {
  lines: OrderLine[]
  tenders: OrderTender[]
  /** What the business system makes of it. */
  result: 'done' | 'failed'
}

const items = ['transfer', 'card-fee', 'cash-in', 'sim-card', 'top-up', 'certificate'] as const
const tenders = ['cash', 'card', 'mobile'] as const

/** Amounts in fen, 1.00 to 5 000.99 yuan a line. One in 40 fails and is paid back. */
export function drawOrder(random: Random): Order {
  const count = 1 + below(random, 3)
  const lines = Array.from({ length: count }, () => {
    return { item: pick(random, items), amount_fen: 100 + below(random, 500_000) }
  })
  const total = lines.reduce((sum, { amount_fen }) => sum + amount_fen, 0)
  const result = random() < 1 / 40 ? 'failed' : 'done'
  return { lines, tenders: drawTenders(random, total), result }
}

function drawTenders(random: Random, total: number): OrderTender[] {
  const first = pick(random, tenders)
  if (random() < 0.7) return [{ tender: first, amount_fen: total }]
  const second = pick(random, tenders)
  const part = 1 + below(random, total - 1)
  if (second === first) return [{ tender: first, amount_fen: total }]
  return [
    { tender: first, amount_fen: part },
    { tender: second, amount_fen: total - part },
  ]
}
