import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldOne, loadRows } from '../../cloud/intake/fold.ts'
import type { AnyBooked, CloudTx, Projection, Row, Value } from '../../cloud/ports.ts'
import { projections } from '../../cloud/projections.ts'
import type { Draft } from '../../devices/contract/record.ts'
import { MemoryCloudStore } from '../sim/memory-cloud-store.ts'
import {
  bound,
  called,
  confirmed,
  done,
  entered,
  HASH,
  issued,
  logOf,
  opened,
  replaced,
  result,
  sale,
  serving,
  stamp,
  ticketId,
} from './log-maker.ts'

const HALL = 'h1'

/** Books the records in batches of the given sizes; tells what was refused and why. */
async function book(store: MemoryCloudStore, log: readonly AnyBooked[], sizes = [log.length]) {
  const refused: string[] = []
  for (let at = 0, n = 0; at < log.length; n++) {
    const batch = log.slice(at, at + (sizes[n % sizes.length] ?? 1))
    at += batch.length
    await store.transaction(async (tx) => {
      const cursor = (await tx.cursors([HALL])).get(HALL)!
      const exact = await onlyNamedRows(tx, batch)
      const rows = await loadRows(tx, exact, batch)
      for (const booked of batch)
        for (const { place, projection, code } of foldOne(booked, rows))
          refused.push(`${place} ${projection} ${code}`)
      const nothing = { epochs: [], segments: [], origins: [], rejections: [] }
      await tx.write([{ hall: HALL, cursor, ...nothing, puts: rows.changes(), upto: at }])
    })
  }
  return refused
}

/** The projections, failing the test where a fold looks at a row that its batch did not name. */
async function onlyNamedRows(tx: CloudTx, batch: readonly AnyBooked[]): Promise<Projection[]> {
  const id = (table: string, key: readonly Value[]) => [table, ...key].join(' ')
  return Promise.all(
    projections.map(async (projection) => {
      const needed = batch.flatMap((booked) => projection.needs(booked))
      const found = await tx.rows(HALL, needed)
      const behind = found.flatMap(({ table, row }) => projection.follow(table, row))
      const named = new Set([...needed, ...behind].map(({ table, key }) => id(table, key)))
      const fold: Projection['fold'] = (booked, get) =>
        projection.fold(booked, (table, ...key) => {
          expect(named).toContain(id(table, key))
          return get(table, ...key)
        })
      return { ...projection, fold }
    }),
  )
}

function newStore() {
  return new MemoryCloudStore(projections, { ledger: 'a'.repeat(32) })
}

async function rowsOf(entries: readonly (readonly [number, Draft])[]) {
  const store = newStore()
  const refused = await book(store, logOf(HALL, entries))
  const table = (name: string) => store.table(HALL, name)
  return { refused, table, one: (name: string) => table(name)[0] as Row }
}

