/** Group commit and what becomes of appends around one that fails. */
import { expect, it } from 'vitest'
import type { Draft } from '#devices/contract/record.ts'
import { Fault } from '#devices/std/fault.ts'
import { openWhole } from '../../../gateway/log/begin.ts'
import { logClient } from '../../../gateway/log/client.ts'
import { GROUP_MAX, WAITING_MAX } from '../../../gateway/log/limits.ts'
import type { Marks } from '../../../gateway/log/marks.ts'
import { logService, type Reply, type Request } from '../../../gateway/log/service.ts'
import { MemoryLogStore } from '../../sim/memory-log-store.ts'
import { freshEpoch, kiosks, START_MS, stampAt, visited } from './folder.ts'

function start(quota_bytes = 1e9) {
  const store = new MemoryLogStore()
  const saved: Marks[] = []
  const trouble = { marks: false }
  const marks = {
    load: () => saved.at(-1) ?? null,
    save: (next: Marks) => {
      if (trouble.marks) throw new Fault('disk_full', 'marks')
      saved.push(next)
    },
  }
  const { log } = openWhole(store, {
    ...{ gateway: 'gw-1', freshEpoch, stamp: () => stampAt(START_MS), marks },
    ...{ quota_bytes, retention_ms: 0 },
  })
  const service = logService(log, marks)
  let queued: Request[] = []
  const { client, receive } = logClient((request) => void queued.push(request))
  let commits = 0
  store.faults.beforeCommit = () => {
    commits++
  }
  /** What the log's worker does when it gets round to it. */
  const work = (): Reply[] => {
    const requests = queued
    queued = []
    const replies = service.serve(requests)
    for (const reply of replies) receive(reply)
    return replies
  }
  const append = (...numbers: number[]) =>
    client.append(numbers.map((n) => ({ draft: visited(n), at: stampAt(START_MS) })))
  const fails = (fault: Fault) => {
    store.faults.beforeCommit = () => {
      throw fault
    }
  }
  const works = () => {
    store.faults.beforeCommit = () => {
      commits++
    }
  }
  return {
    ...{ log, store, client, work, append, saved, trouble, fails, works },
    commits: () => commits,
  }
}

const code = (promise: Promise<unknown>) => promise.then(() => 'done').catch((e) => e.code)

it('appends that wait together share one commit, in order, each told its own place', async () => {
  const { append, work, commits, log } = start()
  const all = [append(1), append(2, 3), append(4), append(5, 6, 7)]
  work()
  const places = await Promise.all(all)
  expect(commits()).toBe(1)
  expect(places.map(({ first, last }) => [first, last])).toEqual([
    [2, 2],
    [3, 4],
    [5, 5],
    [6, 8],
  ])
  expect(kiosks(log)).toEqual(['k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7'])
})

it('a call between appends sees those before it and not those behind it', async () => {
  const { append, work, client } = start()
  const first = append(1)
  const status = client.status()
  const second = append(2)
  work()
  expect((await status).head.seq).toBe(2)
  expect([(await first).last, (await second).last]).toEqual([2, 3])
})

it('a group is bounded', async () => {
  const { append, work, commits } = start()
  const half = Array.from({ length: GROUP_MAX / 2 }, (_, n) => n)
  const all = [append(...half), append(...half), append(...half)]
  work()
  await Promise.all(all)
  expect(commits()).toBe(2)
})

it('a failed commit refuses all of its group and all decided on what it lost', async () => {
  const { append, work, fails, works, client, log } = start()
  fails(new Fault('commit_failed', 'as it were'))
  const group = [append(1), append(2)]
  work()
  expect(await Promise.all(group.map(code))).toEqual(['commit_failed', 'commit_failed'])
  works()
  // Decided before the state was read again: it rests on records that do not exist.
  const late = append(3)
  work()
  expect(await code(late)).toBe('commit_failed')
  // Reading the state again begins anew.
  const folded = (async () => {
    const seen = []
    for await (const one of client.fold(null)) seen.push(one)
    return seen.length
  })()
  await Promise.resolve()
  work()
  expect(await folded).toBe(1)
  const after = append(4)
  work()
  expect(await code(after)).toBe('done')
  expect(kiosks(log)).toEqual(['k4'])
})

it.each([
  ['and said so', undefined],
  ['and said to have failed, though it is on disk', new Fault('commit_failed', 'no word of it')],
])('what was decided before a new epoch is not appended behind it: begun %s', async (_, fault) => {
  const { append, work, store, client, log } = start()
  const own = append(1)
  work()
  expect(await code(own)).toBe('done')
  const { epoch, head } = log.status()
  store.faults.afterCommit = () => {
    if (fault !== undefined) throw fault
  }
  const taken = client.takeReceipt({
    ...{ v: 1, gateway: 'gw-1', fence: 1, ledger: '1'.repeat(32), status: 'held', epoch },
    ...{ seq: head.seq + 9, hash: 'f'.repeat(64), diverged_at: null, rejected: [], echo: null },
    cloud_time_ms: 0,
  })
  const late = append(2)
  const settled = taken.then(
    () => null,
    (error: Fault) => error.code,
  )
  work()
  expect(await settled).toBe(fault?.code ?? null)
  delete store.faults.afterCommit
  expect(log.status().epoch).not.toBe(epoch)
  expect(await code(late)).toBe('commit_failed')
  const folded = client.fold(null).next()
  work()
  await folded
  const after = append(3)
  work()
  expect(await code(after)).toBe('done')
  expect(kiosks(log)).toEqual(['k1', 'k3'])
})

