/**
 * What every {@link LogStore} does, run on SQLite's real files and on the one in memory, so that
 * what the simulation proves holds for the real one.
 */
import { describe, expect, it } from 'vitest'
import { Fault } from '../../devices/std/fault.ts'
import type { EpochEntry, LogStore, Row } from '../../gateway/log/store.ts'

const EPOCH = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)
const bytes = (text: string) => new TextEncoder().encode(text)
const hashOf = (seq: number) => new Uint8Array(32).fill(seq % 251)

const row = (seq: number, text = `record ${seq}`): Row => ({
  ...{ seq, payload: bytes(text), hash: hashOf(seq), wall_ms: 1_700_000_000_000 + seq },
})
const entry = (epoch: string, more: Partial<EpochEntry> = {}): EpochEntry => ({
  ...{ epoch, number: 1, parent: null, first: 1, first_prev: '0'.repeat(64) },
  ...more,
})

function fill(store: LogStore, epoch: string, from: number, to: number): void {
  store.transaction(() => {
    store.insert(
      epoch,
      Array.from({ length: to - from + 1 }, (_, i) => row(from + i)),
    )
  })
}

/** Everything the port tells. */
function told(store: LogStore) {
  return {
    epochs: store.epochs(),
    rows: [EPOCH, OTHER].map((epoch) => store.read(epoch, 1, 10_000).map(plain)),
    last: [EPOCH, OTHER].map((epoch) => store.last(epoch)?.seq ?? null),
    metas: (['receipted', 'settled', 'ledger', 'snapshot', 'alarms'] as const).map((key) =>
      store.meta(key),
    ),
    strays: store.strays(),
  }
}

const plain = ({ seq, payload, hash, wall_ms }: Row) => ({
  ...{ seq, payload: [...payload], hash: [...hash], wall_ms },
})

export type LogStoreUnderTest = {
  open(): LogStore
  /** Closes the store and opens what is on disk. */
  again(store: LogStore): LogStore
  /** The same, and an epoch is gone from the list, its records are not. */
  unlisted(store: LogStore, epoch: string): LogStore
}

