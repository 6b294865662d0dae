/** What only a real database does: being unsafe, away, restored; and failing at every statement. */
import { spawnSync } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { commit } from '../../cloud/intake/commit.ts'
import { projections } from '../../cloud/projections.ts'
import { isConnectionLoss } from '../../cloud/store/errors.ts'
import { PgStore, type PgStoreOptions } from '../../cloud/store/pg-store.ts'
import { openCluster } from '../../cloud/store/postgres/supervisor.ts'
import { openReader } from '../../cloud/verify/rows.ts'
import { verify } from '../../cloud/verify/verify.ts'
import { Fault } from '../../devices/std/fault.ts'
import { silent } from '../../devices/std/log.ts'
import { busyLog } from './busy-log.ts'
import { batchesOf } from './epochs.ts'
import { type PgFixture, startPostgres } from './pg-fixture.ts'

const held: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of held.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function start(settings: Readonly<Record<string, string>> = {}): Promise<PgFixture> {
  const postgres = await startPostgres(settings)
  held.push(postgres)
  return postgres
}

function openStore(options: Pick<PgStoreOptions, 'url'> & Partial<PgStoreOptions>): PgStore {
  const store = new PgStore({ projections, witness_path: null, ...options })
  held.push(store)
  return store
}

const claim = (store: PgStore, owner: string) =>
  store.transaction(async (tx) => {
    const cursor = { ...(await tx.cursors(['h1'])).get('h1')!, owner }
    const nothing = { epochs: [], segments: [], origins: [], puts: [], rejections: [] }
    await tx.write([{ hall: 'h1', cursor, ...nothing, upto: cursor.records }])
  })

describe('a database that does not keep what it commits', () => {
  it.each(['fsync', 'synchronous_commit', 'full_page_writes'])(
    'is refused: %s off',
    async (off) => {
      const postgres = await start({ [off]: 'off' })
      const store = openStore({ url: postgres.cluster.url() })
      await expect(store.ready()).rejects.toMatchObject({ code: 'unsafe_database' })
      await expect(claim(store, 'a')).rejects.toMatchObject({ code: 'unsafe_database' })
    },
  )
})

/** Kills what serves connections, as the system does when memory is short; the rest restarts. */
function killSessions(postmaster: number): void {
  const listed = spawnSync('ps', ['--ppid', String(postmaster), '-o', 'pid=,args='], {
    encoding: 'utf8',
  })
  const sessions = listed.stdout.split('\n').filter((line) => line.includes('postgres: hallway'))
  expect(sessions.length).toBeGreaterThan(0)
  for (const line of sessions) process.kill(Number.parseInt(line, 10), 'SIGKILL')
}

