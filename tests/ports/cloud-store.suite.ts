/**
 * What every {@link CloudStore} does, run on the one in memory and on PostgreSQL, so that what the
 * simulation proves holds for the real one.
 */
import { describe, expect, it } from 'vitest'
import type { CloudStore, CloudTx, HallChanges, Row, RowKey, Segment } from '../../cloud/ports.ts'
import type { CounterRow } from '../../cloud/queue/tables.ts'
import { isConnectionLoss } from '../../cloud/store/errors.ts'

const EPOCH = 'e'.repeat(32)
const hash = (digit: string) => digit.repeat(64)
const bytes = (text: string) => new TextEncoder().encode(text)

export type StoreUnderTest = {
  /** An empty store; `before` may throw before any of its steps. */
  open(before?: (step: string) => void): Promise<CloudStore>
}

function counter(id: string, since_ms = 1): CounterRow {
  return { counter: id, state: 'free', clerk: 'C"\\,{}', ticket: null, number: null, since_ms }
}

/** The changes of a commit of `count` records of `hall` behind `held`, with one row. */
function commit(hall: string, held: number, count: number, row: Row): HallChanges {
  const last = held + count
  const segment: Segment = {
    crcs: bytes(`crc${held}`.repeat(count)),
    ...{ epoch: EPOCH, first: held + 1, last, place: held + 1 },
    ...{ prev: hash('0'), hash: hash('1'), bytes: bytes(`${hall} ${held}\n`.repeat(count)) },
  }
  const head = { epoch: EPOCH, seq: last, hash: hash('1') }
  return {
    hall,
    cursor: { hall, records: last, head, owner: 'gw-1', fence: 2 },
    epochs: [
      {
        ...{ epoch: EPOCH, number: 1, parent: null, reason: 'first', gateway: 'gw-1' },
        ...{ continues: true, seq: last, hash: hash('1'), branch: false },
      },
    ],
    segments: [segment],
    origins: [{ origin: { epoch: EPOCH, seq: 7, hash: hash('7') }, place: last }],
    puts: [{ table: 'counter', row }],
    rejections: [
      { projection: 'visits', version: 1, epoch: EPOCH, seq: last, place: last, code: 'invalid' },
    ],
    upto: last,
  }
}

const book = (store: CloudStore, ...changes: HallChanges[]) =>
  store.transaction(async (tx) => {
    await tx.cursors(changes.map((change) => change.hall))
    await tx.write(changes)
  })

/** Everything the port tells about a hall after {@link commit}s. */
async function told(tx: CloudTx, hall: string) {
  const cursor = (await tx.cursors([hall])).get(hall)
  const rows = await tx.rows(hall, [
    { table: 'counter', key: ['1'] },
    { table: 'counter', key: ['2'] },
  ])
  return {
    cursor,
    epoch: await tx.epoch(hall, EPOCH),
    segment: await tx.segmentAt(hall, EPOCH, 1),
    origin: await tx.hasOrigin(hall, { epoch: EPOCH, seq: 7, hash: hash('7') }),
    rows: rows.map(({ row }) => row),
  }
}
const readHall = (store: CloudStore, hall: string) => store.transaction((tx) => told(tx, hall))

