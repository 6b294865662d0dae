/**
 * A process of its own that appends to a hall log for ever and says on its standard output what was
 * acknowledged: one number a line, written at once. Killed by its test.
 */
import { isFault } from '#devices/std/fault.ts'
import { startHallLog } from '../../../gateway/log/start.ts'
import { START_MS, stampAt, visited } from './records.ts'

const [folder, from, durable = 'durable', most = 'Infinity'] = process.argv.slice(2)

try {
  const { client, found } = await startHallLog({
    ...{ folder: folder!, gateway: 'gw-1', quota_bytes: 1e9, retention_ms: 0, takeover: null },
    durable: durable === 'durable',
    stamp: () => stampAt(START_MS),
  })
  process.stdout.write(`open ${found}\n`)
  let n = Number(from)
  const end = n + Number(most)
  const writer = async () => {
    while (n < end) {
      const mine = n++
      await client.append([{ draft: visited(mine), at: stampAt(START_MS) }])
      process.stdout.write(`recorded ${mine}\n`)
    }
  }
  await Promise.all(Array.from({ length: Number.isFinite(end) ? 1 : 5 }, writer))
  process.exit(0)
} catch (error) {
  process.stdout.write(`fault ${isFault(error) ? error.code : error}\n`)
  process.exit(3)
}
