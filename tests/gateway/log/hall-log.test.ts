import { describe, expect, it } from 'vitest'
import {
  BATCH_BYTES_MAX,
  BATCH_HEADER_BYTES_MAX,
  BATCH_RECORDS_MAX,
  RECORD_BYTES_MAX,
} from '#devices/contract/limits.ts'
import { ZERO_HASH } from '#devices/contract/position.ts'
import type { Receipt } from '#devices/contract/receipt.ts'
import { reprintRecord } from '#devices/contract/record.ts'
import { Fault } from '#devices/std/fault.ts'
import { openWhole } from '../../../gateway/log/begin.ts'
import { hex, link } from '../../../gateway/log/chain.ts'
import type { HallLog, HallLogOptions } from '../../../gateway/log/hall-log.ts'
import { CARRY_BYTES } from '../../../gateway/log/limits.ts'
import { MemoryLogStore } from '../../sim/memory-log-store.ts'
import {
  closeLog,
  entries,
  entryOf,
  freshEpoch,
  kinds,
  kiosks,
  newFolder,
  openLog,
  START_MS,
  stampAt,
  visited,
} from './folder.ts'

const LEDGER = '1'.repeat(32)

function heldAt(log: HallLog, seq: number, more: Partial<Receipt> = {}): Receipt {
  const { epoch } = log.status()
  const hash = log.hashOn({ epoch, seq }) ?? ZERO_HASH
  return {
    ...{ v: 1, gateway: 'gw-1', fence: 1, ledger: LEDGER, status: 'held' },
    ...{ epoch, seq, hash, diverged_at: null, rejected: [], echo: null, cloud_time_ms: 0 },
    ...more,
  }
}

/** A log in memory, whose disk can be told to fail and whose clock can be set. */
function inMemory(more: Partial<HallLogOptions> = {}) {
  const clock = { wall_ms: START_MS }
  const store = new MemoryLogStore()
  const options: HallLogOptions = {
    ...{ gateway: 'gw-1', freshEpoch, stamp: () => stampAt(clock.wall_ms) },
    ...{ quota_bytes: 1e9, retention_ms: 1_000 },
    ...more,
  }
  const marks = { load: () => null, save: () => {} }
  const { log } = openWhole(store, { ...options, marks })
  return { log, store, clock }
}

it('an alarm stays through a new start until somebody clears it, and may be raised again', () => {
  const folder = newFolder()
  const first = openLog(folder)
  first.log.raise('log_missing')
  first.log.raise('log_restored')
  closeLog(first.log)
  const { log } = openLog(folder)
  expect(log.status().alarms).toEqual(['log_missing', 'log_restored'])
  expect([log.clearAlarm('log_missing'), log.clearAlarm('log_missing')]).toEqual([true, false])
  closeLog(log)
  const again = openLog(folder)
  expect(again.log.status().alarms).toEqual(['log_restored'])
  again.log.raise('log_missing')
  expect(again.log.status().alarms).toEqual(['log_restored', 'log_missing'])
  closeLog(again.log)
})

it('an alarm that could not be cleared on disk is still there', () => {
  const { log, store } = inMemory()
  log.raise('log_missing')
  store.faults.beforeCommit = () => {
    throw new Fault('commit_failed', 'test')
  }
  expect(() => log.clearAlarm('log_missing')).toThrow()
  delete store.faults.beforeCommit
  expect(log.status().alarms).toEqual(['log_missing'])
})

it('opens, appends, is closed and opened again with every byte and the same head', () => {
  const folder = newFolder()
  const { log, found } = openLog(folder)
  expect(found).toBe('first')
  log.append(entries(1, 3))
  log.append(entries(4, 4))
  const { epoch, head } = log.status()
  expect(head.seq).toBe(5)
  const texts = [...log.fold(null)].map(({ text }) => text)
  closeLog(log)
  const again = openLog(folder)
  expect(again.found).toBe('whole')
  expect(again.log.status()).toMatchObject({ epoch, head, unbooked: 5 })
  expect([...again.log.fold(null)].map(({ text }) => text)).toEqual(texts)
  // The chain as anybody would compute it.
  let hash: Uint8Array = Buffer.from(ZERO_HASH, 'hex')
  for (const text of texts) hash = link(hash, Buffer.from(text!, 'utf8'))
  expect(hex(hash)).toBe(head.hash)
})

