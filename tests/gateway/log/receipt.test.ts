/** What a receipt means, situation by situation, decided without any log. */
import { describe, expect, it } from 'vitest'
import { type Position, ZERO_HASH } from '#devices/contract/position.ts'
import type { Receipt } from '#devices/contract/receipt.ts'
import type { PathEpoch } from '../../../gateway/log/path.ts'
import {
  judgeReceipt,
  type LogView,
  refusedOfMine,
  type Verdict,
} from '../../../gateway/log/receipt.ts'
import type { ShipCursor } from '../../../gateway/ports.ts'

const [A, B, C, X] = ['a', 'b', 'c', 'f'].map((digit) => digit.repeat(32)) as [
  string,
  string,
  string,
  string,
]
const hashOf = (epoch: string, seq: number) =>
  seq === 0 ? ZERO_HASH : epoch[0] + seq.toString(16).padStart(63, '0')
const at = (epoch: string, seq: number): Position => ({ epoch, seq, hash: hashOf(epoch, seq) })

const stretch = (epoch: string, last: number, first = 1): PathEpoch => ({
  ...{ epoch, number: 1, parent: null, first, first_prev: hashOf(epoch, first - 1) },
  ...{ last, last_hash: hashOf(epoch, last) },
})

type Case = {
  path?: PathEpoch[]
  receipted?: Position | null
  says: Partial<Receipt> & { at: Position | null }
  sent?: ShipCursor | null
  newLedger?: boolean
}

function judge({ path = [stretch(A, 100)], receipted = null, says, ...more }: Case): Verdict {
  const log: LogView = {
    ...{ path, receipted },
    hashOn: ({ epoch, seq }) => {
      const e = path.find((one) => one.epoch === epoch)
      return e === undefined || seq > e.last || seq < e.first - 1 ? null : hashOf(epoch, seq)
    },
  }
  const { at: place, ...rest } = says
  const receipt: Receipt = {
    ...{ v: 1, gateway: 'gw', fence: 1, ledger: '1'.repeat(32), status: 'held' },
    ...{ epoch: null, seq: 0, hash: ZERO_HASH, ...place },
    ...{ diverged_at: null, rejected: [], echo: null, cloud_time_ms: 0, ...rest },
  }
  return judgeReceipt(log, receipt, { sent: more.sent ?? null, newLedger: more.newLedger ?? false })
}

