/** The sync between a commit's write to the database's log and the receipt that tells of it. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type PgFixture, startPostgres } from '../cloud/pg-fixture.ts'
import { hasStrace, judge, trace } from './trace.ts'

const BATCHES = 10
const child = join(import.meta.dirname, 'controller-child.ts')
const possible = hasStrace()

let postgres: PgFixture
beforeAll(async () => {
  if (!possible) return
  // Writes of its own accord would be seen among those of commits.
  const quiet = { wal_writer_delay: '10s', autovacuum: 'off', bgwriter_lru_maxpages: '0' }
  postgres = await startPostgres({ ...quiet, checkpoint_timeout: '1h' })
})
afterAll(async () => postgres?.[Symbol.asyncDispose]())

async function receipts(off: readonly string[]) {
  const url = await postgres.newDatabase()
  const pid = postgres.cluster.postmasterPid()
  const { out, file } = await trace(postgres.folder, [child, url, `${BATCHES}`, ...off], [pid])
  expect(out).toContain('end')
  return judge(file, (path) => path.includes('/pg_wal/'), /receipt \d+/)
}

it.runIf(possible)('every commit is synced before its receipt leaves', async () => {
  const judged = await receipts([])
  expect(judged).toHaveLength(BATCHES + 1)
  for (const { marker, writes, synced } of judged) {
    expect(writes, marker).toBeGreaterThan(0)
    expect(synced, marker).toBe(true)
  }
})

it.runIf(possible)('with fsync switched off the same look finds every one unsynced', async () => {
  const settings = join(postgres.cluster.place.home, 'server.conf')
  const judged = await receipts([settings, `${postgres.cluster.postmasterPid()}`])
  expect(judged).toHaveLength(BATCHES + 1)
  for (const { marker, writes, synced } of judged) {
    expect(writes, marker).toBeGreaterThan(0)
    expect(synced, marker).toBe(false)
  }
})