export function cloudStoreSuite(name: string, under: StoreUnderTest): void {
  describe(`cloud store: ${name}`, () => {
    it('begins with nothing held of a hall and keeps its own id', async () => {
      const store = await under.open()
      const cursor = { hall: 'h1', records: 0, head: null, owner: null, fence: 0 }
      expect(await readHall(store, 'h1')).toEqual({
        ...{ cursor, epoch: null, segment: null, origin: false, rows: [] },
      })
      expect(await store.ledger()).toMatch(/^[0-9a-f]{32}$/)
      expect(await store.ledger()).toBe(await store.ledger())
    })

    it('gives back what was committed, byte for byte', async () => {
      const store = await under.open()
      const change = commit('h1', 0, 2, counter('1'))
      await book(store, change)
      const held = await readHall(store, 'h1')
      expect(held.cursor).toEqual(change.cursor)
      expect(held.epoch).toEqual(change.epochs[0])
      expect(Buffer.from(held.segment!.bytes)).toEqual(Buffer.from(change.segments[0]!.bytes))
      expect(Buffer.from(held.segment!.crcs)).toEqual(Buffer.from(change.segments[0]!.crcs))
      const plain = { bytes: null, crcs: null }
      expect({ ...held.segment, ...plain }).toEqual({ ...change.segments[0], ...plain })
      expect(held.origin).toBe(true)
      expect(held.rows).toEqual([counter('1')])
    })

    it('finds the segment of a record and none for a record it does not hold', async () => {
      const store = await under.open()
      await book(store, commit('h1', 0, 2, counter('1')))
      await book(store, commit('h1', 2, 3, counter('1')))
      await store.transaction(async (tx) => {
        await tx.cursors(['h1'])
        const place = async (seq: number) => (await tx.segmentAt('h1', EPOCH, seq))?.place
        expect([await place(1), await place(2), await place(3), await place(5)]).toEqual([
          ...[1, 1, 3, 3],
        ])
        expect(await place(6)).toBe(undefined)
        expect(await tx.segmentAt('h1', 'f'.repeat(32), 1)).toBe(null)
      })
    })

    it('replaces rows by key, the last put of a commit counting, and keeps halls apart', async () => {
      const store = await under.open()
      const twice = commit('h1', 0, 1, counter('1', 5))
      const puts = [
        ...twice.puts,
        { table: 'counter', row: counter('2', 6) },
        { table: 'counter', row: counter('1', 7) },
      ]
      await book(store, { ...twice, puts }, commit('h2', 0, 1, counter('1', 9)))
      expect((await readHall(store, 'h1')).rows).toEqual(
        expect.arrayContaining([counter('1', 7), counter('2', 6)]),
      )
      expect((await readHall(store, 'h2')).rows).toEqual([counter('1', 9)])
    })

    it('keeps numbers beyond 2^53 and JSON as they are', async () => {
      const store = await under.open()
      const big = 2n ** 60n + 1n
      const account = { account: 'till/1', debit_fen: big, credit_fen: -big, balance: 2n * big }
      const lines = JSON.stringify([{ item: 'a', amount_fen: Number.MAX_SAFE_INTEGER }])
      const order = {
        ...{ order_id: 'o"1', state: 'entered', counter: '1', clerk: 'c', ticket: null },
        ...{ subject: null, total_fen: big, content_hash: hash('a'), lines, tenders: lines },
        ...{ entered_ms: Number.MAX_SAFE_INTEGER, confirmed_ms: null, result_ms: -1 },
        ...{ result_code: '中文 𠮷', entry_place: null, reversal_place: null },
      }
      const puts = [
        { table: 'account', row: account },
        { table: 'orders', row: order },
      ]
      await book(store, { ...commit('h1', 0, 1, counter('1')), puts })
      await store.transaction(async (tx) => {
        await tx.cursors(['h1'])
        const keys = puts.map(({ table, row }) => ({ table, key: [Object.values(row)[0]!] }))
        const rows = new Map((await tx.rows('h1', keys)).map(({ table, row }) => [table, row]))
        expect(rows.get('account')).toEqual(account)
        const read = rows.get('orders')!
        expect(JSON.parse(read.lines as string)).toEqual(JSON.parse(lines))
        expect({ ...read, lines: '', tenders: '' }).toEqual({ ...order, lines: '', tenders: '' })
      })
    })

    it('keeps many new rows as they are, whatever their texts hold', async () => {
      const store = await under.open()
      const texts = [
        '',
        '\\',
        '\\N',
        '\\.',
        '\t',
        '\n',
        '\r\n',
        '{"a",\\b}',
        '中文 𠮷',
        "'",
        'NULL',
        ' ',
      ]
      const rows = Array.from({ length: 40 }, (_, i) => {
        const text = texts[i % texts.length]!
        return { ...counter(`${i}`, i), clerk: i % 5 === 0 ? null : text, number: `${text}${i}` }
      })
      const entry = (place: number) => ({
        ...{ place, kind: 'sale', order_id: texts[place % texts.length], day: null, at_ms: -place },
        ...{ total_fen: 2n ** 60n, accounts: texts, amounts_fen: texts.map((_, i) => i - 5) },
        balances_after: texts.map((_, i) => 2n ** 62n * BigInt(i - 5)),
      })
      const entries = Array.from({ length: 40 }, (_, i) => entry(i + 1) as Row)
      const puts = [
        ...rows.map((row) => ({ table: 'counter', row, fresh: true })),
        ...entries.map((row) => ({ table: 'entry', row, fresh: true })),
        // And few, which go another way.
        { table: 'entry', row: entry(41) as Row },
      ]
      await book(store, { ...commit('h1', 0, 1, rows[0]!), puts })
      await store.transaction(async (tx) => {
        await tx.cursors(['h1'])
        const keysOf = (table: string) => (id: unknown) => ({ table, key: [id as string | number] })
        const held = async (keys: RowKey[]) => (await tx.rows('h1', keys)).map(({ row }) => row)
        const counters = await held(rows.map(({ counter: id }) => keysOf('counter')(id)))
        expect(new Set(counters)).toEqual(new Set(rows))
        const wanted = [...entries, entry(41)]
        const found = await held(wanted.map(({ place }) => keysOf('entry')(place)))
        expect(new Set(found)).toEqual(new Set(wanted))
      })
    })

    it('never takes a row for new that is there', async () => {
      const store = await under.open()
      const rows = Array.from({ length: 20 }, (_, i) => counter(`${i}`))
      const puts = rows.map((row) => ({ table: 'counter', row, fresh: true }))
      await book(store, { ...commit('h1', 0, 1, rows[0]!), puts: puts.slice(19) })
      const again = book(store, { ...commit('h1', 1, 1, rows[0]!), puts })
      const error = await again.catch((e: unknown) => e)
      expect(error).toBeInstanceOf(Error)
      expect(isConnectionLoss(error)).toBe(false)
      expect((await readHall(store, 'h1')).cursor?.records).toBe(1)
    })

    it('leaves nothing of a transaction that throws', async () => {
      const store = await under.open()
      await book(store, commit('h1', 0, 1, counter('1', 1)))
      const before = await readHall(store, 'h1')
      const failing = store.transaction(async (tx) => {
        await tx.cursors(['h1', 'h2'])
        await tx.write([commit('h1', 1, 1, counter('1', 2)), commit('h2', 0, 1, counter('2', 2))])
        throw new Error('later')
      })
      await expect(failing).rejects.toThrow('later')
      expect(await readHall(store, 'h1')).toEqual(before)
      expect((await readHall(store, 'h2')).cursor?.records).toBe(0)
    })

    it('undoes only what a failed savepoint did, also one inside another', async () => {
      const store = await under.open()
      await store.transaction(async (tx) => {
        await tx.cursors(['h1'])
        await tx.write([commit('h1', 0, 1, counter('1', 1))])
        await tx.savepoint(async () => {
          await tx.write([commit('h1', 1, 1, counter('2', 1))])
          const inner = tx.savepoint(async () => {
            await tx.write([commit('h1', 2, 1, counter('1', 3))])
            throw new Error('inner')
          })
          await expect(inner).rejects.toThrow('inner')
        })
        const outer = tx.savepoint(async () => {
          await tx.write([commit('h1', 2, 1, counter('2', 4))])
          throw new Error('outer')
        })
        await expect(outer).rejects.toThrow('outer')
      })
      const held = await readHall(store, 'h1')
      expect(held.cursor?.records).toBe(2)
      expect(held.rows).toEqual(expect.arrayContaining([counter('1', 1), counter('2', 1)]))
    })

    it('blames the values, not the connection, for what cannot be stored', async () => {
      const store = await under.open()
      const bad = { ...counter('1'), clerk: 'nul \u0000' }
      const error = await book(store, commit('h1', 0, 1, bad)).catch((e: unknown) => e)
      expect(error).toBeInstanceOf(Error)
      expect(isConnectionLoss(error)).toBe(false)
      expect((await readHall(store, 'h1')).cursor?.records).toBe(0)
    })

    it('goes on within a transaction after a savepoint met such values', async () => {
      const store = await under.open()
      await store.transaction(async (tx) => {
        await tx.cursors(['h1'])
        const bad = { ...counter('1'), clerk: '\u0000' }
        const failing = tx.savepoint(() => tx.write([commit('h1', 0, 1, bad)]))
        await expect(failing).rejects.toThrow()
        await tx.write([commit('h1', 0, 1, counter('1', 8))])
      })
      expect((await readHall(store, 'h1')).rows).toEqual([counter('1', 8)])
    })

    it('never takes two segments at one place', async () => {
      const store = await under.open()
      await book(store, commit('h1', 0, 2, counter('1')))
      await expect(book(store, commit('h1', 0, 2, counter('1')))).rejects.toThrow()
      expect((await readHall(store, 'h1')).cursor?.records).toBe(2)
    })

    it('lets transactions on the same halls wait for each other, whatever their order', async () => {
      const store = await under.open()
      const halls = ['h1', 'h2', 'h3', 'h4', 'h5']
      const add = (order: string[]) =>
        store.transaction(async (tx) => {
          const cursors = await tx.cursors(order)
          const changes = order.map((hall) => {
            const held = cursors.get(hall)!.records
            return commit(hall, held, 1, counter('1', held))
          })
          await tx.write(changes)
        })
      const orders = Array.from({ length: 12 }, (_, i) => {
        const turned = [...halls.slice(i % 5), ...halls.slice(0, i % 5)]
        return (i % 2 === 0 ? turned : turned.reverse()).slice(0, 4)
      })
      await Promise.all(orders.map(add))
      const records = await store.transaction(async (tx) =>
        [...(await tx.cursors(halls)).values()].map((cursor) => cursor.records),
      )
      expect(records.reduce((a, b) => a + b)).toBe(12 * 4)
    })

    it('leaves nothing when any step fails, and works again afterwards', async () => {
      let step = -1
      let failAt: number | null = null
      let failed = ''
      const store = await under.open((name) => {
        if (++step !== failAt) return
        failed = name
        throw new Error(`planted at ${name}`)
      })
      await book(store, commit('h1', 0, 2, counter('1', 1)))
      const before = await readHall(store, 'h1')
      const run = () =>
        store.transaction(async (tx) => {
          await told(tx, 'h1')
          await tx.savepoint(() => tx.write([commit('h1', 2, 1, counter('1', 2))]))
        })
      for (let at = 0; at < 100; at++) {
        step = -1
        failAt = at
        await expect(run()).rejects.toThrow('planted')
        failAt = null
        const held = await readHall(store, 'h1')
        // After the commit only the answer can be lost.
        if (failed === 'committed') return expect(held.cursor?.records).toBe(3)
        expect(held, failed).toEqual(before)
      }
      expect.unreachable('the step after the commit fails as well')
    })
  })
}
