import { afterAll, beforeAll } from 'vitest'
import { projections } from '../../cloud/projections.ts'
import { PgStore } from '../../cloud/store/pg-store.ts'
import { cloudStoreSuite } from '../ports/cloud-store.suite.ts'
import { type Databases, sharedPostgres } from './pg-fixture.ts'

let postgres: Databases
const opened: PgStore[] = []

beforeAll(async () => {
  postgres = await sharedPostgres()
})
afterAll(async () => {
  for (const store of opened) await store[Symbol.asyncDispose]()
  await postgres?.[Symbol.asyncDispose]()
})

cloudStoreSuite('PostgreSQL', {
  async open(beforeStatement = () => {}) {
    const url = await postgres.newDatabase()
    const store = new PgStore({ url, projections, witness_path: null, beforeStatement })
    opened.push(store)
    await store.ready()
    return store
  },
})
