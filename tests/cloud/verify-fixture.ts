/** A controller's database with a busy log in it, changed by hand and put right again. */
import { commit } from '../../cloud/intake/commit.ts'
import { projections } from '../../cloud/projections.ts'
import type { SqlRow, SqlValue } from '../../cloud/store/database.ts'
import { PgStore } from '../../cloud/store/pg-store.ts'
import type { Finding } from '../../cloud/verify/findings.ts'
import { connect, openReader, readerOn } from '../../cloud/verify/rows.ts'
import { type Verdict, type VerifyOptions, verify } from '../../cloud/verify/verify.ts'
import { silent } from '../../devices/std/log.ts'
import { busyLog } from './busy-log.ts'
import { batchesOf } from './epochs.ts'
import { sharedPostgres } from './pg-fixture.ts'

export const HALL = 'h1'
export const VISITS = 20

export type Booked = AsyncDisposable & {
  url: string
  folder: string
  store: PgStore
  query(sql: string, values?: SqlValue[]): Promise<SqlRow[]>
  verdict(options?: VerifyOptions): Promise<Verdict>
  /** What verification finds after `sql`, which is then taken back. */
  findingsOf(sql: string, values?: unknown[]): Promise<Finding[]>
}

export async function bookBusyLog(): Promise<Booked> {
  const postgres = await sharedPostgres()
  const url = await postgres.newDatabase()
  const store = new PgStore({ url, projections, witness_path: null })
  const [first, second] = busyLog(VISITS)
  for (const batch of [...batchesOf(first, 9), ...batchesOf(second, 4)])
    await commit({ store, projections, logger: silent }, [{ type: 'batch', hall: HALL, batch }])
  const query = (sql: string, values?: SqlValue[]) => store.session((s) => s.query(sql, values))
  const hand = await connect(url)
  return {
    ...{ url, folder: postgres.folder, store, query },
    async verdict(options) {
      const reader = await openReader(url)
      try {
        return await verify(reader, options)
      } finally {
        await reader.close()
      }
    },
    async findingsOf(sql, values) {
      await hand.query('begin')
      try {
        await hand.query(sql, values)
        return (await verify(readerOn(hand))).findings
      } finally {
        await hand.query('rollback')
      }
    },
    async [Symbol.asyncDispose]() {
      await hand.end()
      await store[Symbol.asyncDispose]()
      await postgres[Symbol.asyncDispose]()
    },
  }
}
