/**
 * Notices that the database was restored. Gateways may go back in their logs only when the
 * database's id is new, so a backup must not come up under the id of what it replaced. The witness
 * is a file outside the database that remembers how far the database was; a database behind its
 * witness gets a new id before it says anything to anyone.
 *
 * What it cannot see: a restore of the witness together with the database. For that there is
 * {@link newLedger}, run by a person. Too many new ids cost a resend, too few cost records, so every
 * doubt makes a new id.
 */
import { randomBytes } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { Fault } from '#devices/std/fault.ts'
import type { Session } from './database.ts'

const Witness = z.object({
  ledger: z.string(),
  /** Grows in the database with every look; a restored copy has a smaller one. */
  mark: z.int(),
  /** Which cluster, which line of its history and how far it had written, as PostgreSQL says. */
  system: z.string().nullable(),
  timeline: z.string().nullable(),
  lsn: z.string().regex(/^\d+$/),
})
type Witness = z.infer<typeof Witness>

export type Identity = { ledger: string; restored: boolean }

/** Compares, gives a new id where needed, and looks anew. `path` null: there is no witness. */
export async function identify(session: Session, path: string | null): Promise<Identity> {
  const witness = path === null ? null : await readWitness(path)
  await session.query(
    'insert into ledger_id (id, mark) values ($1, 0) on conflict (one) do nothing',
    [newId()],
  )
  const restored = witness !== null && isBehind(await look(session), witness)
  if (restored) await newLedger(session)
  return { ledger: await refreshWitness(session, path), restored }
}

/** Gives the database a new id: it was restored and cannot know it. */
export async function newLedger(session: Session): Promise<string> {
  const [row] = await session.query('update ledger_id set id = $1, mark = mark + 1 returning id', [
    newId(),
  ])
  return String(row?.[0])
}

/** Moves the mark and notes where the database is. Gives its id. */
export async function refreshWitness(session: Session, path: string | null): Promise<string> {
  if (path === null) {
    const [row] = await session.query('select id from ledger_id')
    return String(row?.[0])
  }
  await session.query('update ledger_id set mark = mark + 1')
  const seen = await look(session)
  await writeDurably(path, `${JSON.stringify(seen)}\n`)
  return seen.ledger
}

const newId = () => randomBytes(16).toString('hex')

/** What is flushed, so that a power cut never looks like a restore. */
async function look(session: Session): Promise<Witness> {
  const [row] = await session.query(`
    select id, mark, pg_current_wal_flush_lsn() - '0/0'::pg_lsn,
      substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
      (select system_identifier::text from pg_control_system())
    from ledger_id`)
  const [ledger, mark, lsn, timeline, system] = row as [string, number, bigint, string, string]
  return { ledger, mark, lsn: String(lsn), timeline, system }
}

function isBehind(now: Witness, then: Witness): boolean {
  const sameHistory =
    now.ledger === then.ledger && now.system === then.system && now.timeline === then.timeline
  return !sameHistory || now.mark < then.mark || BigInt(now.lsn) < BigInt(then.lsn)
}

/** A witness that cannot be read says nothing for the database: as if it were from elsewhere. */
async function readWitness(path: string): Promise<Witness | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw unavailable(error as NodeJS.ErrnoException, 'cannot be read')
  }
  const unreadable = { ledger: '', mark: 0, system: null, timeline: null, lsn: '0' }
  try {
    return Witness.safeParse(JSON.parse(text)).data ?? unreadable
  } catch {
    return unreadable
  }
}

/** A disk that is full now has room again later: trouble like that of the database itself. */
function unavailable(cause: NodeJS.ErrnoException, what: string): Fault {
  return new Fault('unavailable', `witness: ${cause.code ?? what}`, { cause })
}

async function writeDurably(path: string, text: string): Promise<void> {
  await write(path, text).catch((cause: NodeJS.ErrnoException) => {
    throw unavailable(cause, 'cannot be written')
  })
}

async function write(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`
  const file = await open(fresh, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(fresh, path)
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
