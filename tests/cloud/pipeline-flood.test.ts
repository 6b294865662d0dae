/** A hall that floods the controller: what it may take from other halls, and from the memory. */
import { expect, it } from 'vitest'
import type { Log, LogFields } from '#devices/std/log.ts'
import { bookersHere } from '../../cloud/intake/booker.ts'
import { QUEUE_BYTES_MAX, QUEUE_HALL_MESSAGES_MAX } from '../../cloud/intake/limits.ts'
import { pipeline } from '../../cloud/pipeline.ts'
import type { CloudStore } from '../../cloud/ports.ts'
import { projections } from '../../cloud/projections.ts'
import { MemoryCloudStore } from '../sim/memory-cloud-store.ts'

const utf8 = new TextEncoder()
const nothing = new Uint8Array(0)

/** A pipeline whose database answers only once it is let. */
function behindASlowDatabase() {
  const store = new MemoryCloudStore(projections, { ledger: 'a'.repeat(32) })
  const open = Promise.withResolvers<void>()
  const receipts: string[] = []
  const logged: LogFields[] = []
  const logger: Log = (_severity, _event, fields = {}) => void logged.push(fields)
  const slow: CloudStore = {
    ledger: () => store.ledger(),
    transaction: async (work) => {
      await open.promise
      return store.transaction(work)
    },
  }
  const running = pipeline({
    bookers: bookersHere({ store: slow, projections, logger }),
    publish: async (topic) => void receipts.push(topic),
    cloudTime_ms: () => 0,
    pace: { now_ms: () => 0, after: () => () => {} },
    random: () => 0.5,
    logger,
  })
  return { running, receipts, logged, open: () => open.resolve() }
}

const birth = (gateway: string) =>
  utf8.encode(
    JSON.stringify({
      ...{ v: 1, type: 'birth', gateway, fence: 0, session: '0'.repeat(16) },
      ...{ epoch: 'e'.repeat(32), epoch_number: 1, parent: null },
      ...{ head: { seq: 0, hash: '0'.repeat(64) }, unbooked: 0, unbooked_since_ms: null },
      ...{ version: '1', config_version: 0, devices: [], clock: { wall_ms: 0, skew_ms: null } },
      sent: { boot: 'b', mono_ms: 0 },
    }),
  )

it('a flooding hall fills its own share of the queue and is answered for it; others have theirs', async () => {
  const { running, receipts, open } = behindASlowDatabase()
  // Two that keep both lanes at the database, so that everything after them waits.
  for (const hall of ['x', 'y'])
    running.take({ topic: `hw1/${hall}/presence`, payload: birth(hall) })
  await Promise.resolve()
  await Promise.resolve()
  const large = new Uint8Array(1024 * 1024)
  for (let i = 0; i < 200; i++) running.take({ topic: 'hw1/flood/log', payload: large })
  expect(running.counters().queue_bytes).toBeLessThan(QUEUE_BYTES_MAX / 4)
  expect(running.take({ topic: 'hw1/quiet/presence', payload: birth('q') })).toBe(true)
  open()
  await running.idle()
  expect(receipts).toContain('hw1/quiet/receipt')
  expect(running.counters().queue_bytes).toBe(0)
  expect(running.take({ topic: 'hw1/flood/presence', payload: birth('f') })).toBe(true)
  await running.stop()
})

it('messages without a byte fill the queue like any other', async () => {
  const { running, open } = behindASlowDatabase()
  for (const hall of ['x', 'y'])
    running.take({ topic: `hw1/${hall}/presence`, payload: birth(hall) })
  await Promise.resolve()
  await Promise.resolve()
  let taken = 0
  for (let i = 0; i < 10_000; i++) {
    if (running.take({ topic: 'hw1/flood/log', payload: nothing })) taken++
  }
  expect(taken).toBeLessThanOrEqual(QUEUE_HALL_MESSAGES_MAX)
  // With a name of its own each, as a broker that checks no names would let them through.
  const before = running.counters().queue_bytes
  for (let i = 0; i < 1_000; i++) running.take({ topic: `hw1/h${i}/log`, payload: nothing })
  expect(running.counters().queue_bytes - before).toBeGreaterThan(1_000 * 100)
  open()
  await running.stop()
})

it('nonsense without end is counted each time and logged ever more rarely', async () => {
  const { running, logged, open } = behindASlowDatabase()
  open()
  for (let i = 0; i < 300; i++) {
    running.take({ topic: 'hw1/flood/log', payload: utf8.encode('nonsense') })
    await running.idle()
  }
  expect(running.counters().refused.malformed).toBe(300)
  expect(logged.length).toBeLessThan(20)
  await running.stop()
})
