import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpFixture, LogWriter, NOW_MS, openHttp, rules } from './http-fixture.ts'
import {
  called,
  confirmed,
  DAY_MS,
  done,
  EPOCH,
  entered,
  issued,
  opened,
  result,
  serving,
  ticketId,
} from './log-maker.ts'
import { type Databases, sharedPostgres, startPostgres } from './pg-fixture.ts'

const DAY = '2026-10-12'
const OTHER_EPOCH = 'f'.repeat(32)

let postgres: Databases
let http: HttpFixture
let log: LogWriter

beforeAll(async () => {
  postgres = await sharedPostgres()
  http = await openHttp(await postgres.newDatabase())
  await http.post('/api/halls', { hall: 'renmin', rules })
  await http.post('/api/halls', { hall: 'empty', rules })
  log = new LogWriter(http.store, 'renmin')
  await log.begin(EPOCH, null)
  const gap = { epoch: OTHER_EPOCH, from: 3, to: 5, reason: 'damaged' } as const
  await log.append([
    [1, { kind: 'config.applied', data: { version: 1, rules } }],
    [2, opened(DAY)],
    [3, { kind: 'counter.signed_in', data: { counter: '3', clerk: 'C07', services: [] } }],
    [4, { kind: 'gap', data: gap }],
    ...[1, 2, 3, 4, 5].map((n) => [10 * n, issued(n, DAY)] as const),
  ])
  await log.append([
    [100, called(1)],
    [110, serving(1)],
    [120, entered('o-1')],
    [121, confirmed('o-1')],
    [130, done(1)],
    [140, called(2)],
    [150, serving(2)],
    [155, entered('o-2')],
    [156, confirmed('o-2')],
    [157, result('o-2', 'failed')],
    [160, done(2)],
    [170, called(3)],
    [171, done(99)],
  ])
})
afterAll(async () => {
  await http?.[Symbol.asyncDispose]()
  await postgres?.[Symbol.asyncDispose]()
})

describe('halls', () => {
  it('lists every hall with head, queue, money of the day and alarms', async () => {
    const { status, body } = await http.get('/api/halls')
    expect(status).toBe(200)
    expect(body).toHaveLength(2)
    expect(body[1]).toMatchObject({
      ...{ hall: 'renmin', name: rules.hall_name, day: DAY, day_open: true },
      ...{ waiting: 2, called: 1, money_today_fen: '17900', records: 23, zone: 'Asia/Shanghai' },
      head: { epoch: EPOCH, epoch_number: 1, seq: 23, hash: log.hash },
      presence: { state: 'unknown', unbooked: null },
      alarms: [
        { alarm: 'gap', count: 1 },
        { alarm: 'rejected', count: 1 },
      ],
    })
    expect(body[0]).toMatchObject({ hall: 'empty', head: null, records: 0, alarms: [] })
  })

  it('lists only the halls asked for', async () => {
    const { body } = await http.get('/api/halls?only=renmin,none')
    expect(body.map(({ hall }: { hall: string }) => hall)).toEqual(['renmin'])
  })

  it('shows queue, counters, calls and money of one hall', async () => {
    const { body } = await http.get('/api/halls/renmin')
    expect(body.live.services).toEqual([
      expect.objectContaining({ service: 'PS', waiting: 2, oldest_issued_ms: DAY_MS + 40_000 }),
      expect.objectContaining({ service: 'NW', waiting: 0, oldest_issued_ms: null }),
    ])
    expect(body.live.waiting.map((w: { number: string }) => w.number)).toEqual(['A004', 'A005'])
    expect(body.live.counters).toMatchObject([{ counter: '3', number: 'A003', state: 'called' }])
    expect(body.live.calls.map((c: { number: string }) => c.number)).toEqual([
      'A003',
      'A002',
      'A001',
    ])
    expect(body.live.tenders).toEqual([
      { tender: 'cash', amount_fen: '10000' },
      { tender: 'wechat', amount_fen: '7900' },
    ])
    const all = { debit_fen: '53700', credit_fen: '53700', entries: 3, balanced: true }
    expect(body.live.ledger).toEqual(all)
  })

  it('answers 404 for a hall that does not exist, everywhere', async () => {
    const log = `log?epoch=${EPOCH}`
    const parts = ['', 'completeness', 'branches', 'balances', 'visits', 'entries', 'rejected', log]
    for (const part of [...parts, `days/${DAY}`]) {
      const { status, body } = await http.get(`/api/halls/nowhere/${part}`.replace(/\/$/, ''))
      expect([part, status, body.code]).toEqual([part, 404, 'not_found'])
    }
  })
})

