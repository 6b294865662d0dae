/** A local API on a free port over the real hall engine, with a log that can be told to fail. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HallRules } from '#devices/contract/hall-rules.ts'
import type { Fault } from '#devices/std/fault.ts'
import { steppedFactClock } from '../../gateway/clock.ts'
import type { TokenConfig } from '../../gateway/config.ts'
import { type HallDesk, openDesk } from '../../gateway/hall/desk.ts'
import { emptyState } from '../../gateway/hall/state.ts'
import { CardMemory } from '../../gateway/local/card-memory.ts'
import { EventHub } from '../../gateway/local/events.ts'
import { hallEvents } from '../../gateway/local/hall-events.ts'
import { hallView } from '../../gateway/local/hall-view.ts'
import { identityIntake } from '../../gateway/local/identity-intake.ts'
import type { DeviceView, GatewayStatus, LocalDeps } from '../../gateway/local/ports.ts'
import { type LocalServer, type ServeOptions, serveLocalApi } from '../../gateway/local/server.ts'
import { openTokens } from '../../gateway/local/tokens.ts'
import { realPace } from '../../gateway/pace.ts'
import { createSealer } from '../../gateway/seal/sealer.ts'
import { createSessionKey } from '../../gateway/seal/session-key.ts'

export const rules = HallRules.parse({
  hall_name: { zh: '人民路营业厅', en: 'Renmin Road Hall' },
  zone: 'Asia/Shanghai',
  services: [
    {
      service: 'cash',
      name: { zh: '现金业务', en: 'Cash' },
      band: { prefix: 'A', first: 1, last: 999, digits: 3 },
    },
  ],
  classes: [{ class: 'ordinary', name: { zh: '普通', en: 'Ordinary' }, credit_s: 0 }],
  counters: ['1', '2'],
})

const declared: TokenConfig[] = [
  { name: 'clerks', role: 'clerk' },
  { name: 'counter-1', role: 'clerk', counter: '1' },
  { name: 'counter-2', role: 'clerk', counter: '2' },
  { name: 'kiosk', role: 'kiosk' },
  { name: 'kiosk-2', role: 'kiosk', counter: '2' },
  { name: 'installer', role: 'installer' },
  { name: 'replay', role: 'replay' },
]
export type Who =
  | 'clerks'
  | 'counter-1'
  | 'counter-2'
  | 'kiosk'
  | 'kiosk-2'
  | 'installer'
  | 'replay'

const START_MS = Date.UTC(2026, 0, 5, 1, 0, 0)

export const device: DeviceView = {
  device: 'reader-1',
  type: 'id-card-reader',
  state: 'online',
  reason: '',
  since_ms: START_MS,
  at: 'tcp://127.0.0.1:7001',
  counter: '1',
  identity: 'SAM 05.03-20260101-0000000001',
  firmware: null,
  counters: { frames_in: 3 },
  plain_link: false,
  binding: { state: 'bound', identity: 'SAM 05.03-20260101-0000000001' },
  consumables: {},
  readings: {},
  facts: {},
  advice: null,
  assumptions: [],
  frames: [{ at_ms: START_MS, direction: 'in', command: 'read', length: 1295, status: '90' }],
}

const EPOCH = 'cd'.repeat(16)

export type Hall = {
  url: string
  server: LocalServer
  deps: LocalDeps
  desk: HallDesk
  tokens: Record<Who, string>
  /** The next appends fail with this. */
  failLog(fault: Fault | null): void
  /** The next appends wait until the answer is called. */
  holdLog(): () => void
  /** Everything the API logged. */
  logged: string[]
  call(who: Who | null, method: string, path: string, options?: CallOptions): Promise<Answered>
  [Symbol.asyncDispose](): Promise<void>
}
export type CallOptions = { body?: unknown; key?: string; headers?: Record<string, string> }
export type Answered = { status: number; json: Record<string, unknown>; headers: Headers }

export type HallOptions = {
  stepped?: boolean
  host?: string
  insecure?: boolean
  devices?: DeviceView[]
  serve?: Pick<ServeOptions, 'sockets' | 'messages' | 'requests'>
}

