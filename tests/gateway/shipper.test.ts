/** Shipping over a link that loses, under virtual time, on a real log over a disk that fails. */
import { expect, it } from 'vitest'
import { readBatch } from '#devices/contract/batch.ts'
import { ZERO_HASH } from '#devices/contract/position.ts'
import type { Receipt } from '#devices/contract/receipt.ts'
import { Fault } from '#devices/std/fault.ts'
import { silent } from '#devices/std/log.ts'
import { openWhole } from '../../gateway/log/begin.ts'
import type { ShipperLog } from '../../gateway/ports.ts'
import {
  NOT_OWNER_RETRY_MS,
  RECEIPT_WAIT_MOST_MS,
  RECEIPT_WAIT_MS,
} from '../../gateway/uplink/limits.ts'
import { shipper } from '../../gateway/uplink/shipper.ts'
import { MemoryLogStore } from '../sim/memory-log-store.ts'
import { Scheduler } from '../sim/scheduler.ts'
import { entries, START_MS, stampAt } from './log/records.ts'

const LEDGER = '1'.repeat(32)
const decoder = new TextDecoder()

function start() {
  const scheduler = new Scheduler()
  const store = new MemoryLogStore()
  let epochs = 0
  const { log } = openWhole(store, {
    ...{ gateway: 'gw-1', stamp: () => stampAt(START_MS), quota_bytes: 1e9, retention_ms: 0 },
    freshEpoch: () => `${++epochs}`.padStart(32, '0'),
    marks: { load: () => null, save: () => {} },
  })
  const batches: { first: number; last: number; sent: { boot: string; mono_ms: number } }[] = []
  const births: { boot: string; mono_ms: number }[] = []
  const trouble = { read: false }
  const port: ShipperLog = {
    status: async () => log.status(),
    readBatch: async (after) => {
      await scheduler.sleep(5)
      if (trouble.read) throw new Fault('commit_failed', 'as it were')
      return log.readBatch(after)
    },
    takeReceipt: async (receipt, sent) => {
      await scheduler.sleep(5)
      return log.takeReceipt(receipt, sent)
    },
  }
  const ship = shipper(
    {
      ...{ hall: 'h1', gateway: 'gw-1', log: port, pace: scheduler, random: () => 0.5 },
      ...{ sendStamp: () => ({ boot: 'b', mono_ms: scheduler.now_ms() }), logger: silent },
      pack: (bytes) => bytes,
      birth: (sent) => void births.push(sent),
      uplink: {
        connected: true,
        publish: async (_topic, payload) => {
          const { header, records } = readBatch(payload, (bytes) => decoder.decode(bytes))
          const last = header.first + records.length - 1
          batches.push({ first: header.first, last, sent: header.sent })
        },
      },
    },
    { fence: 1 },
  )
  const receipt = (seq: number, more: Partial<Receipt>): string => {
    const { epoch } = log.status()
    const hash = log.hashOn({ epoch, seq }) ?? ZERO_HASH
    return JSON.stringify({
      ...{ v: 1, gateway: 'gw-1', fence: 1, ledger: LEDGER, status: 'held', epoch, seq, hash },
      ...{ diverged_at: null, rejected: [], echo: null, cloud_time_ms: 0, ...more },
    })
  }
  const run = async (ms: number) => {
    // What was just said reaches the scheduler first; the end is an event, so that time gets there.
    await new Promise((resolve) => setImmediate(resolve))
    scheduler.after(ms, 'end', () => {})
    await scheduler.run(ms, () => false)
  }
  const hear = async (seq: number, more: Partial<Receipt> = {}) => {
    void ship.receive(receipt(seq, { echo: batches.at(-1)?.sent ?? births.at(-1)!, ...more }))
    await run(50)
  }
  const append = (from: number, to: number) => {
    log.append(entries(from, to))
    ship.wake()
  }
  return { log, store, ship, batches, births, trouble, run, hear, append }
}

async function connected() {
  const world = start()
  world.log.append(entries(1, 9))
  world.ship.connected()
  await world.run(1)
  await world.hear(0, { epoch: null, hash: ZERO_HASH, echo: world.births.at(-1)! })
  return world
}

it('sends nothing before its birth is answered, and says it again until it is', async () => {
  const { ship, log, births, batches, run } = start()
  log.append(entries(1, 3))
  ship.connected()
  ship.wake()
  await run(RECEIPT_WAIT_MS * 10)
  expect(batches).toEqual([])
  expect(births.length).toBeGreaterThan(2)
})

it('has one batch in flight, whatever is appended meanwhile', async () => {
  const { batches, append, run, hear } = await connected()
  expect(batches.map(({ first, last }) => [first, last])).toEqual([[1, 10]])
  append(10, 12)
  append(13, 13)
  await run(200)
  expect(batches).toHaveLength(1)
  await hear(10)
  expect(batches.map(({ first, last }) => [first, last])).toEqual([
    [1, 10],
    [11, 14],
  ])
  await hear(14)
  await run(RECEIPT_WAIT_MOST_MS * 2)
  expect(batches, 'what is settled is not sent again').toHaveLength(2)
})

