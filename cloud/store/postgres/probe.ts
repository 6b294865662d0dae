/**
 * One short connection to the embedded server: does it take our password, does it serve our folder,
 * does it have our database. Owns the `pg` package for this folder.
 */
import pg from 'pg'
import { codeOf } from './place.ts'

export type Probe = 'ours' | 'refused' | 'foreign' | 'silent'

/** SQLSTATE 28P01 and 28000: the server answers, and does not know our password or our role. */
const refusals = new Set(['28P01', '28000'])

/** `silent` covers everything that time may heal: still starting, shutting down, no answer. */
export async function probe(url: string, pgdata: string): Promise<Probe> {
  try {
    const rows = await ask(url, "select current_setting('data_directory') as dir")
    return rows[0]?.dir === pgdata ? 'ours' : 'foreign'
  } catch (error) {
    return refusals.has(codeOf(error)) ? 'refused' : 'silent'
  }
}

/** Creates the database unless it exists. `name` is ours, a plain word. */
export async function ensureDatabase(url: string, name: string): Promise<void> {
  const rows = await ask(url, 'select 1 as found from pg_database where datname = $1', [name])
  if (rows.length > 0) return
  await ask(url, `create database ${pg.escapeIdentifier(name)}`)
}

async function ask(
  connectionString: string,
  sql: string,
  values: string[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 })
  // A server that goes away in the middle says so here as well as in the rejected call.
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query<Record<string, unknown>>(sql, values)).rows
  } finally {
    await client.end().catch(() => {})
  }
}
