/**
 * Brings the tables to what this version needs. Several controllers may start at once: one does it,
 * the others wait. Refuses a database of a newer version (`unsupported`).
 */
import { Fault } from '#devices/std/fault.ts'
import type { Projection } from '../ports.ts'
import type { Session } from './database.ts'
import { migrations, projectionSql } from './schema.ts'

/** Names the lock under which tables are changed: the letters of our name. */
const LOCK = 0x68_61_6c_6c

/** One transaction: all of it or nothing. */
export async function migrate(session: Session, projections: readonly Projection[]): Promise<void> {
  await session.command('begin')
  try {
    await session.query(`select pg_advisory_xact_lock(${LOCK})`)
    await session.query(
      'create table if not exists schema_version (version int4 primary key, spec text not null)',
    )
    await toNewest(session)
    await projectionTables(session, projections)
    await session.command('commit')
  } catch (error) {
    await session.command('rollback').catch(() => {})
    throw error
  }
}

async function toNewest(session: Session): Promise<void> {
  const [row] = await session.query('select coalesce(max(version), 0) from schema_version')
  const held = Number(row?.[0])
  const newest = migrations.at(-1)!.version
  if (held > newest) throw new Fault('unsupported', `database schema ${held}, known to ${newest}`)
  for (const { version, sql } of migrations.filter((m) => m.version > held)) {
    await session.query(sql)
    await session.query(`insert into schema_version values (${version}, '')`)
  }
}

/** Only where they changed: making a view anew would wait for everyone who reads it. */
async function projectionTables(session: Session, projections: readonly Projection[]) {
  const sql = projections
    .flatMap(({ name, tables }) => tables.map((spec) => projectionSql(name, spec)))
    .join('\n')
  const version = migrations.at(-1)!.version
  const [row] = await session.query(`select spec from schema_version where version = ${version}`)
  if (row?.[0] === sql) return
  await session.query(sql)
  await session.query('update schema_version set spec = $1 where version = $2', [sql, version])
}
