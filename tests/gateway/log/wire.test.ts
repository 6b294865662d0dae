/** What crosses to the log's thread comes out there as it went in. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Reply, Request } from '../../../gateway/log/service.ts'
import {
  packReplies,
  packRequests,
  unpackReplies,
  unpackRequests,
} from '../../../gateway/log/wire.ts'

const used = fc.record({ day: fc.string(), service: fc.string(), number: fc.nat() })
const append = fc.record({
  op: fc.constant('append' as const),
  generation: fc.nat(2),
  entries: fc.array(fc.record({ text: fc.string(), wall_ms: fc.integer() }), { maxLength: 3 }),
  closing: fc.boolean(),
  used: fc.array(used, { maxLength: 2 }),
})
const other = fc.constantFrom(
  { op: 'status' as const },
  { op: 'readBatch' as const, after: { epoch: 'e', seq: 3 } },
)
const requests = fc.array(fc.record({ id: fc.nat(), call: fc.oneof(append, append, other) }))

const epoch = fc.constantFrom('a', 'b')
const place = fc.record({ epoch, first: fc.nat(), last: fc.nat() })
const outgoing = fc.record({
  ...{ epoch, first: fc.nat(), prev: fc.string(), records: fc.constant([Uint8Array.of(1)]) },
  last: fc.record({ epoch, seq: fc.nat() }),
})
const good = fc.record({
  ...{ id: fc.nat(), ok: fc.constant(true) },
  result: fc.oneof(place, place, outgoing, fc.constant(null), fc.nat()),
})
const bad = fc.record({
  ...{ id: fc.nat(), ok: fc.constant(false) },
  ...{ code: fc.constant('disk_full'), detail: fc.string() },
})

it('requests, in their order', () => {
  fc.assert(
    fc.property(requests, (all) => {
      const crossed = structuredClone(packRequests(all as Request[]))
      expect(unpackRequests(crossed)).toEqual(all)
    }),
  )
})

it('replies, in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(good, good, bad)), (all) => {
      const crossed = structuredClone(packReplies(all as Reply[]))
      expect(unpackReplies(crossed)).toEqual(all)
    }),
  )
})

it('appends of one turn cross as one thing', () => {
  const call = { op: 'append' as const, generation: 0, closing: false, used: [] }
  const all = Array.from({ length: 100 }, (_, id) => {
    return { id, call: { ...call, entries: [{ text: `${id}`, wall_ms: id }] } }
  })
  expect(packRequests(all)).toHaveLength(1)
  const replies = all.map(({ id }) => {
    return { id, ok: true as const, result: { epoch: 'a', first: id, last: id } }
  })
  expect(packReplies(replies)).toHaveLength(1)
})
