/**
 * One PostgreSQL for all test files of a run that want a database and nothing of the server itself.
 * The first file that asks starts it, the run's end removes it; a run without such a file has none.
 */
import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../cloud/store/postgres/processes.ts'
import { findCluster, openCluster } from '../cloud/store/postgres/supervisor.ts'
import { silent } from '../devices/std/log.ts'

const FOLDER = 'HALLWAY_TEST_RUN'
const dataOf = (folder: string) => join(folder, 'postgres')
const mark = (folder: string) => join(folder, 'started')

/** For vitest's `globalSetup`. */
export default async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-run-'))
  process.env[FOLDER] = folder
  return async () => {
    if (await thereIs(mark(folder))) {
      const cluster = await openCluster({ dataDir: dataOf(folder), log: silent })
      await cluster.discard()
    }
    await rm(folder, { recursive: true, force: true })
  }
}

/** The address of a database of that server, which must exist but for `postgres`. */
export async function sharedUrl(database = 'postgres'): Promise<string> {
  const folder = process.env[FOLDER]
  if (folder === undefined) throw new Error('only within a run of the tests')
  if (await first(folder)) {
    const extraSettings = { max_connections: '300' }
    const cluster = await openCluster({ dataDir: dataOf(folder), log: silent, extraSettings })
    cluster.detach()
    await writeFile(`${mark(folder)}.part`, '')
    await rename(`${mark(folder)}.part`, mark(folder))
  }
  if (!(await until(120_000, () => thereIs(mark(folder))))) throw new Error('no PostgreSQL came')
  return (await findCluster(dataOf(folder), database)).url
}

const thereIs = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  )

const first = (folder: string): Promise<boolean> =>
  mkdir(join(folder, 'first')).then(
    () => true,
    () => false,
  )
