/** A whole hall over its log: what a start and housekeeping must see to. */
import { expect, it } from 'vitest'
import { type Log, silent } from '#devices/std/log.ts'
import type { Ask } from '../../../gateway/hall/input.ts'
import { openWhole } from '../../../gateway/log/begin.ts'
import { logClient } from '../../../gateway/log/client.ts'
import { logService } from '../../../gateway/log/service.ts'
import { openHall } from '../../../gateway/pipeline.ts'
import type { Uplink } from '../../../gateway/ports.ts'
import { MemoryLogStore } from '../../sim/memory-log-store.ts'
import { rules } from '../../sim/people.ts'
import { Scheduler } from '../../sim/scheduler.ts'
import { freshEpoch, START_MS, stampAt } from './folder.ts'

async function openOver(store: MemoryLogStore, quota_bytes = 1e9, logger: Log = silent) {
  const scheduler = new Scheduler()
  const clock = { wall_ms: START_MS }
  const stamps = () => stampAt(clock.wall_ms)
  const marks = { load: () => null, save: () => {} }
  const { log } = openWhole(store, {
    ...{ gateway: 'gw-1', freshEpoch, stamp: stamps, marks, quota_bytes, retention_ms: 10_000 },
  })
  const service = logService(log, marks)
  const { client, receive } = logClient((request) =>
    setImmediate(() => {
      for (const reply of service.serve([request])) receive(reply)
    }),
  )
  const published: string[] = []
  /** A link that came up before anybody could ask to be told. */
  const uplink: Uplink & { session: string } = {
    ...{ session: 's1', connected: true, onReady() {}, onLost() {}, onMessage() {} },
    publish: async (topic) => void published.push(topic),
    close: async () => {},
  }
  const hall = await openHall({
    ...{ hall: 'h1', gateway: 'gw-1', version: 'test', fence: 1, log: client, uplink, stamps },
    ...{ pace: scheduler, random: () => 0.5, logger, devices: () => [] },
    fresh: () => freshEpoch().slice(0, 16),
    sendStamp: () => ({ boot: 'b', mono_ms: scheduler.now_ms() }),
    pack: (bytes) => bytes,
    onEffects: () => {},
    ...{ housekeeping_ms: 1_000, snapshot_every: 1_000_000 },
  })
  const boot = freshEpoch().slice(0, 8)
  let key = 0
  const ask = (what: Ask) => hall.desk.submit(what, { caller: 'test', key: `${boot}-${++key}` })
  const pass = async (ms: number) => {
    scheduler.after(ms, 'end', () => {})
    await scheduler.run(ms, () => false)
  }
  const housekeeping = async () => {
    await pass(1_500)
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  return { log, hall, ask, published, housekeeping, clock, pass }
}

it('says its birth also where the link came up while the log was read', async () => {
  const { published } = await openOver(new MemoryLogStore())
  await expect.poll(() => published).toContain('hw1/h1/presence')
})

it('a full log makes room once what it holds is booked, after a new start as well', async () => {
  const store = new MemoryLogStore()
  const first = await openOver(store, 60_000)
  await first.ask({ type: 'config', version: 1, rules })
  await first.ask({ type: 'day.open', day: '2026-05-29', confirmed_by: 'boss' })
  const press = { type: 'ticket.press', service: 'sA' } as const
  let answer = await first.ask(press)
  while (answer.outcome === 'recorded') answer = await first.ask(press)
  expect(answer.fault.code).toBe('disk_full')
  await first.hall.stop()

  const { log, ask, housekeeping, clock } = await openOver(store, 60_000)
  const { epoch, head } = log.status()
  const answered = { status: 'held' as const, diverged_at: null, rejected: [], echo: null }
  log.takeReceipt(
    {
      ...{ v: 1, gateway: 'gw-1', fence: 1, ledger: '1'.repeat(32), ...answered },
      ...{ epoch, seq: head.seq, hash: head.hash, cloud_time_ms: 0 },
    },
    null,
  )
  expect((await ask(press)).outcome).toBe('refused')
  clock.wall_ms += 20_000
  for (let i = 0; i < 5; i++) await housekeeping()
  expect(await ask(press)).toMatchObject({ outcome: 'recorded' })
})

it('near its quota a hall ends visits that a pad rates and PIN prompts, and begins nothing new', async () => {
  const { log, hall, ask } = await openOver(new MemoryLogStore(), 60_000)
  const must = async (what: Ask) => expect(await ask(what)).toMatchObject({ outcome: 'recorded' })
  await must({ type: 'config', version: 1, rules })
  await must({ type: 'day.open', day: '2026-05-29', confirmed_by: 'boss' })
  const press = { type: 'ticket.press', service: 'sA' } as const
  // The third counter has no pad.
  for (const counter of ['c1', 'c2', 'c3']) {
    await must({ type: 'counter.sign_in', counter, clerk: 'li', services: [] })
    await must(press)
    await must({ type: 'call.next', counter })
    await must({ type: 'serve', counter })
  }
  const content_hash = 'a'.repeat(64)
  const money = {
    lines: [{ item: 'a', amount_fen: 1 }],
    tenders: [{ tender: 'cash', amount_fen: 1 }],
  }
  const request = '1'.repeat(16)
  const content = { order: 'o1', counter: 'c1', ...money, content_hash, pin: 'required' as const }
  await must({ type: 'order.enter', content })
  const prompt = { order: 'o1', content_hash, counter: 'c1', screen: 's1', request }
  await must({ type: 'order.pin_begin', ...prompt })
  let answer = await ask(press)
  while (answer.outcome === 'recorded') answer = await ask(press)
  const { seq: before } = log.status().head
  const pad = { device: 'p1', pad: null, key: null }
  await must({ type: 'pin.outcome', order: 'o1', request, outcome: 'entered', ...pad })
  for (const counter of ['c1', 'c2', 'c3']) await must({ type: 'done', counter })
  for (const more of [press, { type: 'call.next', counter: 'c1' } as const])
    expect(await ask(more)).toMatchObject({ outcome: 'refused', fault: { code: 'disk_full' } })
  const taken = [...log.fold(null)].filter(({ seq }) => seq > before)
  expect(taken.map(({ text }) => JSON.parse(text!).kind)).toEqual([
    'pin.ended',
    ...['rating.asked', 'ticket.done', 'rating.asked', 'ticket.done', 'ticket.done'],
  ])
  await hall.stop()
})

it('a disk that is full is an alarm until there is room again, and fills no text log', async () => {
  const store = new MemoryLogStore()
  const lines: string[] = []
  const { hall, ask, pass } = await openOver(store, 1e9, (_, event) => lines.push(event))
  await ask({ type: 'config', version: 1, rules })
  await ask({ type: 'day.open', day: '2026-05-29', confirmed_by: 'boss' })
  const press = { type: 'ticket.press', service: 'sA' } as const
  expect([(await ask(press)).outcome, hall.full]).toEqual(['recorded', false])
  store.faults.room_bytes = 0
  for (let i = 0; i < 500; i++) await ask(press)
  expect(hall.full).toBe(true)
  expect(lines.filter((event) => event === 'append_failed').length).toBeLessThan(30)
  // Nothing was asked for meanwhile: it may still be full.
  await pass(90_000)
  expect(hall.full).toBe(true)
  delete store.faults.room_bytes
  expect([(await ask(press)).outcome, hall.full]).toEqual(['recorded', false])
  await hall.stop()
})
