/** Ratings and bound devices through the real intake, the API's figures, and the verifier's own word. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, readerOn } from '../../cloud/verify/rows.ts'
import { verify } from '../../cloud/verify/verify.ts'
import type { Draft } from '../../devices/contract/record.ts'
import { type HttpFixture, LogWriter, openHttp, rules } from './http-fixture.ts'
import { bound, EPOCH, opened, ratingAsked, ratingGiven, replaced } from './log-maker.ts'
import { type Databases, sharedPostgres } from './pg-fixture.ts'

let postgres: Databases
let url: string
let http: HttpFixture

const drafts: Draft[] = [
  opened(),
  ratingAsked(1),
  ratingGiven(1, 5),
  ratingGiven(1, 1),
  ratingAsked(2),
  ratingGiven(null, 3),
  ratingAsked(3, '4'),
  ratingGiven(3, 2, '4'),
  ratingAsked(4, '4', '2026-10-13'),
  bound('reader-1', 'SAM-1'),
  bound('reader-2', 'SAM-2', null),
  replaced('reader-1', 'SAM-1', 'SAM-3'),
  replaced('reader-1', 'SAM-1', 'SAM-4'),
  // Two that were moved: what stood at their old places stands there no more.
  bound('reader-5', 'SAM-5'),
  bound('reader-6', 'SAM-6'),
  bound('reader-7', 'SAM-5'),
  bound('reader-8', 'SAM-8'),
  replaced('reader-8', 'SAM-8', 'SAM-6'),
  replaced('reader-5', 'SAM-5', 'SAM-9'),
  bound('reader-6', 'SAM-8'),
]

beforeAll(async () => {
  postgres = await sharedPostgres()
  url = await postgres.newDatabase()
  http = await openHttp(url)
  for (const hall of ['renmin', 'empty']) await http.post('/api/halls', { hall, rules })
  const log = new LogWriter(http.store, 'renmin')
  await log.begin(EPOCH, null)
  await log.append(drafts.map((draft, i) => [i, draft] as const))
})
afterAll(async () => {
  await http?.[Symbol.asyncDispose]()
  await postgres?.[Symbol.asyncDispose]()
})

describe('ratings', () => {
  it('count the first answer of each question; every other press is nobody’s', async () => {
    const { status, body } = await http.get('/api/halls/renmin/ratings')
    expect(status).toBe(200)
    expect(body.total).toEqual({
      ...{ asked: 4, answered: 2, average: 3.5, scores: [0, 1, 0, 0, 1], unattributed: 2 },
    })
    expect(body.counters).toMatchObject([
      { name: '3', asked: 2, answered: 1, average: 5, unattributed: 2 },
      { name: '4', asked: 2, answered: 1, average: 2, unattributed: 0 },
    ])
    expect(body.clerks.map(({ name }: { name: string }) => name)).toEqual([
      ...['C01', 'C02', 'C03', 'C04'],
    ])
    expect(body.clerks[1]).toMatchObject({ asked: 1, answered: 0, average: null })
    expect(body.services).toMatchObject([{ name: 'PS', asked: 4, answered: 2 }])
  })

  it('are read for one day as well; a hall without any has none', async () => {
    const { body } = await http.get('/api/halls/renmin/ratings?day=2026-10-13')
    expect(body.total).toMatchObject({ asked: 1, answered: 0, average: null, unattributed: 0 })
    const { body: none } = await http.get('/api/halls/empty/ratings')
    expect(none).toMatchObject({ counters: [], total: { asked: 0, average: null } })
    expect((await http.get('/api/halls/nowhere/ratings')).status).toBe(404)
  })
})

it('bound devices are told with their last replacement; a false one is refused', async () => {
  const { body } = await http.get('/api/halls/renmin/bindings')
  expect(body).toMatchObject([
    { device: 'reader-1', identity: 'SAM-3', counter: '3', by: 'bob', replacements: 1 },
    { device: 'reader-2', identity: 'SAM-2', counter: null, by: 'ann', replacements: 0 },
    { device: 'reader-6', identity: 'SAM-8' },
    { device: 'reader-7', identity: 'SAM-5' },
    { device: 'reader-8', identity: 'SAM-6', replacements: 1 },
  ])
  const { body: rejected } = await http.get('/api/halls/renmin/rejected')
  const codes = rejected.items.map((item: { projection: string; code: string }) => {
    return `${item.projection} ${item.code}`
  })
  expect(codes.sort()).toEqual(['bindings not_found', 'bindings wrong_state'])
})

describe('the verifier', () => {
  const wrong: [string, string, string][] = [
    ['rating', 'update rating set score = 1 where score = 5', 'score is 1, by the log 5'],
    [
      'rating',
      "update rating set attributed = true where request = '1111111111111111' and score = 1",
      'attributed is true, by the log false',
    ],
    ['rating_ask', 'update rating_ask set rated_place = null', 'rated_place is empty, by the log'],
    ['bound_device', "update bound_device set identity = 'x'", 'identity is x, by the log SAM-3'],
    ['bound_device', 'update bound_device set left_for = null', 'by the log reader-7'],
    ['device_home', "update device_home set device = 'x'", 'device is x, by the log reader-'],
  ]

  it.each(wrong)('names a changed %s', async (what, sql, text) => {
    const hand = await connect(url)
    try {
      expect((await verify(readerOn(hand))).findings).toEqual([])
      await hand.query('begin')
      await hand.query(sql)
      const [first] = (await verify(readerOn(hand))).findings
      expect(first).toMatchObject({ what, text: expect.stringContaining(text) })
    } finally {
      await hand.query('rollback')
      await hand.end()
    }
  })
})
