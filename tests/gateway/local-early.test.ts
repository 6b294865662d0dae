/** The local API while the hall log is still being read: it says so, and never that things are not there. */
import { expect, test } from 'vitest'
import { openHall } from './local-fixture.ts'

test('before the hall is open, what is not known yet is not said to be missing', async () => {
  await using hall = await openHall({ stepped: true })
  hall.deps.ready = () => false
  for (const path of ['/counters/c1', '/tickets', '/orders', '/day', '/counts']) {
    const { status, json } = await hall.call('clerks', 'GET', path)
    expect([path, status, json.code]).toEqual([path, 503, 'unavailable'])
  }
  expect((await hall.call('clerks', 'GET', '/status')).status).toBe(200)
  expect((await hall.call(null, 'GET', '/counters/c1')).status).toBe(401)
  hall.deps.ready = () => true
  expect((await hall.call('clerks', 'GET', '/day')).status).toBe(200)
})
