/**
 * The cloud's database put back together with what was to tell it so: it comes up under the id it
 * had and knows nothing of it. A real log and shipper against real intake, under virtual time.
 */
import { expect, it } from 'vitest'
import { readBatch, type SendStamp } from '#devices/contract/batch.ts'
import { BATCH_RECORDS_MAX } from '#devices/contract/limits.ts'
import type { Birth } from '#devices/contract/presence.ts'
import { silent } from '#devices/std/log.ts'
import { commit, type Item } from '../../cloud/intake/commit.ts'
import { projections } from '../../cloud/projections.ts'
import { openWhole } from '../../gateway/log/begin.ts'
import { RECEIPT_WAIT_MOST_MS } from '../../gateway/uplink/limits.ts'
import { type Shipper, shipper } from '../../gateway/uplink/shipper.ts'
import { MemoryCloudStore } from '../sim/memory-cloud-store.ts'
import { MemoryLogStore } from '../sim/memory-log-store.ts'
import { Scheduler } from '../sim/scheduler.ts'
import { entries, entryOf, START_MS, stampAt } from './log/records.ts'

const HALL = 'h1'
const decoder = new TextDecoder()

const emptyCloud = () => new MemoryCloudStore(projections, { ledger: 'a'.repeat(32) })

let epochs = 0

function start({ store, cloud } = { store: new MemoryLogStore(), cloud: emptyCloud() }) {
  const scheduler = new Scheduler()
  const { log } = openWhole(store, {
    ...{ gateway: 'gw-1', stamp: () => stampAt(START_MS), quota_bytes: 1e9, retention_ms: 0 },
    freshEpoch: () => `${++epochs}`.padStart(32, '0'),
    marks: { load: () => null, save: () => {} },
  })
  const opened = { kind: 'day.opened', data: { day: '2026-05-29', confirmed_by: null } } as const
  if (log.status().head.seq === 1) log.append([entryOf(opened)])
  /** First and last record of every batch that was sent. */
  const batches: [number, number][] = []
  const answer = async (item: Item) => {
    const deps = { store: cloud, projections, logger: silent }
    for (const { receipt } of await commit(deps, [item]))
      await ship.receive(JSON.stringify({ ...receipt, cloud_time_ms: 0 }))
  }
  const bear = (sent: SendStamp) => {
    const { epoch, epoch_number, parent, head } = log.status()
    const birth: Birth = {
      ...{ v: 1, type: 'birth', gateway: 'gw-1', fence: 0, session: '0'.repeat(16) },
      ...{ epoch, epoch_number, parent, head, unbooked: 0, unbooked_since_ms: null },
      ...{ version: '1', config_version: 0, devices: [], sent },
      clock: { wall_ms: START_MS, skew_ms: null },
    }
    scheduler.after(5, 'birth', () => void answer({ type: 'birth', hall: HALL, birth }))
  }
  const ship = shipper(
    {
      ...{ hall: HALL, gateway: 'gw-1', pace: scheduler, random: () => 0.5, logger: silent },
      log: {
        status: async () => log.status(),
        readBatch: async (after) => log.readBatch(after),
        takeReceipt: async (receipt, sent) => log.takeReceipt(receipt, sent),
      },
      sendStamp: () => ({ boot: 'b', mono_ms: scheduler.now_ms() }),
      pack: (bytes) => bytes,
      birth: bear,
      uplink: {
        connected: true,
        publish: async (_topic, payload) => {
          const batch = readBatch(payload, (bytes) => decoder.decode(bytes))
          const { first } = batch.header
          batches.push([first, first + batch.records.length - 1])
          scheduler.after(5, 'batch', () => void answer({ type: 'batch', hall: HALL, batch }))
        },
      },
    },
    { fence: 0 },
  )
  const run = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10) {
      // What was just said reaches the scheduler first; the end is an event, so that time gets there.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
      scheduler.after(10, 'end', () => {})
      await scheduler.run(10, () => false)
    }
  }
  const append = async (from: number, to: number) => {
    log.append(entries(from, to))
    ship.wake()
    await run(200)
  }
  return { log, store, cloud, batches, ship, run, append }
}

