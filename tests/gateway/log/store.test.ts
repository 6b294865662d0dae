import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { openSqliteStore } from '../../../gateway/log/sqlite-store.ts'
import type { LogStore } from '../../../gateway/log/store.ts'
import { logStoreSuite } from '../../ports/log-store.suite.ts'
import { MemoryLogStore } from '../../sim/memory-log-store.ts'
import { newFolder } from './folder.ts'

let file = ''
logStoreSuite('in SQLite', {
  open: () => {
    file = join(newFolder(), 'log.sqlite')
    return openSqliteStore(file)
  },
  again: (store) => {
    store.close()
    return openSqliteStore(file)
  },
  unlisted: (store, epoch) => {
    store.close()
    behindItsBack((db) => db.prepare('DELETE FROM epoch WHERE epoch = ?').run(epoch))
    return openSqliteStore(file)
  },
})

function behindItsBack(change: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(file)
  change(db)
  db.close()
}

logStoreSuite('in memory', {
  open: () => new MemoryLogStore(),
  again: (store) => (store as MemoryLogStore).copy(),
  unlisted: (store, epoch) => {
    const copy = (store as MemoryLogStore).copy()
    copy.unlist(epoch)
    return copy
  },
})

it('refuses the file to a second opener, in this process and in another', () => {
  const path = join(newFolder(), 'log.sqlite')
  const store = openSqliteStore(path)
  store.transaction(() => store.setMeta('ledger', '1'))
  expect(() => openSqliteStore(path)).toThrow(expect.objectContaining({ code: 'log_locked' }))
  store.close()
  openSqliteStore(path).close()
})

it('is read by its owner alone, in whatever folder, also where an older one was not', () => {
  const folder = newFolder()
  chmodSync(folder, 0o755)
  const path = join(folder, 'log.sqlite')
  const before = process.umask(0)
  try {
    openSqliteStore(path).close()
    chmodSync(path, 0o644)
    const store = openSqliteStore(path)
    store.transaction(() => store.setMeta('ledger', '1'))
    const modes = readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o077)
    expect(modes.length).toBeGreaterThan(1)
    expect(new Set(modes)).toEqual(new Set([0]))
    store.close()
  } finally {
    process.umask(before)
  }
})

it('says that a file is no log of ours', () => {
  const path = join(newFolder(), 'log.sqlite')
  writeFileSync(path, 'this is a letter to my grandmother, and it is long enough '.repeat(100))
  expect(() => openSqliteStore(path)).toThrow(expect.objectContaining({ code: 'log_damaged' }))
  expect(readFileSync(path, 'utf8')).toContain('grandmother')
})

it('a fact beside the records that was changed by hand is damage', () => {
  const path = join(newFolder(), 'log.sqlite')
  const store = openSqliteStore(path)
  store.transaction(() => store.setMeta('snapshot', '{"state":"number A0017"}'))
  store.close()
  const bytes = readFileSync(path)
  bytes.write('A0018', bytes.indexOf('A0017'))
  writeFileSync(path, bytes)
  const again = openSqliteStore(path)
  expect(() => again.meta('snapshot')).toThrow(expect.objectContaining({ code: 'log_damaged' }))
  again.close()
})

const EPOCH = 'e'.repeat(32)
const hash = new Uint8Array(32).fill(7)
const rows = [1, 2, 3].map((seq) => ({
  ...{ seq, payload: Buffer.from(`record ${seq}`), hash, wall_ms: 1_700_000_000_000 + seq },
}))

function storeWithRecords() {
  const path = join(newFolder(), 'log.sqlite')
  const store = openSqliteStore(path)
  store.transaction(() => {
    const from = { parent: null, first: 1, first_prev: '0'.repeat(64) }
    store.putEpoch({ epoch: 'd'.repeat(32), number: 1, ...from })
    store.putEpoch({ epoch: EPOCH, number: 2, ...from })
    store.insert(EPOCH, rows)
  })
  store.close()
  return path
}

/** By the numbers and texts of its rows. */
const readBack = (store: LogStore) =>
  store.read(EPOCH, 1, 10).map(({ seq, payload }) => [seq, Buffer.from(payload).toString()])

it('a record whose place rotted is a stray, whatever place that is', () => {
  for (const id of ['id + 2 * 68719476736', 'id - 68719476736']) {
    const path = storeWithRecords()
    const db = new DatabaseSync(path)
    db.exec(`UPDATE record SET id = ${id} WHERE id % 68719476736 = 3`)
    db.close()
    const store = openSqliteStore(path)
    expect(readBack(store)).toEqual([
      [1, 'record 1'],
      [2, 'record 2'],
    ])
    const [stray, ...others] = store.strays()
    expect([stray?.epoch, stray?.rows.map((row) => row.seq), others]).toEqual([EPOCH, [3], []])
    store.close()
  }
})

it('a file laid out by epoch and number keeps its records, and takes more', () => {
  const path = storeWithRecords()
  const db = new DatabaseSync(path)
  db.exec(`
    CREATE TABLE older (
      epoch TEXT NOT NULL, seq INTEGER NOT NULL,
      payload BLOB NOT NULL, hash BLOB NOT NULL, wall_ms INTEGER NOT NULL,
      PRIMARY KEY (epoch, seq)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO older SELECT epoch, id % 68719476736, payload, hash, wall_ms FROM record;
    DROP TABLE record;
    ALTER TABLE older RENAME TO record;
  `)
  db.close()
  const store = openSqliteStore(path)
  store.transaction(() => store.insert(EPOCH, [{ ...rows[0]!, seq: 4 }]))
  expect(readBack(store)).toEqual([
    [1, 'record 1'],
    [2, 'record 2'],
    [3, 'record 3'],
    [4, 'record 1'],
  ])
  expect(store.strays()).toEqual([])
  store.close()
})
