import { expect, it } from 'vitest'
import { projections } from '../../cloud/projections.ts'
import { MemoryCloudStore, type StoreCall } from '../sim/memory-cloud-store.ts'
import { failing, intakeSuite } from './intake.suite.ts'
import { chainOf, goodEpoch, goodTexts, intake, payloadOf } from './intake-fixture.ts'

const open = (beforeCall: (step: string) => void = () => {}) =>
  new MemoryCloudStore(projections, { ledger: 'a'.repeat(32), beforeCall })

const ordersOf = (store: MemoryCloudStore, hall: string) =>
  store
    .table(hall, 'orders')
    .filter((row) => row.entry_place !== null)
    .map((row) => `${row.order_id} ${row.total_fen}`)
    .sort()

intakeSuite('in memory', {
  open: async () => open(),
  booked: async (store, hall) => ordersOf(store as MemoryCloudStore, hall),
  rejected: async (store, hall) =>
    ((store as MemoryCloudStore).halls.get(hall)?.rejections ?? []).map(
      ({ seq, code }) => `${seq} ${code}`,
    ),
  setOwner: (store, hall, owner) =>
    store.transaction(async (tx) => {
      const cursor = { ...(await tx.cursors([hall])).get(hall)!, owner }
      const nothing = { epochs: [], segments: [], origins: [], puts: [], rejections: [] }
      await tx.write([{ hall, cursor, ...nothing, upto: cursor.records }])
    }),
})

const calls: StoreCall[] = ['ledger', 'begin', 'cursors', 'epoch', 'rows', 'write', 'commit']

it.each([...calls, 'committed'] as const)(
  'a store gone at %s answers nothing before it is back, then books once',
  async (call) => {
    const store = open(failing(call, 3))
    const here = intake(store)
    const chain = chainOf(goodEpoch())
    const receipt = await here.book('h1', chain)
    expect(receipt).toMatchObject({ status: 'held', seq: 6 })
    expect(here.pipeline.counters().store_errors).toBe(3)
    expect(here.receipts).toHaveLength(1)
    expect(ordersOf(store, 'h1')).toHaveLength(2)
  },
)

it('a record whose rows cannot be written is kept and rejected alone; its hall and others go on', async () => {
  const store = open()
  // As a database does that refuses a value: nothing more is taken before a savepoint is gone back to.
  const transaction = store.transaction.bind(store)
  store.transaction = (work) =>
    transaction((tx) => {
      let aborted = false
      const refuse = () => {
        if (aborted) throw new Error('current transaction is aborted')
      }
      return work({
        ...tx,
        rows: async (hall, keys) => {
          refuse()
          return tx.rows(hall, keys)
        },
        savepoint: async (run) => {
          refuse()
          try {
            return await tx.savepoint(run)
          } catch (error) {
            aborted = false
            throw error
          }
        },
        write: async (changes) => {
          refuse()
          aborted = changes.some((c) => c.puts.some(({ row }) => row.order_id === 'o-3'))
          if (aborted) throw new Error('numeric field overflow')
          return tx.write(changes)
        },
      })
    })
  const here = intake(store)
  const bad = payloadOf(chainOf(goodEpoch(1, 5)))
  const good = payloadOf(chainOf(goodEpoch(1, 2)))
  here.pipeline.take({ topic: 'hw1/h1/log', payload: bad.payload })
  here.pipeline.take({ topic: 'hw1/h2/log', payload: good.payload })
  await here.pipeline.idle()
  expect(here.answer(bad.stamp)).toMatchObject({ status: 'held', seq: 12 })
  expect(here.answer(good.stamp)).toMatchObject({ status: 'held', seq: 6 })
  expect(ordersOf(store, 'h1').map((row) => row.split(' ')[0])).toEqual([
    'o-1',
    'o-2',
    'o-4',
    'o-5',
  ])
  expect(ordersOf(store, 'h2')).toHaveLength(2)
  const rejections = store.halls.get('h1')!.rejections
  expect(rejections.map(({ seq, projection }) => `${projection} ${seq}`)).toEqual([
    'ledger 7',
    'ledger 8',
  ])
  expect(here.answer(bad.stamp)!.rejected.map(({ seq }) => seq)).toEqual([7, 8])
})

it('a database put back to yesterday says so by its new id, and takes again what it lost', async () => {
  const store = open()
  const here = intake(store)
  const chain = chainOf(goodEpoch(1, 4))
  const before = await here.book('h1', chain, 1, 4)
  const backup = store.snapshot()
  await here.book('h1', chain, 5)
  const all = ordersOf(store, 'h1')
  store.restore(backup, 'b'.repeat(32))
  const gap = await here.book('h1', chain, 10)
  expect(gap).toMatchObject({ status: 'gap', seq: 4, hash: before.hash, ledger: 'b'.repeat(32) })
  expect(await here.book('h1', chain, 5)).toMatchObject({ status: 'held', seq: 10 })
  expect(ordersOf(store, 'h1')).toEqual(all)
})

it('one batch that never ends well does not hold up the micro-batch it came in', async () => {
  const store = open()
  const transaction = store.transaction.bind(store)
  store.transaction = (work) =>
    transaction((tx) =>
      work({
        ...tx,
        write: (changes) => {
          if (changes.some((c) => c.hall === 'h1')) throw new Error('this hall breaks everything')
          return tx.write(changes)
        },
      }),
    )
  const here = intake(store)
  const bad = payloadOf(chainOf(goodEpoch()))
  here.pipeline.take({ topic: 'hw1/h1/log', payload: bad.payload })
  const goods = ['h2', 'h3'].map((hall) => {
    const one = payloadOf(chainOf(goodEpoch(), goodTexts(5, 9)))
    here.pipeline.take({ topic: `hw1/${hall}/log`, payload: one.payload })
    return one
  })
  await here.pipeline.idle()
  for (const { stamp } of goods) expect(here.answer(stamp)).toMatchObject({ status: 'held' })
  expect(here.answer(bad.stamp)).toBeUndefined()
  expect(here.logged.some(({ event }) => event === 'commit.failed')).toBe(true)
})