it('keeps texts with NUL and odd characters byte for byte', () => {
  const folder = newFolder()
  const { log } = openLog(folder)
  const odd = ['\u0000', '𠮷野家', '\ud800', '\u2028\u2029', 'a\u0301', '\\u0000', '"\n\r\t\b', '·']
  log.append(odd.map((purpose, n) => entryOf(visited(n, purpose))))
  closeLog(log)
  const { log: again } = openLog(folder)
  const read = [...again.fold(null)].slice(1).map(({ text }) => JSON.parse(text!).data.purpose)
  expect(read).toEqual(odd)
})

it('takes records up to the limit in bytes, not characters, and one that is carried still fits', () => {
  const { log } = inMemory()
  const empty = entryOf(visited(1, '')).text.length
  const most = RECORD_BYTES_MAX - CARRY_BYTES - empty
  log.append([entryOf(visited(1, 'x'.repeat(most)))])
  const tooLarge = expect.objectContaining({ code: 'too_large' })
  expect(() => log.append([entryOf(visited(1, 'x'.repeat(most + 1)))])).toThrow(tooLarge)
  const wide = '汉'.repeat(Math.ceil(most / 3) + 1)
  expect(() => log.append([...entries(2, 3), entryOf(visited(1, wide))])).toThrow(tooLarge)
  expect(log.status().head.seq).toBe(2)
  const was = { epoch: 'f'.repeat(32), seq: Number.MAX_SAFE_INTEGER, hash: 'f'.repeat(64) }
  const carried = reprintRecord(entryOf(visited(1, 'x'.repeat(most))).text, was)
  expect(Buffer.byteLength(carried)).toBeLessThanOrEqual(RECORD_BYTES_MAX)
})

it('batches stay within the limits on records and bytes, and lie behind one another', () => {
  const { log } = inMemory()
  log.append(entries(1, BATCH_RECORDS_MAX + 10))
  const big = entryOf(visited(1, 'x'.repeat(60_000)))
  log.append(Array.from({ length: 40 }, () => big))
  let after = null
  let next = 1
  for (;;) {
    const batch = log.readBatch(after)
    if (batch === null) break
    expect(batch.first).toBe(next)
    expect(batch.records.length).toBeLessThanOrEqual(BATCH_RECORDS_MAX)
    const bytes = batch.records.reduce((sum, record) => sum + record.length + 1, 0)
    expect(bytes).toBeLessThanOrEqual(BATCH_BYTES_MAX - BATCH_HEADER_BYTES_MAX)
    expect(log.hashOn({ epoch: batch.epoch, seq: batch.first - 1 }) ?? ZERO_HASH).toBe(batch.prev)
    next += batch.records.length
    after = batch.last
  }
  expect(next - 1).toBe(log.status().head.seq)
})

it('near its quota refuses new business, then everything, and says so', () => {
  const { log } = inMemory({ quota_bytes: 20_000 })
  const full = expect.objectContaining({ code: 'disk_full' })
  const record = [entryOf(visited(1, 'x'.repeat(200)))]
  expect(() => {
    for (let i = 0; i < 1_000; i++) log.append(record)
  }).toThrow(full)
  const { head } = log.status()
  log.append(record, { closing: true })
  expect(() => {
    for (let i = 0; i < 1_000; i++) log.append(record, { closing: true })
  }).toThrow(full)
  expect(log.status().head.seq).toBeGreaterThan(head.seq)
  expect(log.status().bytes).toBeLessThan(22_000)
})

it('prunes only what receipt, retention and snapshot all lie behind', () => {
  const { log, clock } = inMemory({ retention_ms: 32_000 })
  const { epoch } = log.status()
  const prune = () => log.prune(clock.wall_ms)
  log.append(entries(1, 50))
  clock.wall_ms += 1e6
  expect(prune(), 'nothing is receipted').toBe(0)
  log.takeReceipt(heldAt(log, 30), null)
  clock.wall_ms += 31_000
  log.saveSnapshot({ epoch, seq: 20 }, '{}')
  expect(prune(), 'the retention is not over').toBe(0)
  log.takeReceipt(heldAt(log, 40), null)
  clock.wall_ms += 2_000
  expect(prune(), 'up to the snapshot').toBe(20)
  log.saveSnapshot({ epoch, seq: 51 }, '{}')
  expect(prune(), 'up to what was receipted a retention ago').toBe(10)
  clock.wall_ms += 32_000
  expect(prune(), 'up to the receipt').toBe(10)
  clock.wall_ms += 1e9
  expect(prune(), 'never beyond the receipt').toBe(0)
  expect(kiosks(log)).toEqual(Array.from({ length: 11 }, (_, i) => `k${i + 40}`))
  expect(log.hashOn({ epoch, seq: 39 }), 'the hash before is gone with its record').toBeNull()
  expect(log.hashOn({ epoch, seq: 40 })).not.toBeNull()
})

