import { expect, it } from 'vitest'
import { projections } from '../../cloud/projections.ts'
import { cloudStoreSuite } from '../ports/cloud-store.suite.ts'
import { MemoryCloudStore } from '../sim/memory-cloud-store.ts'

const ledger = 'a'.repeat(32)

cloudStoreSuite('in memory', {
  open: async (beforeCall = () => {}) => new MemoryCloudStore(projections, { ledger, beforeCall }),
})

it('comes back from a backup as it was then, under a new id', async () => {
  const store = new MemoryCloudStore(projections, { ledger })
  const claim = (owner: string) =>
    store.transaction(async (tx) => {
      const cursor = { ...(await tx.cursors(['h1'])).get('h1')!, owner }
      const nothing = { epochs: [], segments: [], origins: [], puts: [], rejections: [] }
      await tx.write([{ hall: 'h1', cursor, ...nothing, upto: 0 }])
    })
  await claim('first')
  const backup = store.snapshot()
  await claim('second')
  store.restore(backup, 'b'.repeat(32))
  expect(store.halls.get('h1')?.cursor.owner).toBe('first')
  expect(await store.ledger()).toBe('b'.repeat(32))
})
