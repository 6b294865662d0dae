/** A PostgreSQL of a test file's own, and a fresh database of it for every test that asks. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, openCluster } from '../../cloud/store/postgres/supervisor.ts'
import { silent } from '../../devices/std/log.ts'

export type PgFixture = AsyncDisposable & {
  cluster: Cluster
  /** A folder that goes with the fixture. */
  folder: string
  newDatabase(): Promise<string>
}

export async function startPostgres(
  extraSettings: Readonly<Record<string, string>> = {},
): Promise<PgFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-pg-'))
  const cluster = await openCluster({ dataDir: join(folder, 'data'), log: silent, extraSettings })
  let databases = 0
  return {
    cluster,
    folder,
    async newDatabase() {
      const name = `test_${++databases}`
      await cluster.createDatabase(name)
      return cluster.url(name)
    },
    async [Symbol.asyncDispose]() {
      await cluster.discard()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