const table: [string, Case, Partial<Verdict>][] = [
  ['next in line', { says: { at: at(A, 40) } }, { type: 'settled', to: at(A, 40), alarm: null }],
  [
    'the same once more',
    { receipted: at(A, 40), says: { at: at(A, 40) } },
    { type: 'settled', to: at(A, 40) },
  ],
  [
    'an older one comes late',
    { receipted: at(A, 40), says: { at: at(A, 30) } },
    { type: 'ignored', alarm: null },
  ],
  [
    'an older one from a restored cloud',
    { receipted: at(A, 40), says: { at: at(A, 30) }, newLedger: true },
    { type: 'settled', to: at(A, 30) },
  ],
  ['the cloud holds nothing yet', { says: { at: null } }, { type: 'go_back', next: null }],
  [
    'the cloud says it holds nothing although it gave receipts',
    { receipted: at(A, 40), says: { at: null } },
    { type: 'ignored', alarm: 'receipt_went_back' },
  ],
  [
    'the cloud lacks what it confirmed, and does not know that it was put back',
    { receipted: at(A, 40), says: { at: at(A, 30), status: 'gap' }, sent: at(A, 40) },
    { type: 'settled', to: at(A, 30), putBack: true, alarm: 'cloud_put_back' },
  ],
  [
    'the same of a cloud that holds nothing any more',
    { receipted: at(A, 40), says: { at: null, status: 'gap' }, sent: at(A, 40) },
    { type: 'go_back', next: null, putBack: true, alarm: 'cloud_put_back' },
  ],
  [
    'the same where what it lacks is pruned here',
    {
      path: [stretch(A, 100, 36)],
      ...{ receipted: at(A, 40), says: { at: at(A, 30), status: 'gap' }, sent: at(A, 40) },
    },
    { type: 'rebase', parent: at(A, 30), putBack: true, alarm: 'cloud_lacks_pruned' },
  ],
  [
    'a gap behind what is not receipted yet is no such thing',
    { receipted: at(A, 40), says: { at: at(A, 50), status: 'gap' }, sent: at(A, 60) },
    { type: 'settled', to: at(A, 50), alarm: null },
  ],
  [
    'a new database holds nothing',
    { receipted: at(A, 40), says: { at: null }, newLedger: true },
    { type: 'go_back', next: null },
  ],
  [
    'my beginning stands behind a place that the cloud does not know, and nothing is pruned',
    {
      path: [{ ...stretch(B, 28), parent: at(A, 177) }],
      says: { status: 'unknown_parent', at: at(X, 231) },
    },
    { type: 'rebase', parent: at(X, 231), alarm: 'cloud_lacks_parent' },
  ],
  [
    'the same of a cloud that holds nothing',
    {
      path: [{ ...stretch(B, 28), parent: at(A, 177) }],
      says: { status: 'unknown_parent', at: null },
    },
    { type: 'rebase', parent: null, alarm: 'cloud_lacks_parent' },
  ],
  [
    'a new database holds nothing, and the beginning is pruned',
    { path: [stretch(A, 100, 31)], receipted: at(A, 40), says: { at: null }, newLedger: true },
    { type: 'rebase', parent: null, alarm: 'cloud_lacks_pruned' },
  ],
  [
    'a hash that is not mine stops pruning and alarms',
    { receipted: at(A, 40), says: { at: { ...at(A, 50), hash: hashOf(X, 50) } } },
    { type: 'go_back', next: { epoch: A, seq: 40 }, alarm: 'receipt_hash_not_mine' },
  ],
  [
    'a hash that is not mine at the receipted place itself',
    { receipted: at(A, 40), says: { at: { ...at(A, 40), hash: hashOf(X, 40) } } },
    { type: 'go_back', next: null, alarm: 'receipt_hash_not_mine' },
  ],
  [
    'a hash that is not mine, and the beginning is pruned',
    {
      path: [stretch(A, 100, 31)],
      receipted: at(A, 40),
      says: { at: { ...at(A, 40), hash: hashOf(X, 40) } },
    },
    { type: 'rebase', alarm: 'receipt_hash_not_mine' },
  ],
  [
    'the records part behind a common one: go on there in a new epoch',
    { receipted: at(A, 30), says: { at: at(A, 40), status: 'diverged', diverged_at: 41 } },
    { type: 'branch', reason: 'diverged', parent: at(A, 40), alarm: 'log_diverged' },
  ],
  [
    'they part where my epoch was left: the next epoch tells its own',
    {
      path: [stretch(A, 40), stretch(B, 10)],
      says: { at: at(A, 40), status: 'diverged', diverged_at: 41 },
    },
    { type: 'settled', to: at(A, 40) },
  ],
  [
    'the cloud is ahead in my own epoch: my file was put back',
    { receipted: at(A, 40), says: { at: at(A, 400) } },
    { type: 'branch', reason: 'restored', parent: at(A, 40), alarm: 'log_restored' },
  ],
  [
    'the cloud is ahead in an epoch that I left: the next follows its end',
    { path: [stretch(A, 40), stretch(B, 10)], says: { at: at(A, 90) } },
    { type: 'go_back', next: { epoch: A, seq: 40 } },
  ],
  [
    'the same, and the end of what I left is long receipted',
    { path: [stretch(A, 40), stretch(B, 10)], receipted: at(B, 3), says: { at: at(A, 90) } },
    { type: 'go_back', next: { epoch: B, seq: 3 } },
  ],
  [
    'the cloud knows the epoch but not what continues it there: its records differ',
    {
      path: [stretch(A, 20), stretch(B, 40), stretch(C, 5)],
      says: { at: at(B, 90), status: 'unknown_parent' },
    },
    { type: 'go_back', next: { epoch: B, seq: 0 }, alarm: 'log_diverged' },
  ],
  [
    'an epoch I do not know, in answer to a birth: go on from the last receipt',
    { receipted: at(A, 40), says: { at: at(X, 7) } },
    { type: 'go_back', next: { epoch: A, seq: 40 } },
  ],
  [
    'an epoch I do not know, and nothing receipted',
    { says: { at: at(X, 7) } },
    { type: 'go_back', next: null },
  ],
  [
    'an epoch I do not know, and the beginning is pruned',
    { path: [stretch(A, 100, 31)], says: { at: at(X, 7) } },
    { type: 'rebase', parent: at(X, 7), alarm: 'cloud_lacks_pruned' },
  ],
  [
    'an epoch I do not know, in answer to the second epoch: show it the one before',
    {
      path: [stretch(A, 40), stretch(B, 10)],
      says: { at: at(X, 7), status: 'unknown_parent' },
      sent: { epoch: B, seq: 0 },
    },
    { type: 'go_back', next: null },
  ],
  [
    'a restored cloud stands where I have pruned',
    { path: [stretch(A, 100, 61)], receipted: at(A, 80), says: { at: at(A, 30) }, newLedger: true },
    { type: 'rebase', parent: at(A, 30), alarm: 'cloud_lacks_pruned' },
  ],
  [
    'a restored cloud stands exactly before what I still have',
    { path: [stretch(A, 100, 61)], receipted: at(A, 80), says: { at: at(A, 60) }, newLedger: true },
    { type: 'settled', to: at(A, 60) },
  ],
  [
    'a very old receipt speaks of what is pruned',
    { path: [stretch(A, 100, 61)], receipted: at(A, 80), says: { at: at(A, 30) } },
    { type: 'ignored', alarm: null },
  ],
  [
    'the head itself',
    { path: [stretch(A, 40), stretch(B, 10)], says: { at: at(B, 10) } },
    { type: 'settled', to: at(B, 10) },
  ],
]

