/** The same bad input with a real database behind, and the database gone while it arrives. */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { projections } from '../../cloud/projections.ts'
import { PgStore } from '../../cloud/store/pg-store.ts'
import { intakeSuite } from './intake.suite.ts'
import { chainOf, goodEpoch, intake } from './intake-fixture.ts'
import { type Databases, sharedPostgres, startPostgres } from './pg-fixture.ts'

let postgres: Databases
const urls = new Map<unknown, string>()
const open: PgStore[] = []
beforeAll(async () => {
  postgres = await sharedPostgres()
})
afterEach(async () => {
  for (const store of open.splice(0)) await store[Symbol.asyncDispose]()
})
afterAll(async () => postgres?.[Symbol.asyncDispose]())

async function openStore(): Promise<PgStore> {
  const url = await postgres.newDatabase()
  const store = new PgStore({ projections, url, witness_path: null })
  urls.set(store, url)
  open.push(store)
  return store
}

async function column(store: unknown, sql: string, hall: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: urls.get(store)! })
  await client.connect()
  try {
    return (await client.query(sql, [hall])).rows.map((row) => row.told as string)
  } finally {
    await client.end()
  }
}

const BOOKED = `select order_id || ' ' || total_fen as told from live_orders
  where hall = $1 and entry_place is not null order by order_id collate "C"`

intakeSuite('in PostgreSQL', {
  storeOnly: true,
  open: openStore,
  booked: (store, hall) => column(store, BOOKED, hall),
  rejected: (store, hall) =>
    column(store, `select seq || ' ' || code as told from rejection where hall = $1`, hall),
  setOwner: (store, hall, owner) =>
    store.transaction(async (tx) => {
      const cursor = { ...(await tx.cursors([hall])).get(hall)!, owner }
      const nothing = { epochs: [], segments: [], origins: [], puts: [], rejections: [] }
      await tx.write([{ hall, cursor, ...nothing, upto: cursor.records }])
    }),
})

it('a database killed while batches arrive answers only what it kept, and all of it once', async () => {
  const own = await startPostgres()
  try {
    const url = await own.newDatabase()
    const store = new PgStore({ projections, url, witness_path: null })
    urls.set(store, url)
    open.push(store)
    const here = intake(store)
    const chain = chainOf(goodEpoch(1, 40))
    let held = 0
    for (let first = 1; first <= chain.payloads.length; first += 9) {
      const last = Math.min(first + 8, chain.payloads.length)
      const booking = here.book('h1', chain, first, last)
      if (first === 28) process.kill(own.cluster.postmasterPid(), 'SIGKILL')
      const receipt = await booking
      expect(receipt).toMatchObject({ status: 'held', seq: last })
      expect(receipt.seq).toBeGreaterThan(held)
      held = receipt.seq
    }
    expect(await column(store, BOOKED, 'h1')).toHaveLength(40)
    expect(here.pipeline.counters().store_errors).toBeGreaterThan(0)
  } finally {
    for (const store of open.splice(0)) await store[Symbol.asyncDispose]()
    await own[Symbol.asyncDispose]()
  }
})