export async function openHall(options: HallOptions = {}): Promise<Hall> {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-local-'))
  const { tokens, issued } = await openTokens(folder, declared)
  const clock = steppedFactClock('00000000000000aa')
  clock.set(START_MS)
  let fault: Fault | null = null
  let held = Promise.resolve()
  let seq = 0
  const events = new EventHub()
  const cards = new CardMemory(realPace)
  const hall = hallView({ state: () => desk.state })
  const onEffects = hallEvents({ events, hall, cards })
  const desk = openDesk({
    log: {
      async append(records) {
        await held
        if (fault !== null) throw fault
        const first = seq + 1
        seq += records.length
        return { epoch: EPOCH, first, last: seq }
      },
    },
    stamps: () => ({ ...clock.read(), skew_ms: null, skew_error_ms: null }),
    fresh: () => randomBytes(8).toString('hex'),
    state: emptyState(),
    rebuild: () => Promise.resolve(desk.state),
    onEffects,
  })
  await desk.submit({ type: 'config', version: 1, rules })
  const sealer = await createSealer({
    hall_key: randomBytes(32),
    sealing_key: (await createSessionKey()).public_key,
  })
  const key = await createSessionKey()
  const today = () => desk.state.day?.day ?? '2026-01-05'
  const alarms = new Set(['receipt_hash_differs'])
  const deps: LocalDeps = {
    desk,
    hall,
    cards,
    events,
    tokens,
    channels: new Map(),
    identity: identityIntake({ key, sealer: () => sealer, desk, hall, memory: cards, today }),
    status: () => Promise.resolve(status(clock.read().wall_ms, [...alarms])),
    clearAlarm: async (alarm) => alarms.delete(alarm),
    devices: () => options.devices ?? [device],
    booked: () => false,
    time: options.stepped ? { set: (wall_ms) => Promise.resolve(clock.set(wall_ms)) } : null,
  }
  const logged: string[] = []
  const server = await serveLocalApi(
    deps,
    { host: options.host ?? '127.0.0.1', port: 0 },
    {
      pace: realPace,
      insecure: options.insecure ?? false,
      ...options.serve,
      log: (...event) => logged.push(JSON.stringify(event)),
    },
  )
  const url = server.url.replace('0.0.0.0', '127.0.0.1')
  const clear = Object.fromEntries(issued.map(({ name, token }) => [name, token]))
  return {
    url,
    server,
    deps,
    desk,
    tokens: clear as Record<Who, string>,
    logged,
    failLog(next) {
      fault = next
    },
    holdLog() {
      const { promise, resolve } = Promise.withResolvers<void>()
      held = promise
      return resolve
    },
    call: (who, method, path, more) =>
      call(url, who === null ? null : clear[who]!, { method, path, ...more }),
    async [Symbol.asyncDispose]() {
      cards[Symbol.dispose]()
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function call(
  url: string,
  token: string | null,
  { method, path, body, key, headers }: CallOptions & { method: string; path: string },
): Promise<Answered> {
  const answer = await fetch(url + path, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  const json = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
  return { status: answer.status, json, headers: answer.headers }
}

function status(wall_ms: number, alarms: string[]): GatewayStatus {
  return {
    gateway: 'ab'.repeat(16),
    hall: 'hall-1',
    version: '0.1.0',
    config_version: 1,
    log: {
      epoch: EPOCH,
      epoch_number: 1,
      parent: null,
      head: { seq: 42, hash: 'ef'.repeat(32) },
      receipted: { epoch: EPOCH, seq: 40, hash: '12'.repeat(32) },
      unbooked: 2,
      unbooked_since_ms: wall_ms - 65_000,
      bytes: 123_456,
      alarms,
    },
    not_owner: false,
    link: { state: 'up', reason: '', attempts: 3, refused_messages: 0 },
    skew: { skew_ms: -12, skew_error_ms: 4 },
    clock: { source: 'stepped', set: true, wall_ms },
    disk: { used_bytes: 12_345_678, quota_bytes: 1_073_741_824 },
    alarms: [],
  }
}

/** Opens the day and signs a clerk in at counter 1. */
export async function openForBusiness(hall: Hall): Promise<void> {
  await hall.call('installer', 'POST', '/day/open', { key: 'open', body: { day: '2026-01-05' } })
  await hall.call('clerks', 'POST', '/counters/1/sign-in', { key: 'in', body: { clerk: 'li' } })
}