describe('completeness', () => {
  it('states the head, the epochs and every gap on record', async () => {
    const { body } = await http.get('/api/halls/renmin/completeness')
    expect(body).toMatchObject({
      ...{ records: 23, rejected: 1, branches: [], unbooked: null },
      head: { epoch: EPOCH, seq: 23, hash: log.hash },
      gaps: [{ epoch: OTHER_EPOCH, from: 3, to: 5, reason: 'damaged', place: 5 }],
      epochs: [{ epoch: EPOCH, number: 1, seq: 23, hash: log.hash, reason: 'first' }],
    })
  })

  it('names a branch', async () => {
    const forked = new LogWriter(http.store, 'forked')
    await forked.begin('1'.repeat(32), null)
    await forked.append([[1, opened(DAY)]])
    const parent = forked.position
    await forked.append([[2, issued(1, DAY)]])
    await forked.begin('2'.repeat(32), parent)
    const { body } = await http.get('/api/halls/forked/branches')
    expect(body).toMatchObject([{ epoch: '2'.repeat(32), branch: true, parent }])
  })
})

describe('rows', () => {
  it('pages through visits without missing or repeating one', async () => {
    const seen: string[] = []
    let after: number | null = 0
    while (after !== null) {
      const { body } = await http.get(`/api/halls/renmin/visits?limit=2&after=${after}`)
      seen.push(...body.items.map((visit: { number: string }) => visit.number))
      after = body.next
    }
    expect(seen).toEqual(['A001', 'A002', 'A003', 'A004', 'A005'])
  })

  it('filters visits by outcome and tells nothing about persons', async () => {
    const { body } = await http.get(`/api/halls/renmin/visits?outcome=done&day=${DAY}`)
    expect(body.items).toHaveLength(2)
    expect(body.items[0]).toMatchObject({ number: 'A001', wait_ms: 90_000, serve_ms: 20_000 })
    expect(Object.keys(body.items[0])).not.toContain('subject')
  })

  it('computes a day from its visits, percentiles by nearest rank', async () => {
    const { body } = await http.get(`/api/halls/renmin/days/${DAY}`)
    expect(body).toMatchObject({
      ...{ tickets: 5, called: 3, served: 2, left: 0, undelivered: 0 },
      waits: { n: 2, mean_s: 105, median_s: 90, p90_s: 120, max_s: 120, over_30_min_share: 0 },
    })
    expect((await http.get('/api/halls/renmin/days/2001-01-01')).status).toBe(404)
  })

  it('gives entries with both sides, a reversal as an entry of its own', async () => {
    const { body } = await http.get('/api/halls/renmin/entries')
    const kinds = body.items.map((e: { kind: string; order: string }) => [e.order, e.kind])
    expect(kinds).toEqual([
      ['o-1', 'sale'],
      ['o-2', 'sale'],
      ['o-2', 'reversal'],
    ])
    expect(body.items[0].postings).toEqual([
      { account: 'till/3', debit_fen: '10000', credit_fen: '0' },
      { account: 'tender/wechat', debit_fen: '7900', credit_fen: '0' },
      { account: 'service/sim', debit_fen: '0', credit_fen: '5000' },
      { account: 'service/plan', debit_fen: '0', credit_fen: '12900' },
    ])
  })

  it('gives balances as strings', async () => {
    const { body } = await http.get('/api/halls/renmin/balances')
    expect(body).toContainEqual({
      ...{ account: 'till/3', debit_fen: '20000', credit_fen: '10000', balance_fen: '10000' },
    })
  })

  it('names the record that could not be used', async () => {
    const { body } = await http.get('/api/halls/renmin/rejected')
    const text = { zh: '没有此有效号票', en: 'no such live ticket' }
    expect(body.items).toMatchObject([
      { seq: 23, projection: 'visits', code: 'unknown_ticket', text },
    ])
  })
})

describe('the log', () => {
  it('gives the exact bytes, across segments, so that anybody can verify the chain', async () => {
    let hash = Buffer.alloc(32)
    let from: string | null = '1'
    let lines = 0
    while (from !== null) {
      const path = `/api/halls/renmin/log?epoch=${EPOCH}&from=${from}&limit=4`
      const answer = await http.get(path)
      for (const line of (answer.body as string).split('\n').filter(Boolean)) {
        hash = createHash('sha256').update(hash).update(line).digest()
        lines++
      }
      from = answer.headers.get('hallway-next')
    }
    expect(lines).toBe(23)
    expect(hash.toString('hex')).toBe(log.hash)
  })
})

