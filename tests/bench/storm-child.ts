/** A thousand halls that come back at once, in one process: each says its birth until it is heard. */

import { ZERO_HASH } from '#devices/contract/position.ts'
import { Receipt } from '#devices/contract/receipt.ts'
import { topic } from '#devices/contract/topics.ts'
import { epochOf, type HallOf } from './batches.ts'
import { openRawLink } from './mqtt-raw.ts'

export type Storm = { url: string; halls: HallOf[] }
export type Calm = { waits_ms: number[]; births: number; cpu_s: number }

/** Longer than a gateway's own patience, drawn out with jitter like it. */
const AGAIN_MS = 5_000

const state = { births: 0 }

async function come({ hall, gateway, fence, password }: HallOf, url: string): Promise<number> {
  const began = performance.now()
  const heard = Promise.withResolvers<void>()
  const link = await openRawLink({
    ...{ url, client_id: 'gateway', username: hall, password, subscribe: topic(hall, 'receipt') },
    onMessage(payload) {
      Receipt.parse(JSON.parse(payload.toString()))
      heard.resolve()
    },
    onLost: (why) => heard.reject(new Error(`${hall}: ${why}`)),
  })
  const birth = {
    ...{ v: 1, type: 'birth', gateway, fence, session: epochOf(hall), epoch: epochOf(hall) },
    ...{ epoch_number: 1, parent: null, head: { seq: 1, hash: ZERO_HASH }, unbooked: 1 },
    ...{ unbooked_since_ms: 1, version: 'bench', config_version: 1, devices: [] },
    ...{ clock: { wall_ms: 1, skew_ms: null }, sent: { boot: '00', mono_ms: 1 } },
  }
  const say = () => {
    state.births++
    link.publish(topic(hall, 'presence'), Buffer.from(JSON.stringify(birth)))
  }
  say()
  const again = setInterval(say, AGAIN_MS * (0.5 + Math.random()))
  await heard.promise
  clearInterval(again)
  return performance.now() - began
}

process.once('message', async ({ url, halls }: Storm) => {
  const cpu = process.cpuUsage()
  const waits_ms = await Promise.all(halls.map((hall) => come(hall, url)))
  const { user, system } = process.cpuUsage(cpu)
  process.send?.({ waits_ms, births: state.births, cpu_s: (user + system) / 1e6 } satisfies Calm)
})
process.once('disconnect', () => process.exit())
