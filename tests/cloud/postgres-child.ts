/**
 * A controller reduced to its database, for tests that kill it or run it as someone else:
 * opens the cluster of the folder given, says where it is, and waits (`hold`) or stops it (`once`).
 */
import { isFault } from '#devices/std/fault.ts'
import { silent } from '#devices/std/log.ts'
import { openCluster } from '../../cloud/store/postgres/supervisor.ts'

const [dataDir = '', then = 'once'] = process.argv.slice(2)
try {
  const cluster = await openCluster({ dataDir, log: silent })
  const told = { pid: cluster.postmasterPid(), adopted: cluster.adopted, url: cluster.url() }
  process.stdout.write(`${JSON.stringify(told)}\n`)
  if (then === 'once') await cluster.stop()
} catch (error) {
  process.stdout.write(
    `${JSON.stringify({ fault: isFault(error) ? error.code : String(error) })}\n`,
  )
  process.exitCode = 1
}
