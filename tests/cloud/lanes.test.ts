/** Intake in worker threads on a real database: the same receipts, also where the database goes. */
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

beforeEach(async () => {
  postgres = await startPostgres()
  url = await postgres.newDatabase()
  store = new PgStore({ url, projections, witness_path: join(postgres.folder, 'witness.json') })
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