describe('re-projection', () => {
  it('makes the same rows again, of one projection or of all', async () => {
    const before = await http.get('/api/halls/renmin')
    const { body } = await http.post('/api/halls/renmin/reproject', '')
    expect(body).toMatchObject([
      { projection: 'visits', records: 23, rejected: 1, build: 2 },
      { projection: 'ledger', records: 23, rejected: 0 },
      { projection: 'gaps', records: 23, rejected: 0 },
      { projection: 'ratings', records: 23, rejected: 0 },
      { projection: 'bindings', records: 23, rejected: 0 },
    ])
    const one = await http.post('/api/halls/renmin/reproject?projection=ledger', '')
    expect(one.body).toMatchObject([{ projection: 'ledger', build: 3 }])
    expect((await http.get('/api/halls/renmin')).body).toEqual(before.body)
    const none = await http.post('/api/halls/renmin/reproject?projection=none', '')
    expect(none.status).toBe(404)
  })
})

describe('presence', () => {
  it('tells what is on the gateway only until the cloud holds it', async () => {
    const birth = birthOf({ head: { seq: 30, hash: 'a'.repeat(64) }, unbooked: 7 })
    http.presence.hear('renmin', new TextEncoder().encode(JSON.stringify(birth)))
    const { body } = await http.get('/api/halls/renmin')
    expect(body.presence).toMatchObject({
      ...{ state: 'present', since_ms: NOW_MS, gateway: 'gw-1' },
      unbooked: { records: 7, oldest_ms: 5_000 },
    })
    expect(body.devices).toMatchObject([{ device: 'reader-3', state: 'hardware_error' }])
    expect(body.alarms).toContainEqual({ alarm: 'device', count: 1 })
  })

  it('alarms where a gateway sends what is no batch', async () => {
    for (let n = 0; n < 3; n++) http.presence.refuse('renmin')
    const { body } = await http.get('/api/halls/renmin')
    expect(body.alarms).toContainEqual({ alarm: 'batch_unreadable', count: 3 })
    expect(body.presence.state).toBe('present')
  })
})

function birthOf(over: object) {
  const device = { device: 'reader-3', type: 'id-card-reader', reason: '', since_ms: NOW_MS }
  return {
    ...{ v: 1, type: 'birth', gateway: 'gw-1', fence: 0, session: 'a'.repeat(16), epoch: EPOCH },
    ...{ epoch_number: 1, parent: null, head: { seq: 23, hash: log.hash }, unbooked: 0 },
    ...{ unbooked_since_ms: NOW_MS - 5_000, version: '0.1.0', config_version: 1 },
    devices: [{ ...device, state: 'hardware_error' }],
    ...{ clock: { wall_ms: NOW_MS, skew_ms: 0 }, sent: { boot: 'b', mono_ms: 0 } },
    ...over,
  }
}

describe('the database away', () => {
  it('is said at once, with 503', async () => {
    const alone = await startPostgres()
    const fixture = await openHttp(await alone.newDatabase())
    await alone.cluster.stop()
    const { status, body } = await fixture.get('/api/halls')
    expect([status, body.code]).toEqual([503, 'unavailable'])
    expect((await fixture.get('/health')).body.parts).toEqual({ database: false })
    await fixture[Symbol.asyncDispose]()
    await alone[Symbol.asyncDispose]()
  })
})

it('keeps tickets of unknown delivery and voided ones out of the figures', async () => {
  const writer = new LogWriter(http.store, 'figures')
  await writer.begin('3'.repeat(32), null)
  const left = { reason: 'gave_up', undelivered: true } as const
  await writer.append([
    [1, opened(DAY)],
    ...[1, 2, 3].map((n) => [n, issued(n, DAY)] as const),
    [50, { kind: 'ticket.left', data: { ticket: ticketId(1), ...left } }],
    [51, { kind: 'ticket.voided', data: { ticket: ticketId(2), by: 'C1', reason: '' } }],
    [2_000, called(3)],
    [2_001, serving(3)],
  ])
  const { body } = await http.get(`/api/halls/figures/days/${DAY}`)
  expect(body).toMatchObject({
    ...{ issued: 3, tickets: 1, called: 1, undelivered: 1, voided: 1, left: 0 },
    waits: { n: 1, over_30_min_share: 1 },
  })
})