export function logStoreSuite(name: string, under: LogStoreUnderTest): void {
  describe(`log store ${name}`, () => {
    it('holds nothing at first', () => {
      const store = under.open()
      expect(told(store)).toEqual({
        ...{ epochs: [], rows: [[], []], last: [null, null], strays: [] },
        metas: [null, null, null, null, null],
      })
      store.checkStructure()
      store.close()
    })

    it('gives back the exact bytes after it was closed, and epochs in the order they came', () => {
      const store = under.open()
      const odd = 'NUL \u0000, 𠮷, \u2028, ﷺ, "\\'
      store.transaction(() => {
        store.putEpoch(entry(OTHER))
        const parent = { epoch: OTHER, seq: 0, hash: 'f'.repeat(64) }
        store.putEpoch(entry(EPOCH, { number: 2, parent, first_prev: 'f'.repeat(64) }))
        store.insert(EPOCH, [row(1, odd)])
        store.insert(EPOCH, [{ ...row(2), payload: Uint8Array.of(0, 255, 254, 10) }])
        store.setMeta('receipted', '{"seq":1}')
        store.setMeta('receipted', '{"seq":2}')
        store.setMeta('alarms', '["é"]')
      })
      const before = told(store)
      expect(before.epochs.map((e) => e.epoch)).toEqual([OTHER, EPOCH])
      expect(new TextDecoder().decode(Uint8Array.from(before.rows[0]![0]!.payload))).toBe(odd)
      const next = under.again(store)
      expect(told(next)).toEqual(before)
      expect(next.meta('receipted')).toBe('{"seq":2}')
      next.close()
    })

    it('reads from a number on, as many as asked for', () => {
      const store = under.open()
      store.transaction(() => store.putEpoch(entry(EPOCH)))
      fill(store, EPOCH, 1, 20)
      expect(store.read(EPOCH, 5, 3).map((r) => r.seq)).toEqual([5, 6, 7])
      expect(store.read(EPOCH, 19, 10).map((r) => r.seq)).toEqual([19, 20])
      expect(store.read(EPOCH, 21, 10)).toEqual([])
      expect([...store.hashAt(EPOCH, 20)!]).toEqual([...hashOf(20)])
      expect(store.hashAt(EPOCH, 21)).toBeNull()
      expect(store.hashAt(OTHER, 1)).toBeNull()
      store.close()
    })

    it('leaves nothing of a transaction that throws', () => {
      const store = under.open()
      store.transaction(() => {
        store.putEpoch(entry(EPOCH))
        store.setMeta('ledger', 'x')
      })
      fill(store, EPOCH, 1, 5)
      const before = told(store)
      const used = store.bytes()
      const everything = () => {
        store.insert(EPOCH, [row(6)])
        store.remove(EPOCH, 1, 3)
        store.insert(EPOCH, [row(7)])
        store.putEpoch(entry(EPOCH, { first: 4, first_prev: '4'.repeat(64) }))
        store.putEpoch(entry(OTHER))
        store.insert(OTHER, [row(1)])
        store.setMeta('ledger', 'y')
        store.setMeta('snapshot', 'z')
        store.dropEpoch(EPOCH)
        throw new Fault('disk_full', 'as it were')
      }
      expect(() => store.transaction(everything)).toThrow(Fault)
      expect(told(store)).toEqual(before)
      expect(store.bytes()).toBe(used)
      fill(store, EPOCH, 6, 6)
      const next = under.again(store)
      expect(next.last(EPOCH)?.seq).toBe(6)
      next.close()
    })

    it('refuses a number that is taken, and what else stood in that transaction', () => {
      const store = under.open()
      store.transaction(() => store.putEpoch(entry(EPOCH)))
      fill(store, EPOCH, 1, 2)
      expect(() => fill(store, EPOCH, 2, 4)).toThrow()
      expect(store.last(EPOCH)?.seq).toBe(2)
      store.close()
    })

    it('removes a range, moves where an epoch begins, drops an epoch with all its rows', () => {
      const store = under.open()
      store.transaction(() => {
        store.putEpoch(entry(EPOCH))
        store.putEpoch(entry(OTHER, { number: 2 }))
      })
      fill(store, EPOCH, 1, 10)
      fill(store, OTHER, 1, 3)
      store.transaction(() => {
        store.remove(EPOCH, 1, 4)
        store.putEpoch(entry(EPOCH, { first: 5, first_prev: '5'.repeat(64), number: 99 }))
      })
      expect(store.read(EPOCH, 1, 100).map((r) => r.seq)).toEqual([5, 6, 7, 8, 9, 10])
      // Only where it begins may change.
      expect(store.epochs()[0]).toEqual(entry(EPOCH, { first: 5, first_prev: '5'.repeat(64) }))
      store.transaction(() => store.dropEpoch(OTHER))
      expect(store.epochs().map((e) => e.epoch)).toEqual([EPOCH])
      expect(store.last(OTHER)).toBeNull()
      expect(store.strays()).toEqual([])
      store.close()
    })

    it('uses no more bytes once records are gone', () => {
      const store = under.open()
      store.transaction(() => store.putEpoch(entry(EPOCH)))
      store.transaction(() => {
        for (let seq = 1; seq <= 200; seq++) store.insert(EPOCH, [row(seq, 'x'.repeat(2_000))])
      })
      const full = store.bytes()
      expect(full).toBeGreaterThan(400_000)
      store.transaction(() => store.remove(EPOCH, 1, 200))
      expect(store.bytes()).toBeLessThan(full / 4)
      store.close()
    })

    it('finds the records of an epoch that the list does not name any more', () => {
      const store = under.open()
      store.transaction(() => {
        store.putEpoch(entry(EPOCH))
        store.putEpoch(entry(OTHER, { number: 2 }))
      })
      fill(store, EPOCH, 1, 3)
      fill(store, OTHER, 1, 2)
      const damaged = under.unlisted(store, OTHER)
      expect(damaged.epochs()).toEqual([entry(EPOCH)])
      expect(damaged.read(EPOCH, 1, 10).map(plain)).toEqual([1, 2, 3].map((n) => plain(row(n))))
      const strays = damaged.strays().map(({ epoch, rows }) => ({ epoch, rows: rows.map(plain) }))
      expect(strays).toEqual([{ epoch: OTHER, rows: [1, 2].map((n) => plain(row(n))) }])
      damaged.close()
    })

    it('an epoch put again after its transaction failed holds its records', () => {
      const store = under.open()
      const failed = () => {
        store.transaction(() => {
          store.putEpoch(entry(EPOCH))
          store.insert(EPOCH, [row(1)])
          throw new Fault('disk_full', 'test')
        })
      }
      expect(failed).toThrow(expect.objectContaining({ code: 'disk_full' }))
      store.transaction(() => {
        store.putEpoch(entry(OTHER))
        store.putEpoch(entry(EPOCH, { number: 2 }))
        store.insert(OTHER, [row(1)])
        store.insert(EPOCH, [row(1)])
      })
      const again = under.again(store)
      expect(again.strays()).toEqual([])
      expect([EPOCH, OTHER].map((epoch) => again.read(epoch, 1, 10).length)).toEqual([1, 1])
      again.close()
    })

    it('a dropped epoch may be put again', () => {
      const store = under.open()
      const put = () => {
        store.transaction(() => store.putEpoch(entry(EPOCH)))
        fill(store, EPOCH, 1, 2)
      }
      put()
      store.transaction(() => store.dropEpoch(EPOCH))
      put()
      const again = under.again(store)
      expect([again.last(EPOCH)?.seq, again.strays()]).toEqual([2, []])
      again.close()
    })
  })
}
