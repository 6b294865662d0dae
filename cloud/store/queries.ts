/**
 * Kysely over PostgreSQL for everything that is not ingest: the API's reads and enrolment's rows.
 * A pool of its own, so that a slow read never waits in front of a commit. Faults `unavailable`
 * when the database is away; every other error is a mistake in our SQL and stays as it is.
 */
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { Fault } from '#devices/std/fault.ts'
import type { EnrolmentTables } from '../enrol/tables.ts'
import type { GapRow } from '../health/gaps.ts'
import type { AccountRow, EntryRow, OrderRow } from '../ledger/tables.ts'
import type { CounterRow, HallDayRow, HallStateRow, VisitRow } from '../queue/tables.ts'
import { sqlTypes } from './types.ts'

type OfHall<T> = T & { hall: string }
type Named = { zh: string; en: string }
/** jsonb comes back parsed, where ingest keeps it as text. */
type Parsed<T, K extends keyof T, P> = Omit<T, K> & { [key in K]: P }

export type Tables = EnrolmentTables & {
  ledger_id: { one: boolean; id: string }
  hall_cursor: {
    hall: string
    records: number
    epoch: string | null
    seq: number | null
    hash: string | null
    owner: string | null
    fence: number
  }
  epoch: {
    hall: string
    epoch: string
    number: number
    parent_epoch: string | null
    parent_seq: number | null
    parent_hash: string | null
    reason: string
    gateway: string
    continues: boolean
    seq: number
    hash: string
    branch: boolean
  }
  segment: {
    hall: string
    place: number
    epoch: string
    first: number
    last: number
    bytes: Uint8Array
  }
  live_rejection: {
    hall: string
    projection: string
    place: number
    version: number
    epoch: string
    seq: number
    code: string
  }
  live_visit: OfHall<VisitRow>
  live_hall_day: OfHall<HallDayRow>
  live_counter: OfHall<CounterRow>
  live_hall_state: OfHall<
    Parsed<HallStateRow, 'services', { service: string; name: Named }[] | null>
  >
  live_orders: OfHall<OrderRow>
  live_entry: OfHall<EntryRow>
  live_account: OfHall<AccountRow>
  live_gap: OfHall<GapRow>
}

export type Queries = Kysely<Tables>

export type QueriesOptions = { url: string; read_only: boolean; connections_max?: number }

/** Opens nothing yet. End it with `destroy()`. */
export function openQueries({ url, read_only, connections_max }: QueriesOptions): Queries {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections_max ?? 4,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: read_only ? 'hallway-api' : 'hallway-enrolment',
    options: `-c statement_timeout=15s -c default_transaction_read_only=${read_only ? 'on' : 'off'}`,
    types: sqlTypes,
  })
  // Without a listener a connection lost while idle would end the process.
  pool.on('error', () => {})
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
}

/** Classes of SQLSTATE that say our SQL or our values are wrong. */
const OURS = new Set(['22', '23', '42', '0A', '26', '34'])
/** A table that is not there yet: the database is being prepared. */
const PREPARING = '42P01'

/** Runs a query or a transaction; what the database's absence causes becomes a Fault. */
export async function asking<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = (error as { code?: unknown }).code
    const state = error instanceof pg.DatabaseError ? (error.code ?? '') : null
    const ours = state !== null && state !== PREPARING && OURS.has(state.slice(0, 2))
    if (ours || error instanceof Fault) throw error
    if (state === null && typeof code !== 'string' && !lost(error)) throw error
    throw new Fault('unavailable', `database: ${state ?? code ?? 'connection'}`, { cause: error })
  }
}

const lost = (error: unknown) => error instanceof Error && /connection|timeout/i.test(error.message)

/** Whether the database answers at the moment: for the state of the whole program. */
export async function answers(db: Queries): Promise<boolean> {
  return sql`select 1`
    .execute(db)
    .then(() => true)
    .catch(() => false)
}