it('sends again when no receipt comes, ever more slowly, and never another', async () => {
  const { batches, run } = await connected()
  await run(600_000)
  const times = batches.map(({ sent }) => sent.mono_ms)
  expect(new Set(batches.map(({ first }) => first))).toEqual(new Set([1]))
  expect(batches.length).toBeGreaterThan(8)
  expect(batches.length).toBeLessThan(30)
  const gaps = times.slice(1).map((time, i) => time - times[i]!)
  expect(gaps.at(-1)!).toBeGreaterThan(gaps[0]! * 4)
})

it('a late answer to an earlier sending settles what is in flight, without a storm', async () => {
  const { batches, run, hear } = await connected()
  const first = batches[0]!.sent
  await run(RECEIPT_WAIT_MS * 2)
  const count = batches.length
  expect(count).toBeGreaterThan(1)
  await hear(10, { echo: first })
  await hear(10, { echo: first })
  await hear(10)
  await run(RECEIPT_WAIT_MOST_MS)
  expect(batches).toHaveLength(count)
})

it('a late answer of a ledger that was put back since is not taken for a newer one', async () => {
  const { batches, births, log, ship, append, run, hear } = await connected()
  await hear(10)
  append(10, 12)
  await run(20)
  const { epoch } = log.status()
  const late = { echo: batches[0]!.sent, epoch, hash: log.status().head.hash }
  await hear(13)
  log.saveSnapshot({ epoch, seq: 13 }, '{}')
  while (log.prune(START_MS + 1e9) > 0);
  // The database was put back to a day before: it lacks what is pruned here, and has another id.
  const restored = { ledger: '2'.repeat(32) }
  ship.disconnected()
  ship.connected()
  await run(1)
  await hear(5, { ...restored, epoch, hash: 'a'.repeat(64), echo: births.at(-1)! })
  const anew = log.status().epoch
  expect(anew).not.toBe(epoch)
  await hear(log.status().head.seq, restored)
  // From before that, on its way all the while.
  await hear(13, late)
  expect(log.status()).toMatchObject({ epoch: anew, unbooked: 0 })
})

it('a log that cannot be read for a while is asked again', async () => {
  const { batches, trouble, append, run, hear } = await connected()
  await hear(10)
  trouble.read = true
  append(10, 11)
  await run(1_000)
  expect(batches).toHaveLength(1)
  trouble.read = false
  await run(RECEIPT_WAIT_MOST_MS)
  expect(batches.at(-1)).toMatchObject({ first: 11, last: 12 })
})

it('a receipt whose taking fails leaves the batch to be sent again', async () => {
  const { batches, store, run, hear, log } = await connected()
  store.faults.beforeCommit = () => {
    throw new Fault('disk_full', 'as it were')
  }
  await hear(10)
  expect(log.status().receipted).toBeNull()
  delete store.faults.beforeCommit
  await run(RECEIPT_WAIT_MS * 2)
  expect(batches.at(-1)).toMatchObject({ first: 1 })
  await hear(10)
  expect(log.status().receipted?.seq).toBe(10)
})

it('told that another gateway owns the hall, ships nothing and asks again now and then', async () => {
  const { ship, batches, births, run, hear, append } = await connected()
  await hear(0, { status: 'not_owner' })
  expect(ship.state).toBe('not_owner')
  const [sent, said] = [batches.length, births.length]
  append(10, 20)
  await run(1_000)
  expect(batches).toHaveLength(sent)
  await run(NOT_OWNER_RETRY_MS * 2)
  expect(births.length).toBeGreaterThan(said)
  await hear(0, { epoch: null, hash: ZERO_HASH, echo: births.at(-1)! })
  expect(batches.length).toBeGreaterThan(sent)
})

it('what is no receipt, or another gateway’s, changes nothing', async () => {
  const { ship, log, run, hear } = await connected()
  for (const junk of ['', '{', '[]', '{"v":1}', `"${'x'.repeat(100_000)}"`])
    await ship.receive(junk)
  await hear(10, { gateway: 'gw-2' })
  await hear(10, { hash: 'not hex' })
  await run(100)
  expect(log.status().receipted).toBeNull()
  expect(ship.state).toBe('waiting')
})

it('a link that is lost forgets what was in flight and begins with a birth', async () => {
  const { ship, batches, births, run } = await connected()
  ship.disconnected()
  const [sent, said] = [batches.length, births.length]
  await run(RECEIPT_WAIT_MOST_MS * 3)
  expect([batches.length, births.length]).toEqual([sent, said])
  ship.connected()
  await run(10)
  expect(births).toHaveLength(said + 1)
})

it('two sides that send one another back do not spin', async () => {
  const { batches, run, hear } = await connected()
  for (let i = 0; i < 40; i++) await hear(0, { status: 'held', epoch: null, hash: ZERO_HASH })
  await run(1_000)
  expect(batches.length).toBeLessThan(40)
})

it('takes a receipt that says more than it knows, as of a newer controller', async () => {
  const { log, hear } = await connected()
  await hear(10, { more: { than: 'known' } } as Partial<Receipt>)
  expect(log.status()).toMatchObject({ unbooked: 0, receipted: { seq: 10 } })
})
