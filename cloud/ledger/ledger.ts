/**
 * The projection `ledger`: double entry. An order is booked once, where the customer confirms it;
 * a failure reported afterwards books the same postings with the sides exchanged. Faults that mark
 * a record rejected: `not_found` (its order is unknown), `order_final` (confirmed before, as by the
 * other branch of a log), `hash_mismatch` (something else was confirmed, or given a PIN), `wrong_state`,
 * `order_unbalanced`, `amount_range`.
 */
import type { Kind } from '#devices/contract/record.ts'
import { Fault } from '#devices/std/fault.ts'
import type { AnyBooked, Booked, Projection, Put, Row, RowKey, Value } from '../ports.ts'
import { accountsOf, contentOf, entered, type Leg, reversed, saleLegs } from './order.ts'
import {
  type AccountRow,
  type EntryRow,
  type LedgerStateRow,
  ledgerTables,
  type OrderRow,
} from './tables.ts'

type Get = (table: string, ...key: Value[]) => Row | undefined

const orderKey = (order: string): RowKey => ({ table: 'orders', key: [order] })
const accountKey = (account: string): RowKey => ({ table: 'account', key: [account] })
const stateKey: RowKey = { table: 'ledger_state', key: ['now'] }

function readOrder(get: Get, order: string): OrderRow {
  const row = get('orders', order) as OrderRow | undefined
  if (row === undefined) throw new Fault('not_found', 'order')
  return row
}

function post(account: AccountRow, { amount_fen, debit }: Leg): AccountRow {
  const amount = BigInt(amount_fen)
  return {
    account: account.account,
    debit_fen: account.debit_fen + (debit ? amount : 0n),
    credit_fen: account.credit_fen + (debit ? 0n : amount),
    balance: account.balance + (debit ? amount : -amount),
  }
}

/** The rows of one entry: itself with its postings, and the accounts after them. */
function book(booked: AnyBooked, get: Get, kind: 'sale' | 'reversal', order: OrderRow): Put[] {
  const { place } = booked
  const sale = saleLegs(order)
  const accounts = new Map<string, AccountRow>()
  const read = (account: string) =>
    accounts.get(account) ??
    (get('account', account) as AccountRow | undefined) ??
    ({ account, debit_fen: 0n, credit_fen: 0n, balance: 0n } satisfies AccountRow)
  const legs = kind === 'sale' ? sale : reversed(sale)
  const balances_after = legs.map((leg) => {
    const after = post(read(leg.account), leg)
    accounts.set(leg.account, after)
    return after.balance
  })
  const day = (get('ledger_state', 'now') as LedgerStateRow | undefined)?.day ?? null
  const { order_id, total_fen } = order
  const entry: EntryRow = {
    place,
    kind,
    order_id,
    day,
    at_ms: booked.record.at.wall_ms,
    total_fen,
    accounts: legs.map(({ account }) => account),
    amounts_fen: legs.map(({ amount_fen, debit }) => (debit ? amount_fen : -amount_fen)),
    balances_after,
  }
  return [
    { table: 'entry', row: entry },
    ...[...accounts.values()].map((account) => ({ table: 'account', row: account })),
  ]
}

type Fold<K extends Kind> = {
  needs(booked: Booked<K>): readonly RowKey[]
  fold(booked: Booked<K>, get: Get): readonly Put[]
}

const orderEntered: Fold<'order.entered'> = {
  /** The accounts are for a confirmation that may follow within the batch. */
  needs({ record }) {
    const { order, counter, lines, tenders } = record.data
    return [orderKey(order), ...[...accountsOf(counter, lines, tenders)].map(accountKey)]
  },
  fold({ record }, get) {
    const before = get('orders', record.data.order) as OrderRow | undefined
    if (before?.entry_place != null) throw new Fault('order_final')
    return [{ table: 'orders', row: entered(record) }]
  },
}

const orderConfirmed: Fold<'order.confirmed'> = {
  needs: ({ record }) => [orderKey(record.data.order), stateKey],
  fold(booked, get) {
    const { record, place } = booked
    const order = readOrder(get, record.data.order)
    if (order.entry_place !== null) throw new Fault('order_final')
    if (order.state !== 'entered') throw new Fault('wrong_state', order.state)
    const { content_hash, pin } = record.data
    if (order.content_hash !== content_hash) throw new Fault('hash_mismatch')
    // What the customer confirmed is what the PIN was entered for, or nothing is booked.
    if (pin !== undefined && pin.content_hash !== content_hash) throw new Fault('hash_mismatch')
    const times = { confirmed_ms: record.at.wall_ms, entry_place: place }
    const row: OrderRow = { ...order, state: 'confirmed', ...times }
    return [{ table: 'orders', row }, ...book(booked as AnyBooked, get, 'sale', order)]
  },
}

const orderResult: Fold<'order.result'> = {
  needs: ({ record }) => [orderKey(record.data.order), stateKey],
  fold(booked, get) {
    const { record, place } = booked
    const { result, code } = record.data
    const order = readOrder(get, record.data.order)
    if (order.state === 'done' || order.state === 'failed') throw new Fault('order_final')
    if (order.state === 'entered' && result === 'done') throw new Fault('wrong_state', 'entered')
    const end = { state: result, result_ms: record.at.wall_ms, result_code: code } as const
    const taken = result === 'failed' && order.state === 'confirmed'
    if (!taken) return [{ table: 'orders', row: { ...order, ...end } }]
    const row: OrderRow = { ...order, ...end, reversal_place: place }
    return [{ table: 'orders', row }, ...book(booked as AnyBooked, get, 'reversal', order)]
  },
}

const dayOpened: Fold<'day.opened'> = {
  needs: () => [stateKey],
  fold: ({ record }) => [{ table: 'ledger_state', row: { part: 'now', day: record.data.day } }],
}

const folds: { [K in Kind]?: Fold<K> } = {
  'order.entered': orderEntered,
  'order.confirmed': orderConfirmed,
  'order.result': orderResult,
  'day.opened': dayOpened,
}

const foldOf = (booked: AnyBooked) => folds[booked.record.kind] as Fold<Kind> | undefined

export const ledger: Projection = {
  name: 'ledger',
  version: 2,
  tables: ledgerTables,
  kinds: Object.keys(folds) as Kind[],
  needs: (booked) => foldOf(booked)?.needs(booked) ?? [],
  follow(table, row) {
    if (table !== 'orders') return []
    const order = row as OrderRow
    const { lines, tenders } = contentOf(order)
    return [...accountsOf(order.counter, lines, tenders)].map(accountKey)
  },
  fold: (booked, get) => foldOf(booked)?.fold(booked, get) ?? [],
}
