/**
 * Connections to PostgreSQL: the one file that knows the package `pg`. Every error a statement ends
 * in leaves here as a Fault: `unavailable` (the database is away, full, shutting down, or its tables
 * are not there), `invalid` (something in the values cannot be stored: a record is to blame), or as
 * it was (our SQL is wrong: our bug). Texts of the server are not passed on, as they quote values.
 */
import pg from 'pg'
import { assert } from '#devices/std/assert.ts'
import { Fault } from '#devices/std/fault.ts'
import { sqlTypes } from './types.ts'

export type SqlValue = string | number | bigint | boolean | null | Uint8Array
/** Rows as arrays in the order of the selected columns. */
export type SqlRow = readonly unknown[]

/** One connection, for as long as it is held. Statements with a name are prepared once. */
export interface Session {
  query(text: string, values?: readonly SqlValue[], name?: string): Promise<SqlRow[]>
  /** Sends what `copy ... from stdin` takes. */
  copy(text: string, bytes: Buffer): Promise<void>
  /** Like `query`; the server's word for what was done, as `COMMIT` or `ROLLBACK`. */
  command(text: string): Promise<string>
}

export interface Database {
  /** Runs `work` on a connection of its own; one that failed is not used again. */
  use<T>(work: (session: Session) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export type DatabaseOptions = {
  url: string
  /** Connections at most. */
  connections_max?: number
  /** Set on every connection after it is made, as `name = value`. */
  settings?: readonly string[]
}

/**
 * A join of a few keys with a large table must use its index, whatever the statistics of a table
 * that just grew say. A frozen worker may not hold a cursor for ever.
 */
const ingestSettings = [
  'enable_seqscan = off',
  'enable_hashjoin = off',
  'enable_mergejoin = off',
  'jit = off',
  "lock_timeout = '20s'",
  "statement_timeout = '60s'",
  "idle_in_transaction_session_timeout = '60s'",
]

/**
 * Opens nothing yet: the database may be absent, each use then faults `unavailable`. `onLost` is told
 * of connections that are lost while idle.
 */
export function connectTo(options: DatabaseOptions, onLost: () => void = () => {}): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.connections_max ?? 4,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: 'hallway',
    types: sqlTypes,
  })
  const settings = [...ingestSettings, ...(options.settings ?? [])].map((s) => `set ${s}`).join(';')
  const prepared = new WeakSet<pg.PoolClient>()
  // Also of a connection that was lost while nobody used it.
  pool.on('error', onLost)
  return {
    async use(work) {
      const client = await pool.connect().catch(fail)
      const trouble = { lost: false }
      const note = () => {
        trouble.lost = true
      }
      client.on('error', note)
      try {
        if (!prepared.has(client)) await client.query(settings).catch(fail)
        prepared.add(client)
        return await work(sessionOf(client, note))
      } finally {
        client.off('error', note)
        client.release(trouble.lost)
      }
    },
    close: () => pool.end(),
  }
}

function sessionOf(client: pg.PoolClient, lost: () => void): Session {
  const failed = (error: unknown): never => {
    if (!(error instanceof pg.DatabaseError) || error.severity !== 'ERROR') lost()
    return fail(error)
  }
  const run = (config: pg.QueryConfig) =>
    client.query({ ...config, rowMode: 'array' }).catch(failed)
  return {
    async query(text, values, name) {
      const config: pg.QueryConfig = { text }
      if (values !== undefined) config.values = values as unknown[]
      if (name !== undefined) config.name = name
      const result = await run(config)
      // Several statements in one text have several results, which nobody asks for.
      return Array.isArray(result) ? [] : (result.rows as unknown as SqlRow[])
    },
    copy: (text, bytes) => copyIn(client, text, bytes).catch(failed),
    async command(text) {
      return (await run({ text })).command
    },
  }
}

type CopyConnection = {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

/** `pg` lets any object answer the protocol: this one sends the bytes when the server asks. */
function copyIn(client: pg.PoolClient, text: string, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const query = {
      submit: (connection: CopyConnection) => connection.query(text),
      handleCopyInResponse(connection: CopyConnection) {
        connection.sendCopyFromChunk(bytes)
        connection.endCopyFrom()
      },
      handleError: reject,
      handleCommandComplete() {},
      handleReadyForQuery: () => resolve(),
    }
    client.query(query as unknown as pg.Submittable)
  })
}

/** Classes of SQLSTATE that a value caused: data exception, constraint, a limit of the program. */
const blamesValues = new Set(['22', '23', '54'])
/** Tables or columns that are missing: another database than the one that was opened. */
const blamesSchema = new Set(['42P01', '42703', '3F000'])
/** Syntax and access classes: our own SQL is wrong. */
const blamesUs = new Set(['42', '0A', '26', '34'])

function fail(error: unknown): never {
  if (!(error instanceof pg.DatabaseError)) {
    const code = (error as { code?: unknown }).code
    throw new Fault('unavailable', typeof code === 'string' ? `database: ${code}` : 'database')
  }
  const state = error.code ?? ''
  if (blamesSchema.has(state)) throw new Fault('unavailable', `database: ${state}`)
  if (blamesValues.has(state.slice(0, 2))) {
    throw new Fault('invalid', [state, error.table, error.column].filter(Boolean).join(' '))
  }
  assert(!blamesUs.has(state.slice(0, 2)), `SQL is right: ${state} ${error.message}`)
  throw new Fault('unavailable', `database: ${state}`)
}