describe('visits', () => {
  it('follows a ticket to its end with waits from the issue to the last call', async () => {
    const { one, refused } = await rowsOf([
      [0, opened()],
      [10, issued(1)],
      [70, called(1)],
      [80, { kind: 'ticket.recalled', data: { ticket: ticketId(1), counter: '3', times: 1 } }],
      [90, called(1, '4')],
      [95, serving(1, '4')],
      [215, done(1, '4')],
    ])
    expect(refused).toEqual([])
    expect(one('visit')).toMatchObject({
      ...{ outcome: 'done', counter: '4', calls: 2, recalls: 1, wait_ms: 80_000 },
      ...{ serve_ms: 120_000, wall_interval: false, issued_place: 2, updated_place: 7 },
    })
    expect(one('hall_day')).toMatchObject({
      ...{ issued: 1, tickets: 1, called: 1, served: 1, no_show: 0, left: 0 },
      ...{ waits_n: 1, waits_sum_ms: 80_000, waits_max_ms: 80_000 },
    })
  })

  it('frees the counter a ticket was called away from', async () => {
    const { table } = await rowsOf([
      [0, { kind: 'counter.signed_in', data: { counter: '3', clerk: 'C1', services: [] } }],
      [1, { kind: 'counter.signed_in', data: { counter: '4', clerk: 'C2', services: [] } }],
      [2, issued(1)],
      [3, called(1, '3')],
      [4, called(1, '4')],
    ])
    expect(table('counter')).toMatchObject([
      { counter: '3', state: 'free', ticket: null },
      { counter: '4', state: 'called', ticket: ticketId(1), number: 'A001' },
    ])
  })

  it('measures across a restart by the wall clock and says so', async () => {
    const store = newStore()
    const log = logOf(HALL, [
      [10, issued(1)],
      [70, called(1)],
    ])
    log[1]!.record.at = { ...stamp(70, 'b00720000'), mono_ms: 3 }
    await book(store, log)
    expect(store.table(HALL, 'visit')[0]).toMatchObject({ wait_ms: 60_000, wall_interval: true })
  })

  it('keeps a wait as unknown when the clock jumped by years', async () => {
    const store = newStore()
    const log = logOf(HALL, [
      [10, issued(1)],
      [70, called(1)],
      [75, serving(1)],
    ])
    const wall_ms = Number.MAX_SAFE_INTEGER
    log[1]!.record.at = { ...stamp(70, 'b00720000'), wall_ms }
    await book(store, log)
    expect(store.table(HALL, 'visit')[0]).toMatchObject({ wait_ms: null, wall_interval: true })
    expect(store.table(HALL, 'hall_day')[0]).toMatchObject({ waits_n: 0, waits_sum_ms: 0 })
  })

  it('leaves a ticket nobody held out of the figures, also after it had been called', async () => {
    const { one } = await rowsOf([
      [10, issued(1)],
      [70, called(1)],
      [
        90,
        {
          kind: 'ticket.no_show',
          data: { ticket: ticketId(1), counter: '3', undelivered: true },
        },
      ],
    ])
    expect(one('hall_day')).toMatchObject({
      ...{ issued: 1, tickets: 0, called: 0, no_show: 0, undelivered: 1, waits_n: 0 },
    })
  })

  it('gives a ticket one end: a second one is refused', async () => {
    const { refused, one } = await rowsOf([
      [10, issued(1)],
      [70, called(1)],
      [80, done(1)],
      [
        90,
        {
          kind: 'ticket.left',
          data: { ticket: ticketId(1), reason: 'gave_up', undelivered: false },
        },
      ],
      [91, issued(1)],
      [92, called(2)],
    ])
    expect(refused).toEqual([
      '4 visits wrong_state',
      '5 visits wrong_state',
      '6 visits unknown_ticket',
    ])
    expect(one('visit')).toMatchObject({ outcome: 'done' })
    expect(one('hall_day')).toMatchObject({ issued: 1, served: 1, left: 0 })
  })

  it('keeps what is surest about a paper', async () => {
    const outcome = (n: number, of: 'printed' | 'failed' | 'unknown'): [number, Draft] => {
      const data = { ticket: ticketId(1), attempt: n, outcome: of, reprint: n > 1 }
      return [10 + n, { kind: 'ticket.delivered', data }]
    }
    const { one } = await rowsOf([
      [10, issued(1)],
      outcome(1, 'unknown'),
      outcome(2, 'printed'),
      outcome(3, 'failed'),
    ])
    expect(one('visit')).toMatchObject({ delivery: 'printed' })
  })

  it('counts kiosk visits on the open day and gives a visit its subject', async () => {
    const subject = 'd'.repeat(64)
    const data = { counter: '3', ticket: ticketId(1), card_type: 'resident' as const, subject }
    const { one } = await rowsOf([
      [0, opened()],
      [1, { kind: 'kiosk.visited', data: { kiosk: 'k1', purpose: '' } }],
      [10, issued(1)],
      [20, { kind: 'card.verified', data: { ...data, sealed: 'a.b.c.d.e', warnings: [] } }],
    ])
    expect(one('hall_day')).toMatchObject({ kiosk: 1, opened_ms: stamp(0).wall_ms })
    expect(one('visit')).toMatchObject({ subject })
  })
})

