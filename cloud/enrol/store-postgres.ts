/** The rows of enrolment in PostgreSQL. Raises `unavailable` when the database is away. */
import { CompiledQuery, sql, type Transaction } from 'kysely'
import { type PrintedRow, printedNumbersSql, printedOf } from '../store/printed-numbers.ts'
import { asking, type Queries, type Tables } from '../store/queries.ts'
import type { EnrolStore, HallForEnrolment, Holding, NewOwner, NewToken } from './store.ts'
import { enrolmentSql } from './tables.ts'

type Tx = Transaction<Tables>

/** Unspent tokens of a hall at most: the oldest give way. */
const TOKENS_MAX = 8

/** Makes the tables where they are missing; concurrent controllers wait for one another. */
export async function prepareEnrolment(db: Queries): Promise<void> {
  await asking(() =>
    db.transaction().execute(async (tx) => {
      await sql`select pg_advisory_xact_lock(hashtext('hallway.enrolment'))`.execute(tx)
      await sql.raw(enrolmentSql).execute(tx)
    }),
  )
}

export function createEnrolStore(db: Queries): EnrolStore {
  return {
    createHall: ({ hall, rules, key_sealed }, token) =>
      change(db, async (tx) => {
        const made = await tx
          .insertInto('hall')
          .values({ hall, rules, config_version: 1, key_sealed })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst()
        if (made.numInsertedOrUpdatedRows !== 1n) return false
        await ensureCursor(tx, hall)
        await insertToken(tx, hall, token)
        return true
      }),
    addToken: (hall, token) =>
      change(db, async (tx) => {
        const found = await tx
          .selectFrom('hall')
          .select('hall')
          .where('hall', '=', hall)
          .forUpdate()
          .executeTakeFirst()
        if (found === undefined) return false
        await insertToken(tx, hall, token)
        return true
      }),
    trade: (hash, now_ms, work) =>
      change(db, async (tx) => {
        const token = await tx
          .selectFrom('hall_token')
          .select(['hall', 'kind'])
          .where('hash', '=', hash)
          .where('spent', '=', false)
          .where('expires_ms', '>', now_ms)
          .forUpdate()
          .executeTakeFirst()
        if (token === undefined) return null
        const { kind } = token
        const hall = await lockHall(tx, token.hall)
        const settle = (owner: NewOwner) => settleOwner(tx, hall.hall, owner)
        return work({ kind, hall, holding: () => holding(tx, hall.hall), settle })
      }),
    passwordHash: (hall) =>
      asking(async () => {
        const row = await db
          .selectFrom('hall')
          .select('password_hash')
          .where('hall', '=', hall)
          .executeTakeFirst()
        return row?.password_hash ?? null
      }),
    owners: () =>
      asking(() =>
        db
          .selectFrom('hall_cursor')
          .select(['hall', 'owner'])
          .where('owner', 'is not', null)
          .$narrowType<{ owner: string }>()
          .execute(),
      ),
  }
}

const change = <T>(db: Queries, work: (tx: Tx) => Promise<T>): Promise<T> =>
  asking(() => db.transaction().execute(work))

async function ensureCursor(tx: Tx, hall: string): Promise<void> {
  await tx
    .insertInto('hall_cursor')
    .values({ hall, records: 0, fence: 0 })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

async function insertToken(tx: Tx, hall: string, token: NewToken): Promise<void> {
  const kept = tx
    .selectFrom('hall_token')
    .select('hash')
    .where('hall', '=', hall)
    .orderBy('expires_ms', 'desc')
    .limit(TOKENS_MAX - 1)
  await tx.deleteFrom('hall_token').where('hall', '=', hall).where('hash', 'not in', kept).execute()
  await tx
    .insertInto('hall_token')
    .values({ ...token, hall, spent: false })
    .execute()
}

/** The cursor's row lock keeps commits of this hall out until the new owner stands. */
async function lockHall(tx: Tx, hall: string): Promise<HallForEnrolment> {
  await ensureCursor(tx, hall)
  return tx
    .selectFrom('hall as h')
    .innerJoin('hall_cursor as c', 'c.hall', 'h.hall')
    .select(['h.hall', 'h.rules', 'h.config_version', 'h.key_sealed', 'c.owner', 'c.fence'])
    .where('h.hall', '=', hall)
    .forUpdate()
    .executeTakeFirstOrThrow()
}

async function settleOwner(tx: Tx, hall: string, owner: NewOwner): Promise<void> {
  const { gateway, fence, password_hash, at_ms } = owner
  await tx
    .updateTable('hall_cursor')
    .set({ owner: gateway, fence })
    .where('hall', '=', hall)
    .execute()
  await tx
    .updateTable('hall')
    .set({ password_hash, enrolled_ms: at_ms })
    .where('hall', '=', hall)
    .execute()
  await tx.updateTable('hall_token').set({ spent: true }).where('hall', '=', hall).execute()
}

async function holding(tx: Tx, hall: string): Promise<Holding> {
  const ledger = await tx.selectFrom('ledger_id').select('id').executeTakeFirstOrThrow()
  const head = await tx
    .selectFrom('hall_cursor as c')
    .innerJoin('epoch as e', (join) =>
      join.onRef('e.hall', '=', 'c.hall').onRef('e.epoch', '=', 'c.epoch'),
    )
    .select(['e.epoch', 'e.number as epoch_number', 'c.seq', 'c.hash'])
    .where('c.hall', '=', hall)
    .executeTakeFirst()
  const held = head === undefined ? null : { ...head, seq: head.seq ?? 0, hash: head.hash ?? '' }
  const printed = CompiledQuery.raw(printedNumbersSql, [hall])
  const { rows } = await tx.executeQuery<PrintedRow>(printed as CompiledQuery<PrintedRow>)
  return { ledger: ledger.id, held, numbers: printedOf(rows) }
}
