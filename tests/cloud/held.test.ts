/** What a commit keeps in memory of a hall's log while it compares with it. */
import { expect, it } from 'vitest'
import { chainHashes } from '../../cloud/intake/chain.ts'
import { HallView } from '../../cloud/intake/held.ts'
import { SEGMENTS_KEPT_MAX } from '../../cloud/intake/limits.ts'
import type { CloudTx, Segment } from '../../cloud/ports.ts'

const EPOCH = 'e'.repeat(32)
const SEGMENTS = SEGMENTS_KEPT_MAX * 3

/** An epoch of segments of two records each, and a transaction that tells which were read. */
function longLog() {
  const segments: Segment[] = []
  let prev = '0'.repeat(64)
  const hashes: string[] = []
  for (let i = 0; i < SEGMENTS; i++) {
    const lines = [`first of ${i}`, `second of ${i}`].map((line) => new TextEncoder().encode(line))
    const made = chainHashes(prev, lines)
    hashes.push(...made)
    const bytes = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]))
    const [first, hash] = [i * 2 + 1, made[1]!]
    const place = { epoch: EPOCH, first, last: first + 1, place: first }
    segments.push({ ...place, prev, hash, bytes, crcs: new Uint8Array(8) })
    prev = hash
  }
  const row = {
    ...{ epoch: EPOCH, number: 1, parent: null, reason: 'first', gateway: 'g' },
    ...{ continues: true, branch: false, seq: SEGMENTS * 2, hash: prev },
  }
  const read: number[] = []
  const tx = {
    epoch: async () => row,
    segmentAt: async (_hall: string, _epoch: string, seq: number) => {
      read.push(seq)
      return segments.find(({ first, last }) => first <= seq && seq <= last) ?? null
    },
  } as Partial<CloudTx> as CloudTx
  const cursor = { hall: 'h', records: SEGMENTS * 2, head: null, owner: null, fence: 0 }
  return { view: new HallView(tx, cursor), hashes, read }
}

it('records that name places all over the log are compared without keeping all of the log', async () => {
  const { view, hashes, read } = longLog()
  const odd = Array.from({ length: SEGMENTS }, (_, i) => i * 2 + 1)
  for (const seq of odd) expect(await view.hashAt(EPOCH, seq)).toBe(hashes[seq - 1])
  const last = odd.slice(-SEGMENTS_KEPT_MAX)
  for (const seq of last) expect(await view.hashAt(EPOCH, seq)).toBe(hashes[seq - 1])
  expect(read).toEqual(odd)
  // What was used longest ago was let go of, and is read again.
  expect(await view.hashAt(EPOCH, 1)).toBe(hashes[0])
  expect(read).toEqual([...odd, 1])
})