it('what closes something is taken although its neighbour is refused for the quota', async () => {
  const { append, work, client } = start(4_000)
  const draft = {
    kind: 'ticket.done' as const,
    data: { ticket: '0123456789abcdef', counter: 'c1' },
  }
  const done = () => client.append([{ draft, at: stampAt(START_MS) }])
  let refused = 'done'
  for (let n = 0; refused === 'done' && n < 1_000; n++) {
    const one = append(n)
    work()
    refused = await code(one)
  }
  expect(refused).toBe('disk_full')
  const folded = client.fold(null).next()
  work()
  await folded
  const both = [append(5_000), done()]
  const outcome = Promise.all(both.map(code))
  work()
  // The neighbour's refusal is of the same generation: both are decided again by the engine.
  expect((await outcome)[0]).toBe('disk_full')
  const again = client.fold(null).next()
  work()
  await again
  const alone = done()
  work()
  expect(await code(alone)).toBe('done')
})

it('what ends a visit or a PIN prompt is taken near the quota with what rides along, and no more', async () => {
  const { append, work, client, log } = start(40_000)
  const ticket = '0123456789abcdef'
  const request = 'fedcba9876543210'
  const at = stampAt(START_MS)
  const visit = { day: '2026-01-05', counter: 'c1', clerk: 'li', ticket, service: 'sA', keys: 5 }
  const asked: Draft = { kind: 'rating.asked', data: { request, ...visit } }
  const done: Draft = { kind: 'ticket.done', data: { ticket, counter: 'c1' } }
  const pad = { device: 'p1', pad: null, key: null }
  const ended: Draft = {
    kind: 'pin.ended',
    data: {
      ...{ order: 'o1', counter: 'c1', request, content_hash: 'a'.repeat(64) },
      ...{ outcome: 'entered', ...pad },
    },
  }
  let refused = 'done'
  for (let n = 0; refused === 'done' && n < 1_000; n++) {
    const one = append(n)
    work()
    refused = await code(one)
  }
  expect(refused).toBe('disk_full')
  const told = async (...drafts: Draft[]) => {
    const folded = client.fold(null).next()
    work()
    await folded
    const one = client.append(drafts.map((draft) => ({ draft, at })))
    work()
    return code(one)
  }
  const before = log.status().head.seq
  expect(await told(asked)).toBe('disk_full')
  expect(await told(asked, visited(1))).toBe('disk_full')
  expect(await told(visited(1), done)).toBe('disk_full')
  expect(await told(done, asked)).toBe('disk_full')
  expect(log.status().head.seq).toBe(before)
  expect([await told(asked, done), await told(ended)]).toEqual(['done', 'done'])
  expect(log.status().head.seq).toBe(before + 3)
})

it('a number is marked outside the log before it is anywhere else, in blocks', async () => {
  const { client, work, saved, trouble } = start()
  const issue = (number: string) =>
    client.append([
      {
        draft: {
          kind: 'ticket.issued',
          data: {
            ...{ ticket: '0123456789abcdef', day: '2026-01-05', number, service: 'sA' },
            ...{ class: 'ordinary', ahead: 0 },
          },
        },
        at: stampAt(START_MS),
      },
    ])
  const before = saved.length
  for (const number of ['A0001', 'A0002', 'A0020']) {
    const one = issue(number)
    work()
    await one
  }
  expect(saved.length).toBe(before + 1)
  expect(saved.at(-1)!.numbers!.used[0]!.to).toBeGreaterThanOrEqual(20)
  trouble.marks = true
  const full = issue('A0999')
  work()
  expect(await code(full)).toBe('disk_full')
  trouble.marks = false
  const folded = client.fold(null).next()
  work()
  await folded
  const next = issue('A0999')
  work()
  expect(await code(next)).toBe('done')
  expect(saved.at(-1)!.numbers!.used[0]!.to).toBeGreaterThanOrEqual(999)
})

it('beyond the bound on what waits, appends are refused at once', async () => {
  const { append, client, work } = start()
  const waiting = Array.from({ length: WAITING_MAX }, () => client.status())
  expect(await code(append(1))).toBe('overloaded')
  work()
  await Promise.all(waiting)
  const next = append(1)
  work()
  expect(await code(next)).toBe('done')
})

it('when the log is gone, everybody who waits is told, and everybody after', async () => {
  const { append, client } = start()
  const waiting = append(1)
  client.fail(new Fault('commit_failed', 'log worker'))
  expect(await code(waiting)).toBe('commit_failed')
  expect(await code(append(2))).toBe('commit_failed')
})