/** A hall whose cloud was put back by so many records, under the id it had. */
async function putBack(records: number, between: (ship: Shipper) => void = () => {}) {
  const world = start()
  const { log, cloud, batches, ship, append } = world
  ship.connected()
  await append(1, 400)
  const backup = cloud.snapshot()
  const { seq: held } = log.status().head
  await append(401, 400 + records)
  expect(log.status()).toMatchObject({ unbooked: 0, alarms: [] })
  const confirmed = log.status().head.seq
  batches.length = 0
  cloud.restore(backup, backup.ledger)
  between(ship)
  /** Batch behind batch, all that the cloud lacks. */
  const lacking = (): [number, number][] => {
    const { seq: last } = log.status().head
    const firsts = Array.from({ length: last }, (_, i) => held + 1 + i * BATCH_RECORDS_MAX)
    return firsts
      .filter((first) => first <= last)
      .map((first) => [first, Math.min(first + BATCH_RECORDS_MAX - 1, last)])
  }
  return { ...world, confirmed, lacking }
}

/** Everything is booked and stays so; the one alarm does not come again once it was seen. */
async function isWhole({ log, cloud, batches, run, append }: Awaited<ReturnType<typeof putBack>>) {
  const { epoch, head, alarms, unbooked } = log.status()
  expect({ unbooked, alarms }).toEqual({ unbooked: 0, alarms: ['cloud_put_back'] })
  const { cursor } = cloud.halls.get(HALL)!
  expect(cursor).toMatchObject({ records: head.seq, head: { epoch, ...head } })
  log.clearAlarm('cloud_put_back')
  const sent = batches.length
  await run(RECEIPT_WAIT_MOST_MS * 2)
  expect(batches).toHaveLength(sent)
  await append(9_002, 9_002)
  expect(log.status()).toMatchObject({ unbooked: 0, alarms: [] })
  expect(batches.slice(sent)).toEqual([[head.seq + 1, head.seq + 1]])
}

it.each([BATCH_RECORDS_MAX / 2, BATCH_RECORDS_MAX * 2.5])(
  'a cloud put back by %i records under a link that stays gets each of them once more, and one alarm says so',
  async (records) => {
    const world = await putBack(records)
    await world.append(9_001, 9_001)
    await world.run(5_000)
    const { seq: last } = world.log.status().head
    expect(world.batches).toEqual([[last, last], ...world.lacking()])
    await isWhole(world)
  },
)

it.each([BATCH_RECORDS_MAX / 2, BATCH_RECORDS_MAX * 2.5])(
  'the same where the link came back to a cloud put back by %i records, with or without news',
  async (records) => {
    for (const news of [true, false]) {
      const world = await putBack(records, (ship) => {
        ship.disconnected()
        ship.connected()
      })
      if (news) await world.append(9_001, 9_001)
      await world.run(5_000)
      const { seq: last } = world.log.status().head
      // What it says of itself is no proof yet: it is asked with the last record that it confirmed.
      expect(world.batches).toEqual([[world.confirmed, last], ...world.lacking()])
      await isWhole(world)
    }
  },
)

it('the same where the cloud was put back to a time before the hall had a record', async () => {
  const { log, cloud, batches, ship, run, append } = start()
  const backup = cloud.snapshot()
  ship.connected()
  await append(1, BATCH_RECORDS_MAX * 2.5)
  ship.disconnected()
  cloud.restore(backup, backup.ledger)
  batches.length = 0
  ship.connected()
  await run(5_000)
  const { seq: last } = log.status().head
  expect(batches).toEqual([
    [last, last],
    [1, 1_000],
    [1_001, 2_000],
    [2_001, last],
  ])
  expect(cloud.halls.get(HALL)!.cursor).toMatchObject({ records: last })
  expect(log.status()).toMatchObject({ unbooked: 0 })
  expect(log.status().alarms).toContain('cloud_put_back')
})

it('a log put back finds where it parts from the cloud, however many batches they have in common', async () => {
  const first = start()
  first.ship.connected()
  await first.append(1, 1)
  first.ship.disconnected()
  first.log.append(entries(2, BATCH_RECORDS_MAX * 2.5))
  // The copy holds what no receipt of its own covers.
  const copy = first.store.copy({})
  first.ship.connected()
  await first.run(1_000)
  await first.append(5_001, 5_100)
  expect(first.log.status()).toMatchObject({ unbooked: 0, alarms: [] })
  first.ship.disconnected()
  const { records } = first.cloud.halls.get(HALL)!.cursor

  const second = start({ store: copy, cloud: first.cloud })
  second.log.append(entries(6_001, 6_300))
  second.ship.connected()
  await second.run(20_000)
  expect(second.log.status().unbooked).toBe(0)
  expect(second.log.status().alarms).not.toEqual([])
  // The beginning of the new epoch, and what only the copy's life recorded.
  expect(second.cloud.halls.get(HALL)!.cursor.records).toBe(records + 1 + 300)
})
