/**
 * Appends to a real hall log, in turns with bare commits of the same bytes to a SQLite file with the
 * same settings. A process of its own, so that the system calls of both can be slowed alike.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { printRecord } from '#devices/contract/record.ts'
import { assert } from '#devices/std/assert.ts'
import { startHallLog } from '../../gateway/log/start.ts'
import { hallDays, type Recorded } from './hall-day.ts'

export type AppendJob = {
  rounds: number
  appends_a_round: number
  writers: number
  /** Appends of each writer in one turn. */
  each: number
  turns: number
}
export type AppendTimes = {
  append_ms: number[]
  bare_ms: number[]
  /** Appends a second of one writer who waits for each answer, and of many such at once; by turns. */
  one_a_s: number[]
  many_a_s: number[]
}

async function measure(job: AppendJob): Promise<AppendTimes> {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-bench-log-'))
  const days = hallDays(5)
  const next = () => days.next().value as Recorded
  const opened = next()
  const running = await startHallLog({
    ...{ folder, gateway: 'bench', quota_bytes: 1e9, retention_ms: 1e9, durable: true },
    ...{ takeover: null, stamp: () => opened.at },
  })
  const append = (recorded: Recorded) => running.client.append([recorded])
  const bare = openBare(join(folder, 'bare.sqlite'))
  const times: AppendTimes = { append_ms: [], bare_ms: [], one_a_s: [], many_a_s: [] }
  for (let round = -1; round < job.rounds; round++) {
    // The first round only warms up.
    const keep = round >= 0
    for (let i = 0; i < job.appends_a_round; i++) {
      const recorded = next()
      const took = await timed(() => append(recorded))
      if (keep) times.append_ms.push(took)
      const bytes = Buffer.from(printRecord(recorded.draft, recorded.at))
      const bare_took = await timed(() => bare.commit(bytes))
      if (keep) times.bare_ms.push(bare_took)
    }
  }
  for (let turn = -1; turn < job.turns; turn++) {
    const one_a_s = await rate(1, records(next, job.each), append)
    const many_a_s = await rate(job.writers, records(next, job.writers * job.each), append)
    if (turn < 0) continue
    times.one_a_s.push(one_a_s)
    times.many_a_s.push(many_a_s)
  }
  bare.close()
  await running.close()
  await rm(folder, { recursive: true, force: true })
  return times
}

function openBare(file: string) {
  const db = new DatabaseSync(file)
  db.exec('PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;')
  db.exec('CREATE TABLE record (seq INTEGER PRIMARY KEY, payload BLOB NOT NULL) STRICT')
  const insert = db.prepare('INSERT INTO record (payload) VALUES (?)')
  return {
    commit(payload: Uint8Array): void {
      assert(insert.run(payload).changes === 1, 'a row is inserted')
    },
    close: () => db.close(),
  }
}

async function timed(work: () => unknown): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** Made before they are timed: deciding them costs more than appending them. */
function records(next: () => Recorded, count: number): Recorded[] {
  return Array.from({ length: count }, next)
}

/** Every writer waits for its answer before it appends again. */
async function rate(writers: number, all: Recorded[], append: (one: Recorded) => Promise<unknown>) {
  const left = all.values()
  const wall_ms = await timed(() =>
    Promise.all(
      Array.from({ length: writers }, async () => {
        for (const one of left) await append(one)
      }),
    ),
  )
  return (all.length / wall_ms) * 1_000
}

process.once('message', async (job: AppendJob) => {
  process.send?.(await measure(job))
  process.disconnect?.()
})
