/**
 * The gateway's whole way from devices to the disk in a process of its own: log with its worker, desk,
 * sealer, floor; without a controller, as a hall is while the cloud is away. Tells when each card is
 * on disk, by the clock that all processes of a machine share.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PublicKey } from '#devices/contract/enrolment.ts'
import type { Stamp } from '#devices/contract/record.ts'
import { silent } from '#devices/std/log.ts'
import { cardDesk } from '../../gateway/compose/cards.ts'
import type { DeviceConfig } from '../../gateway/config.ts'
import { Floor } from '../../gateway/floor/floor.ts'
import type { Ask } from '../../gateway/hall/input.ts'
import { CardMemory } from '../../gateway/local/card-memory.ts'
import { hallView } from '../../gateway/local/hall-view.ts'
import { startHallLog } from '../../gateway/log/start.ts'
import { realPace } from '../../gateway/pace.ts'
import { openHall } from '../../gateway/pipeline.ts'
import type { Desk } from '../../gateway/ports.ts'
import { createSealer } from '../../gateway/seal/sealer.ts'
import { rules } from './hall-day.ts'

export type HallJob = {
  devices: DeviceConfig[]
  counters: string[]
  /** Somebody is signed in at every counter. */
  open: boolean
  /** People waiting. */
  tickets: number
}
export type HallSaid =
  | { said: 'ready' }
  /** A card's record is on disk. */
  | { said: 'recorded'; counter: string; at_ms: number }
  | { said: 'cpu'; cpu_ms: number; online: number }

/** Milliseconds of the machine's monotonic clock. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

const boot = randomBytes(8).toString('hex')
const stamp = (): Stamp => ({
  ...{ wall_ms: Date.now(), boot, mono_ms: Math.round(performance.now()) },
  ...{ skew_ms: null, skew_error_ms: null },
})
const away = {
  ...{ connected: false, session: boot, publish: async () => {}, close: async () => {} },
  ...{ onReady: () => {}, onLost: () => {}, onMessage: () => {} },
}

async function run(job: HallJob): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-bench-readers-'))
  const log = await startHallLog({
    ...{ folder, gateway: 'bench', quota_bytes: 1e9, retention_ms: 1e9, durable: true },
    ...{ takeover: null, stamp },
  })
  let floor: Floor | null = null
  const hall = await openHall({
    ...{ hall: 'bench', gateway: 'bench', version: '0', fence: 1, log: log.client, uplink: away },
    ...{ pace: realPace, random: Math.random, stamps: stamp, logger: silent },
    fresh: () => randomBytes(8).toString('hex'),
    sendStamp: () => ({ boot, mono_ms: performance.now() }),
    pack: (batch) => batch,
    onEffects: (effects, state) => floor?.act(effects, state),
    devices: () => [],
  })
  await openDay(hall.desk, job)
  floor = await openFloor(hall.desk, job)
  floor.start()
  process.on('message', (asked: 'cpu' | 'stop') => {
    if (asked === 'cpu') tellCpu(floor!)
    else void stop()
  })
  process.once('disconnect', () => void stop())
  tell({ said: 'ready' })

  async function stop(): Promise<void> {
    await floor?.[Symbol.asyncDispose]()
    await hall.stop()
    await log.close()
    await rm(folder, { recursive: true, force: true })
    process.exit()
  }
}

async function openDay(desk: Desk, { counters, open, tickets }: HallJob): Promise<void> {
  const ask = async (what: Ask) => {
    const answer = await desk.submit(what)
    if (answer.outcome === 'refused') throw answer.fault
  }
  await ask({ type: 'config', version: 1, rules: { ...rules, counters } })
  await ask({ type: 'day.open', day: new Date().toISOString().slice(0, 10), confirmed_by: null })
  for (const counter of open ? counters : []) {
    await ask({ type: 'counter.sign_in', counter, clerk: `clerk-${counter}`, services: [] })
  }
  for (let i = 0; i < tickets; i++) await ask({ type: 'ticket.press', service: 'sA' })
}

async function openFloor(
  desk: Desk & { readonly state: ReturnType<Parameters<typeof hallView>[0]['state']> },
  { devices }: HallJob,
): Promise<Floor> {
  const state = () => desk.state
  const told: Desk = {
    async submit(ask, source) {
      const answer = await desk.submit(ask, source)
      if (ask.type === 'card' && answer.outcome === 'recorded') {
        tell({ said: 'recorded', counter: ask.counter, at_ms: machineMs() })
      }
      return answer
    },
  }
  const common = { pace: realPace, random: Math.random, logger: silent, desk: told, state }
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  const sealing_key = PublicKey.parse({ kty, crv, x, y })
  const sealer = await createSealer({ hall_key: randomBytes(32), sealing_key })
  const hall = hallView({ state, place: () => null })
  const memory = new CardMemory(realPace)
  return new Floor({
    ...common,
    ...{ devices, wall_ms: () => Date.now(), stamp, onState: () => {} },
    onCard: cardDesk({ ...common, sealer, hall, memory, boot, today: () => '2026-01-05' }),
  })
}

function tellCpu(floor: Floor): void {
  const { user, system } = process.cpuUsage()
  const online = floor.views().filter(({ state }) => state === 'online').length
  tell({ said: 'cpu', cpu_ms: (user + system) / 1000, online })
}

function tell(said: HallSaid): void {
  process.send?.(said)
}

// Also imported for its types and its clock: only a program of its own waits for a job.
if (import.meta.main) process.once('message', (job: HallJob) => void run(job))
