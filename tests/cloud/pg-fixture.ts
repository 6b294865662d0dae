/** A PostgreSQL of a test file's own or of all, and a fresh database of it for every test that asks. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureDatabase } from '../../cloud/store/postgres/probe.ts'
import { type Cluster, openCluster } from '../../cloud/store/postgres/supervisor.ts'
import { silent } from '../../devices/std/log.ts'
import { sharedUrl } from '../shared-postgres.ts'

export type Databases = AsyncDisposable & {
  /** A folder that goes with the fixture. */
  folder: string
  newDatabase(): Promise<string>
}
export type PgFixture = Databases & { cluster: Cluster }

const newFolder = () => mkdtemp(join(tmpdir(), 'hallway-pg-'))

/** Databases of the server that all share: for who neither stops nor sets anything of it. */
export async function sharedPostgres(): Promise<Databases> {
  const folder = await newFolder()
  return {
    folder,
    async newDatabase() {
      const name = `test_${randomBytes(8).toString('hex')}`
      await ensureDatabase(await sharedUrl(), name)
      return sharedUrl(name)
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

export async function startPostgres(
  extraSettings: Readonly<Record<string, string>> = {},
): Promise<PgFixture> {
  const folder = await newFolder()
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
