/**
 * Refuses a PostgreSQL, embedded or not, that does not keep what it commits: a receipt tells a
 * gateway that it may prune, so a commit must survive power loss. Fault: `unsafe_database`.
 */
import { Fault } from '#devices/std/fault.ts'

export type Query = (sql: string) => Promise<readonly Record<string, unknown>[]>

const needed = ['fsync', 'full_page_writes', 'synchronous_commit'] as const

/**
 * Reads the settings in force for this session, whoever set them: server, database or role.
 * `synchronous_commit` may be anything but `off`: `local` and above all wait for the local disk.
 */
export async function assertDurable(query: Query): Promise<void> {
  const names = needed.map((name) => `'${name}'`).join(', ')
  const rows = await query(`select name, setting from pg_settings where name in (${names})`)
  const found = new Map(rows.map((row) => [String(row.name), String(row.setting)]))
  const off = needed.filter((name) => (found.get(name) ?? 'off') === 'off')
  if (off.length > 0) throw new Fault('unsafe_database', `${off.join(', ')} off`)
}