it('lets go of the last receipts too, though nothing comes behind them', () => {
  const { log, clock } = inMemory({ retention_ms: 32_000 })
  log.append(entries(1, 50))
  log.takeReceipt(heldAt(log, 30), null)
  clock.wall_ms += 10
  log.takeReceipt(heldAt(log, 51), null)
  log.saveSnapshot({ epoch: log.status().epoch, seq: 51 }, '{}')
  clock.wall_ms += 32_000
  expect(log.prune(clock.wall_ms)).toBe(51)
  log.append(entries(51, 51))
  expect(kiosks(log)).toEqual(['k51'])
})

it('prunes nothing without a snapshot, whatever the receipts say', () => {
  const { log, clock } = inMemory()
  log.append(entries(1, 10))
  log.takeReceipt(heldAt(log, 11), null)
  clock.wall_ms += 1e9
  expect(log.prune(clock.wall_ms)).toBe(0)
})

it('does not use a snapshot of another history', () => {
  const { log, store } = inMemory()
  log.append(entries(1, 10))
  const { epoch } = log.status()
  log.saveSnapshot({ epoch, seq: 5 }, '{"mine":true}')
  expect(log.snapshot()?.state).toBe('{"mine":true}')
  const stored = JSON.parse(store.meta('snapshot')!)
  store.transaction(() =>
    store.setMeta('snapshot', JSON.stringify({ ...stored, hash: 'a'.repeat(64) })),
  )
  expect(log.snapshot()).toBeNull()
})

it('goes on from a receipt that a commit took although it seemed to fail', () => {
  const { log, store, clock } = inMemory({ retention_ms: 0 })
  log.append(entries(1, 30))
  const { epoch } = log.status()
  log.takeReceipt(heldAt(log, 10), null)
  const asked = { epoch, seq: 10 }
  // Durable, but the answer is lost: the shipper never hears of 20.
  store.faults.afterCommit = () => {
    throw new Fault('commit_failed', 'as it were')
  }
  expect(() => log.takeReceipt(heldAt(log, 20), asked)).toThrow(Fault)
  delete store.faults.afterCommit
  expect(log.status().receipted?.seq).toBe(20)
  log.saveSnapshot({ epoch, seq: 25 }, '{}')
  clock.wall_ms += 1e9
  // The mark that it was settled is as durable as the receipt.
  while (log.prune(clock.wall_ms) > 0);
  expect(log.readBatch(asked)).toMatchObject({ first: 21 })
})

it('after a commit that failed, memory is what the disk is', () => {
  for (const when of ['beforeCommit', 'afterCommit'] as const) {
    const { log, store } = inMemory()
    log.append(entries(1, 5))
    const before = log.status()
    store.faults[when] = () => {
      throw new Fault('commit_failed', 'as it were')
    }
    expect(() => log.append(entries(6, 7))).toThrow(Fault)
    delete store.faults[when]
    const lost = when === 'beforeCommit'
    expect(log.status().head.seq).toBe(before.head.seq + (lost ? 0 : 2))
    log.append(entries(8, 8))
    expect(kiosks(log).slice(5)).toEqual(lost ? ['k8'] : ['k6', 'k7', 'k8'])
    const last = [...log.fold(null)].at(-1)!
    expect(last.seq).toBe(log.status().head.seq)
  }
})

