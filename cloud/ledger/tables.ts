/**
 * Rows that the ledger keeps: orders, the entries they were booked as with their postings, and
 * the running sums of every account. Amounts are fen; sums are bigint, as one hall's may pass
 * 2^53.
 */
import type { ColumnType, TableSpec } from '../ports.ts'

/** `failed` after a confirmation has a second entry that takes the first one back. */
export type OrderState = 'entered' | 'confirmed' | 'done' | 'failed'

export type OrderRow = {
  order_id: string
  state: OrderState
  counter: string
  clerk: string
  ticket: string | null
  subject: string | null
  total_fen: bigint
  content_hash: string
  /** JSON: `[{item, amount_fen}]` and `[{tender, amount_fen}]`. */
  lines: string
  tenders: string
  entered_ms: number
  confirmed_ms: number | null
  result_ms: number | null
  result_code: string | null
  /** Places of the records that booked it and took it back. */
  entry_place: number | null
  reversal_place: number | null
}

/**
 * What one record booked, with its postings: posting n is the n-th of each array. The debits of an
 * entry equal its credits, so its amounts add up to 0.
 */
export type EntryRow = {
  place: number
  kind: 'sale' | 'reversal'
  order_id: string
  /** The business day that was open; null before the first. */
  day: string | null
  at_ms: number
  total_fen: bigint
  accounts: readonly string[]
  /** A debit is above 0, a credit below. */
  amounts_fen: readonly number[]
  /** Of each account after its posting: debits minus credits. */
  balances_after: readonly bigint[]
}

/** `till/{counter}`, `tender/{tender}` or `service/{item}`. `balance` is debits minus credits. */
export type AccountRow = {
  account: string
  debit_fen: bigint
  credit_fen: bigint
  balance: bigint
}

/** One row a hall, `part` is always `now`: the business day that entries belong to. */
export type LedgerStateRow = { part: 'now'; day: string | null }

export const ledgerTables: readonly TableSpec[] = [
  {
    table: 'orders',
    key: ['order_id'],
    columns: {
      order_id: 'text',
      state: 'text',
      counter: 'text',
      clerk: 'text',
      ticket: 'text',
      subject: 'text',
      total_fen: 'numeric',
      content_hash: 'text',
      lines: 'jsonb',
      tenders: 'jsonb',
      entered_ms: 'int8',
      confirmed_ms: 'int8',
      result_ms: 'int8',
      result_code: 'text',
      entry_place: 'int8',
      reversal_place: 'int8',
    } satisfies Record<keyof OrderRow, ColumnType>,
  },
  {
    table: 'entry',
    key: ['place'],
    append_only: true,
    columns: {
      place: 'int8',
      kind: 'text',
      order_id: 'text',
      day: 'text',
      at_ms: 'int8',
      total_fen: 'numeric',
      accounts: 'text[]',
      amounts_fen: 'int8[]',
      balances_after: 'numeric[]',
    } satisfies Record<keyof EntryRow, ColumnType>,
    indexes: [['day']],
  },
  {
    table: 'account',
    key: ['account'],
    columns: {
      account: 'text',
      debit_fen: 'numeric',
      credit_fen: 'numeric',
      balance: 'numeric',
    } satisfies Record<keyof AccountRow, ColumnType>,
  },
  {
    table: 'ledger_state',
    key: ['part'],
    columns: { part: 'text', day: 'text' } satisfies Record<keyof LedgerStateRow, ColumnType>,
  },
]
