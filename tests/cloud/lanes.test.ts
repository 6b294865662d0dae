/** Intake in worker threads on a real database: the same receipts, also where the database goes. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parseTopic, topic } from '#devices/contract/topics.ts'
import type { Receipt } from '../../cloud/../devices/contract/receipt.ts'
import { type Lanes, startLanes } from '../../cloud/intake/lanes.ts'
import { type Pipeline, pipeline } from '../../cloud/pipeline.ts'
import { projections } from '../../cloud/projections.ts'
import { PgStore } from '../../cloud/store/pg-store.ts'
import { openReader } from '../../cloud/verify/rows.ts'
import { verify } from '../../cloud/verify/verify.ts'
import { silent } from '../../devices/std/log.ts'
import { type Chain, chainOf, goodEpoch, payloadOf } from './intake-fixture.ts'
import { type PgFixture, startPostgres } from './pg-fixture.ts'

let postgres: PgFixture
let store: PgStore
let lanes: Lanes
let running: Pipeline
let url: string
let receipts: { hall: string; receipt: Receipt }[]
/** Of the witness alone, so that it can be full while the database has room. */
let disk: string
const witness_path = () => join(disk, 'witness.json')

beforeEach(async () => {
  postgres = await startPostgres()
  url = await postgres.newDatabase()
  disk = join(postgres.folder, 'disk')
  mkdirSync(disk)
  store = new PgStore({ url, projections, witness_path: witness_path() })
  lanes = startLanes({ ledger: store, logger: silent }, { lanes: 2, url })
  receipts = []
  running = pipeline({
    bookers: lanes.bookers,
    publish: async (to, payload) => {
      receipts.push({ hall: parseTopic(to)!.hall, receipt: JSON.parse(payload) as Receipt })
    },
    ...{ cloudTime_ms: () => 1_000, random: Math.random, logger: silent },
    pace: {
      now_ms: () => performance.now(),
      after: (ms, _what, run) => {
        const timer = setTimeout(run, Math.min(ms, 20))
        return () => clearTimeout(timer)
      },
    },
  })
})
afterEach(async () => {
  await running.stop()
  await lanes[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  await postgres[Symbol.asyncDispose]()
})

const halls = ['h1', 'h2', 'h3', 'h4', 'h5']

function sendTo(hall: string, chain: Chain, first: number, last: number): void {
  running.take({ topic: topic(hall, 'log'), payload: payloadOf(chain, first, last).payload })
}

it('books halls side by side, each in order, and keeps the books right', async () => {
  const chain = chainOf(goodEpoch(1, 40))
  for (let first = 1; first <= 81; first += 27) {
    for (const hall of halls) sendTo(hall, chain, first, first + 26)
    running.take({ topic: topic('h1', 'log'), payload: Buffer.from('nonsense') })
    await running.idle()
  }
  for (const hall of halls) {
    const seqs = receipts.filter((one) => one.hall === hall).map(({ receipt }) => receipt.seq)
    expect(seqs).toEqual([27, 54, 81])
  }
  expect(running.counters()).toMatchObject({ booked: 81 * 5, refused: { malformed: 3 } })
  const reader = await openReader(url)
  const verdict = await verify(reader).finally(() => reader.close())
  expect(verdict.findings).toEqual([])
  expect(verdict.halls.map(({ records }) => records)).toEqual(halls.map(() => 81))
})

it('waits for a database that was killed, and answers only what it kept', async () => {
  const chain = chainOf(goodEpoch(1, 40))
  for (let first = 1; first <= 81; first += 27) {
    for (const hall of halls) sendTo(hall, chain, first, first + 26)
    if (first === 28) process.kill(postgres.cluster.postmasterPid(), 'SIGKILL')
    await running.idle()
  }
  expect(receipts.map(({ receipt }) => receipt.status)).toEqual(receipts.map(() => 'held'))
  for (const hall of halls)
    expect(receipts.findLast((one) => one.hall === hall)?.receipt.seq, hall).toBe(81)
  expect(running.counters().store_errors).toBeGreaterThan(0)
})

it('says the new id of a database that was put back while nothing was under way', async () => {
  const chain = chainOf(goodEpoch(1, 2))
  sendTo('h1', chain, 1, 3)
  await running.idle()
  await store.witness()
  await store.session((s) => s.query('update ledger_id set mark = 0'))
  await store.session((s) =>
    s.query('update hall_cursor set records = 0, epoch = null, seq = null, hash = null'),
  )
  await store.session((s) => s.query('truncate segment, epoch, origin, projection, entry, orders'))
  process.kill(postgres.cluster.postmasterPid(), 'SIGKILL')
  for (let tries = 0; tries < 2_000; tries++) {
    if ((await store.identify().catch(() => null)) !== null) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  sendTo('h1', chain, 1, 5)
  await running.idle()
  const [before, after] = receipts.map(({ receipt }) => receipt)
  expect(after).toMatchObject({ status: 'held', seq: 5 })
  expect(after!.ledger).not.toBe(before!.ledger)
})

/** What keeps the witness from being written, and how that is over again. */
type Hindrance = { mount_bytes?: number; begin(): void; end(): void }
const hindrances: [string, string, Hindrance][] = [
  [
    'has no room on its disk',
    'witness: ENOSPC',
    {
      mount_bytes: 65_536,
      begin() {
        const { bavail, bsize } = statfsSync(disk)
        writeFileSync(join(disk, 'ballast'), new Uint8Array(bavail * bsize))
      },
      end: () => rmSync(join(disk, 'ballast')),
    },
  ],
  [
    'finds something in its way',
    'witness: EISDIR',
    {
      begin: () => mkdirSync(`${witness_path()}.new`),
      end: () => rmdirSync(`${witness_path()}.new`),
    },
  ],
]

it.for(hindrances)(
  'waits while the witness %s, says so, and books what was sent once that is over',
  async ([name, detail, { mount_bytes, begin, end }], test) => {
    const mount = ['-t', 'tmpfs', '-o', `size=${mount_bytes}`, 'tmpfs', disk]
    if (mount_bytes !== undefined && spawnSync('mount', mount).status !== 0) {
      console.warn(`SKIPPED ${name}: a small file system cannot be mounted here`)
      return test.skip()
    }
    try {
      const chain = chainOf(goodEpoch(1, 40))
      sendTo('h1', chain, 1, 27)
      await running.idle()
      const ledger = await store.ledger()
      begin()
      const refused = await store.witness().catch((error: unknown) => error)
      // Whatever made the disk full took the database with it: every lane looks at it anew.
      process.kill(postgres.cluster.postmasterPid(), 'SIGKILL')
      for (const hall of halls) sendTo(hall, chain, 1, 54)
      const found = () => store.identify().catch((error: { detail?: string }) => error.detail)
      await expect.poll(found).toBe(detail)
      const before = running.counters().store_errors
      await expect.poll(() => running.counters().store_errors).toBeGreaterThan(before + 2)
      expect(refused).toMatchObject({ code: 'unavailable', detail })
      expect(receipts).toHaveLength(1)
      end()
      await running.idle()
      const seqs = receipts.slice(1).map(({ hall, receipt }) => `${hall} ${receipt.seq}`)
      expect(seqs.sort()).toEqual(halls.map((hall) => `${hall} 54`))
      expect(receipts.every(({ receipt }) => receipt.ledger === ledger)).toBe(true)
      await store.witness()
      expect(JSON.parse(readFileSync(witness_path(), 'utf8'))).toMatchObject({ ledger })
    } finally {
      if (mount_bytes !== undefined) spawnSync('umount', ['-l', disk])
    }
  },
)