it('a branch carries every record behind it with the place where it first stood', () => {
  const { log } = inMemory()
  log.append(entries(1, 20))
  const first = log.status()
  const stood = log.hashOn({ epoch: first.epoch, seq: 15 })!
  const at = heldAt(log, 10, { status: 'diverged', diverged_at: 11 })
  expect(log.takeReceipt(at, null)).toMatchObject({ type: 'branched' })
  expect(log.status()).toMatchObject({ epoch_number: 2, parent: { epoch: first.epoch, seq: 10 } })
  expect(kiosks(log)).toEqual(Array.from({ length: 20 }, (_, i) => `k${i + 1}`))
  const carried = [...log.fold(null)].map(({ text }) => JSON.parse(text!))
  const k14 = { epoch: first.epoch, seq: 15, hash: stood }
  expect(carried.find((record) => record.data.kiosk === 'k14').was).toEqual(k14)
  // Carried once more, it still says where it stood first.
  const second = heldAt(log, 3, { status: 'diverged', diverged_at: 4 })
  log.takeReceipt(second, null)
  const again = [...log.fold(null)].map(({ text }) => JSON.parse(text!))
  expect(again.find((record) => record.data.kiosk === 'k14').was).toEqual(k14)
  expect(kinds(log).filter((kind) => kind === 'epoch.begun')).toHaveLength(3)
})

it('a receipt that seems to fail half way leaves a log that can be opened', () => {
  const { log, store } = inMemory()
  log.append(entries(1, 20))
  const diverged = heldAt(log, 10, { status: 'diverged', diverged_at: 11 })
  const before = log.status()
  store.faults.beforeCommit = () => {
    throw new Fault('disk_full', 'as it were')
  }
  expect(() => log.takeReceipt(diverged, null)).toThrow(Fault)
  delete store.faults.beforeCommit
  expect(log.status()).toEqual(before)
  expect(log.takeReceipt(diverged, null)).toMatchObject({ type: 'branched' })
})

describe('numbers in a new epoch', () => {
  const day = '2026-03-02'
  const used = (of: Record<string, number>) =>
    Object.entries(of).map(([service, to]) => ({ service, to }))
  const marked = { day, used: used({ a: 51, b: 99 }) }
  const begun = (log: HallLog) => {
    const rows = [...log.fold(null)].map(({ text }) => JSON.parse(text!))
    return rows.findLast(({ kind }) => kind === 'epoch.begun').data
  }

  it('are the furthest of what was marked here and what the cloud saw', () => {
    const { log } = inMemory({ numbers: () => marked })
    log.append(entries(1, 20))
    log.takeReceipt(heldAt(log, 10), null)
    const numbers = { day, used: used({ a: 300, c: 5 }) }
    expect(log.takeReceipt(heldAt(log, 40, { hash: 'f'.repeat(64), numbers }), null).type).toBe(
      'branched',
    )
    expect(begun(log)).toMatchObject({ reason: 'restored', continues: false })
    expect(begun(log).numbers).toEqual({ day, used: used({ a: 300, b: 99, c: 5 }) })
  })

  it('are told to a log that ends where the cloud saw it go on elsewhere, too', () => {
    const { log } = inMemory({ numbers: () => marked })
    log.append(entries(1, 20))
    const { head } = log.status()
    log.takeReceipt(heldAt(log, head.seq), null)
    const numbers = { day, used: used({ a: 300 }) }
    const left = { status: 'diverged' as const, diverged_at: head.seq + 1, numbers }
    expect(log.takeReceipt(heldAt(log, head.seq, left), null).type).toBe('branched')
    expect(begun(log)).toMatchObject({ reason: 'restored', parent: head })
    expect(begun(log).numbers.used).toEqual(used({ a: 300, b: 99 }))
    expect(log.status().alarms).toContain('log_restored')
  })

  it('are never more than the contract takes', () => {
    const many = Array.from({ length: 70 }, (_, n) => ({ service: `s${n}`, to: n }))
    const { log } = inMemory({ numbers: () => ({ day, used: many }) })
    log.append(entries(1, 20))
    log.takeReceipt(heldAt(log, 40, { hash: 'f'.repeat(64) }), null)
    expect(begun(log).numbers.used).toEqual(many.slice(-64))
  })

  it('of a later day take the place of those of an earlier one', () => {
    const { log } = inMemory({ numbers: () => marked })
    log.append(entries(1, 20))
    const later = { day: '2026-03-03', used: [{ service: 'a', to: 1 }] }
    log.takeReceipt(heldAt(log, 40, { hash: 'f'.repeat(64), numbers: later }), null)
    expect(begun(log).numbers).toEqual(later)
  })
})