describe('ledger', () => {
  it('books an order at its confirmation, both sides equal, balances running', async () => {
    const { table, one, refused } = await rowsOf([
      [0, opened()],
      [1, entered('o1')],
      [2, confirmed('o1')],
      [3, result('o1', 'done')],
    ])
    expect(refused).toEqual([])
    expect(one('orders')).toMatchObject({ state: 'done', total_fen: 17_900n, entry_place: 3 })
    expect(one('entry')).toMatchObject({ place: 3, kind: 'sale', day: '2026-10-12' })
    expect(one('entry')).toMatchObject({
      accounts: ['till/3', 'tender/wechat', 'service/sim', 'service/plan'],
      amounts_fen: [10_000, 7_900, -5_000, -12_900],
      balances_after: [10_000n, 7_900n, -5_000n, -12_900n],
    })
    expect(table('account').map((a) => [a.account, a.balance])).toEqual(
      expect.arrayContaining([
        ['till/3', 10_000n],
        ['service/plan', -12_900n],
      ]),
    )
  })

  it('never books an order twice, whatever a branch confirms again', async () => {
    const { table, refused } = await rowsOf([
      [1, entered('o1')],
      [2, confirmed('o1')],
      [3, confirmed('o1')],
      [4, entered('o1')],
      [5, confirmed('o1')],
    ])
    expect(refused).toEqual([3, 4, 5].map((place) => `${place} ledger order_final`))
    expect(table('entry')).toHaveLength(1)
  })

  it('takes a failed order back with the sides exchanged', async () => {
    const { table, one } = await rowsOf([
      [1, entered('o1')],
      [2, confirmed('o1')],
      [3, result('o1', 'failed')],
    ])
    expect(table('entry').map((e) => e.kind)).toEqual(['sale', 'reversal'])
    expect(table('account').every((a) => a.balance === 0n)).toBe(true)
    expect(one('orders')).toMatchObject({ state: 'failed', reversal_place: 3 })
  })

  it('refuses what does not balance, another content, and an unknown order', async () => {
    const uneven = { ...sale, tenders: [{ tender: 'cash', amount_fen: 17_901 }] }
    const { table, refused } = await rowsOf([
      [1, entered('o1', uneven)],
      [2, confirmed('o1')],
      [3, entered('o2')],
      [4, confirmed('o2', HASH.replace('c', 'd'))],
      [5, result('o2', 'done')],
    ])
    expect(refused).toEqual([
      '1 ledger order_unbalanced',
      '2 ledger not_found',
      '4 ledger hash_mismatch',
      '5 ledger wrong_state',
    ])
    expect(table('entry')).toEqual([])
  })

  it('adds beyond 2^53 without losing a fen', async () => {
    const most = Number.MAX_SAFE_INTEGER
    const content = {
      lines: [
        { item: 'x', amount_fen: most },
        { item: 'x', amount_fen: most },
      ],
      tenders: [
        { tender: 'wire', amount_fen: most },
        { tender: 'wire', amount_fen: most },
      ],
    }
    const { table, one } = await rowsOf([
      [1, entered('o1', content)],
      [2, confirmed('o1')],
    ])
    expect(one('entry')).toMatchObject({ total_fen: 2n * BigInt(most) })
    expect(table('account')).toMatchObject([
      { account: 'tender/wire', balance: 2n * BigInt(most) },
      { account: 'service/x', balance: -2n * BigInt(most) },
    ])
  })
})

const place = fc.constantFrom('p1', 'p2', 'p3')
const identity = fc.constantFrom('X', 'Y', 'Z')

/** Steps of two tickets and two orders over three counters, in any order, also senseless ones. */
const anyDraft: fc.Arbitrary<Draft> = fc.oneof(
  fc.constantFrom(opened('2026-10-12'), opened('2026-10-13')),
  fc.integer({ min: 1, max: 2 }).map((n) => issued(n)),
  fc
    .tuple(fc.constantFrom(called, serving, done), fc.integer({ min: 1, max: 2 }), fc.nat(2))
    .map(([make, n, counter]) => make(n, String(counter))),
  fc.constantFrom('o1', 'o2').map((order) => entered(order)),
  fc.constantFrom('o1', 'o2').map((order) => confirmed(order)),
  fc
    .tuple(fc.constantFrom('o1', 'o2'), fc.constantFrom('done' as const, 'failed' as const))
    .map(([order, of]) => result(order, of)),
  fc.tuple(place, identity).map(([at, who]) => bound(at, who)),
  fc.tuple(place, identity, identity).map(([at, old, now]) => replaced(at, old, now)),
)

describe('every projection', () => {
  it('makes the same rows and refusals however the log is cut into batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyDraft, { minLength: 1, maxLength: 40, size: 'max' }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
        async (drafts, sizes) => {
          const log = logOf(
            HALL,
            drafts.map((draft, i) => [i, draft] as const),
          )
          const [whole, cut] = [newStore(), newStore()]
          const refused = await book(whole, log)
          expect(await book(cut, log, sizes)).toEqual(refused)
          for (const { tables } of projections)
            for (const { table } of tables) {
              const sorted = (store: MemoryCloudStore) =>
                store
                  .table(HALL, table)
                  .map((row) => JSON.stringify(row, fen))
                  .sort()
              expect(sorted(cut)).toEqual(sorted(whole))
            }
        },
      ),
      { numRuns: 200 },
    )
  })
})

const fen = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)