it.each(table)('%s', (_name, given, verdict) => {
  expect(judge(given)).toMatchObject(verdict)
})

it('never settles a place that is not mine, and never goes back but for a new ledger or a gap', () => {
  const paths = [[stretch(A, 9)], [stretch(A, 9, 4)], [stretch(A, 5), stretch(B, 6), stretch(C, 3)]]
  let settled = 0
  for (const path of paths) {
    for (const receipted of [null, at(A, 3), at(A, 5), at(path.at(-1)!.epoch, 2)]) {
      for (const epoch of [A, B, C, X]) {
        for (let seq = 0; seq <= 12; seq++) {
          for (const hash of [hashOf(epoch, seq), hashOf(X, 99)]) {
            for (const status of ['held', 'diverged', 'gap', 'unknown_parent'] as const) {
              for (const newLedger of [true, false]) {
                const diverged_at = status === 'diverged' ? seq + 1 : null
                const says = { at: { epoch, seq, hash }, status, diverged_at }
                const verdict = judge({ path, receipted, says, newLedger })
                if (verdict.type !== 'settled') continue
                settled++
                const mine = path.find((e) => e.epoch === verdict.to.epoch)
                expect(mine && verdict.to.seq <= mine.last).toBe(true)
                expect(verdict.to.hash).toBe(hashOf(verdict.to.epoch, verdict.to.seq))
                if (receipted === null || newLedger) continue
                if (verdict.putBack === true) {
                  expect(['gap', 'unknown_parent']).toContain(status)
                  expect(verdict.alarm).not.toBeNull()
                  continue
                }
                const order = (p: Position) =>
                  path.findIndex((e) => e.epoch === p.epoch) * 100 + p.seq
                expect(order(verdict.to)).toBeGreaterThanOrEqual(order(receipted))
              }
            }
          }
        }
      }
    }
  }
  expect(settled).toBeGreaterThan(100)
})

describe('what the cloud could not use', () => {
  const path = [stretch(A, 50), stretch(B, 20)]
  const rejected = [at(A, 50), at(B, 3), at(B, 9), at(X, 2)].map(({ epoch, seq }) => ({
    ...{ epoch, seq, code: 'not_found' },
  }))
  const told = (receipted: Position | null, verdict: Verdict) => {
    const { refused, news } = refusedOfMine({ path, receipted }, { rejected }, verdict)
    return { refused: refused.map(({ epoch, seq }) => `${epoch[0]}${seq}`), news }
  }
  const settled = (to: Position): Verdict => ({ type: 'settled', to, alarm: null })

  it('is mine as far as the hash is, and news where no receipt covered it before', () => {
    expect(told(null, settled(at(B, 3)))).toEqual({ refused: ['a50', 'b3'], news: true })
    expect(told(at(B, 3), settled(at(B, 3)))).toEqual({ refused: ['a50', 'b3'], news: false })
    expect(told(at(B, 3), settled(at(B, 20)))).toEqual({ refused: ['a50', 'b3', 'b9'], news: true })
  })

  it('is nobody’s where the receipt settles nothing: its numbers may name other records', () => {
    const parted: Verdict = { type: 'branch', reason: 'restored', parent: null, alarm: null }
    expect(told(null, parted)).toEqual({ refused: [], news: false })
  })
})