describe('a database that is away', () => {
  it('is told apart from bad records, and used again when it is back', async () => {
    const nowhere = openStore({ url: 'postgresql://x:y@127.0.0.1:1/none' })
    const error = await claim(nowhere, 'a').catch((e: unknown) => e)
    expect(isConnectionLoss(error)).toBe(true)
    expect(String(error)).not.toContain('y@')

    const postgres = await start()
    const store = openStore({ url: postgres.cluster.url() })
    await claim(store, 'first')
    process.kill(postgres.cluster.postmasterPid(), 'SIGKILL')
    const lost = await claim(store, 'second').catch((e: unknown) => e)
    expect(lost === undefined || isConnectionLoss(lost)).toBe(true)
    for (let tries = 0; ; tries++) {
      const failed = await claim(store, 'third').catch((e: unknown) => e)
      if (failed === undefined) break
      expect(isConnectionLoss(failed)).toBe(true)
      expect(tries).toBeLessThan(2_000)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })

  it('that goes while a transaction is open leaves nothing of it', async () => {
    const postgres = await start()
    const store = openStore({ url: postgres.cluster.url() })
    const [first] = busyLog(3)
    const [batch] = batchesOf(first, 100)
    let armed = true
    const cut = openStore({
      url: postgres.cluster.url(),
      beforeStatement(name) {
        if (name !== 'write_cursor' || !armed) return
        armed = false
        killSessions(postgres.cluster.postmasterPid())
      },
    })
    const item = { type: 'batch' as const, hall: 'h1', batch: batch! }
    const deps = { store: cut, projections, logger: silent }
    const error = await commit(deps, [item]).catch((e: unknown) => e)
    expect(isConnectionLoss(error)).toBe(true)
    // The server ends every session and recovers; when that begins and ends nobody says.
    const again = async <T>(ask: () => Promise<T>): Promise<T> => {
      for (;;) {
        const answer = await ask().catch((e: unknown) => {
          if (isConnectionLoss(e)) return null
          throw e
        })
        if (answer !== null) return answer
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
    const rows = await again(() => store.session((s) => s.query('select records from hall_cursor')))
    expect(rows).toEqual([])
    const answers = await again(() => commit({ ...deps, store }, [item]))
    expect(answers[0]).toMatchObject({ booked: first.texts.length })
  })
})

/** With owners and modes, which a server insists on. */
function copy(from: string, to: string): void {
  expect(spawnSync('cp', ['-a', from, to]).status).toBe(0)
}

describe('the database id', () => {
  it('stays through restarts and changes when an older copy comes up', async () => {
    const postgres = await start()
    const witness_path = join(postgres.folder, 'witness.json')
    const backup = join(postgres.folder, 'backup')
    const pgdata = postgres.cluster.place.pgdata
    const during = async (work: (store: PgStore) => Promise<void>): Promise<string> => {
      await using cluster = await openCluster({
        dataDir: postgres.cluster.place.dataDir,
        log: silent,
      })
      const options = { url: cluster.url(), projections, witness_path }
      try {
        await using store = new PgStore(options)
        await work(store)
        return await store.ledger()
      } finally {
        await cluster.stop()
      }
    }
    await postgres.cluster.stop()
    const first = await during((store) => claim(store, 'first'))
    copy(pgdata, backup)
    expect(await during((store) => claim(store, 'second'))).toBe(first)

    await rm(pgdata, { recursive: true })
    copy(backup, pgdata)
    const restored = await during(async () => {})
    expect(restored).not.toBe(first)
    expect(await during(async () => {})).toBe(restored)
  })

  it('changes after rows of an older copy were put back, and when a person says so', async () => {
    const postgres = await start()
    const witness_path = join(postgres.folder, 'witness.json')
    const url = postgres.cluster.url()
    const use = async (work: (store: PgStore) => Promise<void>): Promise<string> => {
      await using store = new PgStore({ url, projections, witness_path })
      await work(store)
      return store.ledger()
    }
    const first = await use((store) => claim(store, 'a'))
    expect(await use((store) => claim(store, 'b'))).toBe(first)
    // As a dump of before the last look would leave it.
    await use(async (store) => {
      await claim(store, 'c')
      await store.witness()
      await store.session((s) => s.query('update ledger_id set mark = 1'))
    })
    const second = await use(async () => {})
    expect(second).not.toBe(first)
    const third = await use(async (store) => {
      expect(await store.markRestored()).not.toBe(second)
    })
    expect(await use(async () => {})).toBe(third)
    // A witness nobody can read speaks against the database, one that never was does not.
    await writeFile(witness_path, 'half a li')
    const fourth = await use(async () => {})
    expect(fourth).not.toBe(third)
    await rm(witness_path)
    expect(await use(async () => {})).toBe(fourth)
    expect(JSON.parse(await readFile(witness_path, 'utf8'))).toMatchObject({ ledger: fourth })
  })
})

describe('a commit of several halls', () => {
  it('leaves nothing of any hall when any of its statements fails', async () => {
    const postgres = await start()
    const url = postgres.cluster.url()
    let at = -1
    let failAt: number | null = null
    const failed: string[] = []
    const store = openStore({
      url,
      beforeStatement(name) {
        if (++at !== failAt) return
        failed.push(name)
        throw new Fault('unavailable', 'planted')
      },
    })
    const [first, second] = busyLog(12)
    const halls = ['h1', 'h2', 'h3']
    const items = [...batchesOf(first, 100), ...batchesOf(second, 100)].flatMap((batch) =>
      halls.map((hall) => ({ type: 'batch' as const, hall, batch })),
    )
    const deps = { store, projections, logger: silent }
    const logTables = ['hall_cursor', 'segment', 'epoch', 'origin', 'rejection', 'projection']
    const tables = [...logTables, ...projections.flatMap((p) => p.tables.map(({ table }) => table))]
    const rowsHeld = async () => {
      const sql = tables.map((table) => `select '${table}' t, count(*) from ${table}`)
      const rows = await store.session((s) => s.query(sql.join(' union all ')))
      return rows.filter(([, count]) => count !== 0)
    }
    await store.ready()
    for (let step = 0; step < 200; step++) {
      at = -1
      failAt = step
      await expect(commit(deps, items)).rejects.toMatchObject({ code: 'unavailable' })
      failAt = null
      if (failed.at(-1) === 'committed') break
      expect(await rowsHeld(), failed.at(-1)).toEqual([])
    }
    expect(failed.slice(-2)).toEqual(['commit', 'committed'])
    // Every table that holds something in the end had its own statement fail.
    const nameOf = (table: string) =>
      logTables.includes(table) ? `write_${table.replace('hall_', '')}` : `write:${table}`
    const written = (await rowsHeld()).map(([table]) => nameOf(String(table)))
    const names = failed.map((name) => name.replace(/^copy:/, 'write:'))
    const writes = new Set(names.filter((name) => name.startsWith('write')))
    expect([...writes].sort()).toEqual(written.sort())
    expect(failed).toContain('copy:visit')

    // Only the last answer was lost: sent again, everything is held already.
    const answers = await commit(deps, items)
    expect(answers.reduce((sum, answer) => sum + answer.booked, 0)).toBe(0)
    const reader = await openReader(url)
    const verdict = await verify(reader).finally(() => reader.close())
    expect(verdict.findings).toEqual([])
    expect(verdict.halls.map(({ hall }) => hall)).toEqual(halls)
  })
})
