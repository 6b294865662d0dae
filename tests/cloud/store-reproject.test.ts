import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commit } from '../../cloud/intake/commit.ts'
import { ledger } from '../../cloud/ledger/ledger.ts'
import type { Projection } from '../../cloud/ports.ts'
import { projections } from '../../cloud/projections.ts'
import { PgStore } from '../../cloud/store/pg-store.ts'
import { reproject } from '../../cloud/store/reproject.ts'
import type { Batch } from '../../devices/contract/batch.ts'
import { silent } from '../../devices/std/log.ts'
import { busyLog } from './busy-log.ts'
import { batchesOf } from './epochs.ts'
import { type Databases, sharedPostgres } from './pg-fixture.ts'

const HALL = 'h1'
let postgres: Databases
let store: PgStore

beforeAll(async () => {
  postgres = await sharedPostgres()
})
afterAll(async () => {
  await store?.[Symbol.asyncDispose]()
  await postgres?.[Symbol.asyncDispose]()
})

async function openStore(url: string, list: readonly Projection[] = projections) {
  await store?.[Symbol.asyncDispose]()
  store = new PgStore({ url, projections: list, witness_path: null })
}

const bookAll = async (batches: readonly Batch[], list: readonly Projection[] = projections) => {
  for (const batch of batches)
    await commit({ store, projections: list, logger: silent }, [
      { type: 'batch', hall: HALL, batch },
    ])
}

/** Every live row of every projection, and what was refused. */
async function liveRows(): Promise<Record<string, string[]>> {
  const tables = projections.flatMap((p) => p.tables.map(({ table }) => table))
  const found: Record<string, string[]> = {}
  for (const table of [...tables, 'rejection']) {
    const rows = await store.session((session) =>
      session.query(`select to_jsonb(t)::text from live_${table} t order by 1`),
    )
    found[table] = rows.map(([row]) => String(row))
  }
  return found
}

/** How many builds have rows of a table. */
async function buildsIn(table: string): Promise<number[]> {
  const rows = await store.session((session) =>
    session.query(`select distinct build from ${table} order by 1`),
  )
  return rows.map(([build]) => Number(build))
}

describe('re-projection', () => {
  it('makes the same rows again and clears the old ones away', async () => {
    await openStore(await postgres.newDatabase())
    const [first, second] = busyLog(40)
    await bookAll([...batchesOf(first, 17), ...batchesOf(second, 5)])
    const before = await liveRows()
    expect(before.visit).toHaveLength(41)
    expect(before.rejection!.length).toBeGreaterThan(3)
    for (const { name } of projections) {
      const { build, records } = await reproject(store, HALL, name)
      expect(build).toBe(2)
      expect(records).toBe(first.texts.length + second.texts.length)
    }
    expect(await liveRows()).toEqual(before)
    expect(await buildsIn('visit')).toEqual([2])
    expect(await buildsIn('entry')).toEqual([2])
  })

  it('misses nothing that comes in meanwhile', async () => {
    await openStore(await postgres.newDatabase())
    const [first, second] = busyLog(60)
    const batches = [...batchesOf(first, 11), ...batchesOf(second, 5)]
    await bookAll(batches)
    const whole = await liveRows()

    await openStore(await postgres.newDatabase())
    await bookAll(batches.slice(0, 2))
    const rest = bookAll(batches.slice(2))
    for (let i = 0; i < 4; i++) await reproject(store, HALL, i % 2 === 0 ? 'visits' : 'ledger')
    await rest
    expect(await liveRows()).toEqual(whole)
  })

  it('holds a hall back whose rows are of another version until they are made anew', async () => {
    const url = await postgres.newDatabase()
    await openStore(url)
    const [first, second] = busyLog(10)
    await bookAll(batchesOf(first, 100))
    const { version } = ledger
    const newer = projections.map((p) => (p === ledger ? { ...p, version: version + 1 } : p))
    await openStore(url, newer)
    expect(await store.stale()).toEqual([{ hall: HALL, projection: 'ledger', version }])
    await expect(bookAll(batchesOf(second, 100), newer)).rejects.toMatchObject({
      code: 'unavailable',
    })
    await reproject(store, HALL, 'ledger')
    expect(await store.stale()).toEqual([])
    await bookAll(batchesOf(second, 100), newer)
    expect((await liveRows()).visit).toHaveLength(11)
  })

  it('makes rows of a projection that came later, and of nothing else', async () => {
    const url = await postgres.newDatabase()
    const fewer = projections.filter((p) => p.name !== 'ledger')
    await openStore(url, fewer)
    const [first] = busyLog(10)
    await bookAll(batchesOf(first, 100), fewer)
    await openStore(url)
    expect(await store.stale()).toEqual([{ hall: HALL, projection: 'ledger', version: null }])
    await reproject(store, HALL, 'ledger')
    expect((await liveRows()).orders).toHaveLength(10)
  })

  it('is done once at a time, and of what exists', async () => {
    let tried = 0
    await reproject(store, HALL, 'visits', {
      async onProgress() {
        if (tried++ > 0) return
        const second = reproject(store, HALL, 'visits')
        await expect(second).rejects.toMatchObject({ code: 'wrong_state' })
      },
    })
    expect(tried).toBeGreaterThan(0)
    await expect(reproject(store, 'nowhere', 'visits')).rejects.toMatchObject({ code: 'not_found' })
    await expect(reproject(store, HALL, 'weather')).rejects.toMatchObject({ code: 'not_found' })
  })
})
