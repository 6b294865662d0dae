/**
 * `npm run gateway -- --config FILE`: one hall's gateway. The composition root: the only place that
 * knows which adapter stands behind which port. Starts step by step, stops in the reverse order.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Command } from 'commander'
import { pino } from 'pino'
import { topic } from '#devices/contract/topics.ts'
import { Fault, isFault } from '#devices/std/fault.ts'
import { fileTrouble } from '#devices/std/file-trouble.ts'
import type { Log as Logger } from '#devices/std/log.ts'
import { readCaFile } from './ca-file.ts'
import { keepBusinessDay } from './compose/business-day.ts'
import { cardDesk } from './compose/cards.ts'
import { type Clocks, makeClocks } from './compose/clocks.ts'
import { type PinDesk, pinDesk } from './compose/pin-desk.ts'
import { keepTelemetry } from './compose/telemetry.ts'
import { type GatewayConfig, loadConfig } from './config.ts'
import { knownDeviceTypes } from './drivers/known-types.ts'
import { type Credential, readCredential } from './enrol/credential.ts'
import { enrol } from './enrol/enrol.ts'
import { Floor } from './floor/floor.ts'
import type { Effect } from './hall/input.ts'
import { Places } from './hall/places.ts'
import { emptyState, type HallState } from './hall/state.ts'
import { type Identity, openIdentity } from './identity.ts'
import { CardMemory } from './local/card-memory.ts'
import { EventHub } from './local/events.ts'
import { hallEvents } from './local/hall-events.ts'
import { hallView } from './local/hall-view.ts'
import { identityIntake } from './local/identity-intake.ts'
import type { GatewayStatus, HallView, LocalDeps } from './local/ports.ts'
import { type LocalServer, serveLocalApi } from './local/server.ts'
import { openTokens } from './local/tokens.ts'
import { type RunningLog, startHallLog } from './log/start.ts'
import { realPace } from './pace.ts'
import { PacedLines } from './paced-lines.ts'
import { type Hall, openHall } from './pipeline.ts'
import type { Desk } from './ports.ts'
import { Recordings } from './recording/recordings.ts'
import { createSealer, type Sealer } from './seal/sealer.ts'
import { createSessionKey } from './seal/session-key.ts'
import { GZIP_FROM_BYTES } from './uplink/limits.ts'
import { type MqttUplink, openMqttUplink } from './uplink/mqtt.ts'

const VERSION = '0.1.0'
const DAY_MS = 86_400_000
const ANNOUNCE_EVERY_MS = 60_000

const program = new Command('gateway')
  .description('The gateway of one hall: devices, hall log, local API, link to the controller.')
  .requiredOption('--config <file>', 'the configuration, JSON')
  .option('--check', 'check the configuration and exit')
  .option('--log-level <level>', 'debug, info, warn or error', 'info')
  .parse()

const flags = program.opts<{ config: string; check?: boolean; logLevel: string }>()

/** Things to undo at the end, last made first. */
type Undo = { what: string; undo: () => Promise<unknown> | unknown }

async function run(config: GatewayConfig): Promise<void> {
  const logger = logTo(flags.logLevel)
  const undo: Undo[] = []
  const stopping = stopOnSignals()
  try {
    await start(config, { logger, undo, stopping: stopping.signal })
    await stopping.asked
  } catch (error) {
    if (error !== STOPPED) throw error
  } finally {
    for (const step of undo.reverse()) {
      logger('debug', 'stop', { what: step.what })
      await step.undo()
    }
  }
  process.exit()
}

const STOPPED = Symbol('stopped')

type Starting = { logger: Logger; undo: Undo[]; stopping: AbortSignal }

/** What the parts of a running gateway share. Cells are null until their step of the start. */
type Box = Starting & {
  config: GatewayConfig
  identity: Identity
  credential: Credential
  clocks: Clocks
  uplink: MqttUplink
  view: HallView
  events: EventHub
  cards: CardMemory
  recordings: Recordings
  tellPages: (effects: readonly Effect[]) => void
  state: () => Readonly<HallState>
  places: Places
  cells: {
    hall: Hall | null
    floor: Floor | null
    pins: PinDesk | null
    log: RunningLog | null
    sealer: Sealer | null
    notOwner: boolean
  }
}

/** Step by step; each step leaves behind how to undo it. */
async function start(config: GatewayConfig, starting: Starting): Promise<void> {
  const identity = await openIdentity(config.data)
  const credential = await credentialOf(config, identity)
  const box = makeBox({ config, identity, credential, ...starting })
  const url = await openLocal(box)
  const { stepped } = box.clocks
  if (stepped !== null) await orStopped(stepped.waitUntilSet(), starting.stopping)
  const log = await openLog(box)
  const hall = await openHallOf(box, log)
  await openFloor(box, hall)
  if (stepped === null) keepDay(box, hall)
  // Said again from time to time: what a birth tells of devices and backlog grows old.
  const announcing = setInterval(() => hall.announce(), ANNOUNCE_EVERY_MS)
  box.undo.push({ what: 'announcing', undo: () => clearInterval(announcing) })
  console.log(`ready hall ${credential.hall}, local API ${url}`)
}

function makeBox(given: Starting & Pick<Box, 'config' | 'identity' | 'credential'>): Box {
  const { config, identity, credential, logger, undo } = given
  const cells: Box['cells'] = {
    hall: null,
    floor: null,
    pins: null,
    log: null,
    sealer: null,
    notOwner: false,
  }
  const state = (): Readonly<HallState> => cells.hall?.desk.state ?? EMPTY
  const places = new Places()
  const view = hallView({ state, place: (about) => places.of(about) })
  const events = new EventHub()
  const cards = new CardMemory(realPace, (counter) => cells.floor?.forgetCards(counter))
  const uplink = openMqttUplink(
    { pace: realPace, random: Math.random, session: () => fresh(), log: logger },
    { ...credential.mqtt, hall: credential.hall, insecure: config.insecure },
  )
  undo.push({ what: 'uplink', undo: () => uplink.close() })
  const folder = join(config.data, 'recordings')
  const parts = { pace: realPace, wall_ms: () => Date.now(), log: logger }
  const recordings = new Recordings(folder, parts)
  undo.push({ what: 'recordings', undo: () => recordings[Symbol.asyncDispose]() })
  return {
    ...given,
    ...{
      clocks: makeClocks(config, identity.boot),
      uplink,
      view,
      events,
      cards,
      recordings,
      state,
      cells,
      places,
    },
    tellPages: hallEvents({ events, hall: view, cards }),
  }
}

async function openLocal(box: Box): Promise<string> {
  const { config, cells, logger } = box
  const { tokens, issued } = await openTokens(config.data, config.local.tokens)
  for (const { name, token } of issued) {
    const declared = config.local.tokens.find((t) => t.name === name)
    if (declared?.file !== undefined) continue
    console.log(`local API token for ${name}, shown once: ${token}`)
  }
  const { stepped } = box.clocks
  const starting = { outcome: 'refused', fault: new Fault('unavailable', 'starting') } as const
  const desk: Desk = {
    submit: async (ask, source) => cells.hall?.desk.submit(ask, source) ?? starting,
  }
  const deps: LocalDeps = {
    ready: () => cells.hall !== null,
    desk,
    hall: box.view,
    status: () => statusOf(box),
    clearAlarm: (alarm, by) => clearAlarm(box, alarm, by),
    devices: () => cells.floor?.views() ?? [],
    booked: (place) => box.places.booked(place),
    cards: box.cards,
    events: box.events,
    tokens,
    channels: new Map(),
    identity: identityIntake({
      key: await createSessionKey(),
      sealer: () => cells.sealer,
      ...{ desk, hall: box.view, memory: box.cards, today: () => todayOf(box) },
    }),
    installation: () => cells.floor,
    readCard: () => {
      const { floor } = cells
      return floor === null ? null : (counter) => floor.readCard(counter)
    },
    recordings: box.recordings,
    pins: () => cells.pins,
    time: stepped === null ? null : { set: async (wall_ms) => stepped.set(wall_ms) },
  }
  const { insecure } = config
  const local = await serveLocalApi(deps, config.local, { insecure, pace: realPace, log: logger })
  box.undo.push({ what: 'local API', undo: () => local.close() })
  console.log(`listening ${local.url}`)
  if (config.local.mqtt !== undefined) await openLocalMqtt(box, deps, local)
  return local.url
}

/** Loaded only where it is asked for: it costs memory. */
async function openLocalMqtt(box: Box, deps: LocalDeps, { fetch }: LocalServer): Promise<void> {
  const { config, logger, undo } = box
  const { insecure } = config
  const { host, tls, mqtt } = config.local
  const { openLocalBroker } = await import('./kiosk/broker.ts')
  const certificates =
    tls === undefined
      ? {}
      : { tls: { cert: await readFile(tls.cert_file), key: await readFile(tls.key_file) } }
  const broker = await openLocalBroker(
    { deps, fetch, pace: realPace, log: logger },
    { host: mqtt?.host ?? host, port: mqtt?.port ?? 0, insecure, ...certificates },
  )
  undo.push({ what: 'local MQTT', undo: () => broker.close() })
  console.log(`listening ${broker.url}`)
}

function todayOf({ state, clocks }: Box): string {
  return state().day?.day ?? new Date(clocks.stamp().wall_ms).toISOString().slice(0, 10)
}

async function statusOf({
  config,
  identity,
  credential,
  clocks,
  uplink,
  state,
  cells,
}: Box): Promise<GatewayStatus> {
  if (cells.log === null) throw new Fault('unavailable', 'the log is not open yet')
  const log = await cells.log.client.status()
  return {
    gateway: identity.gateway,
    hall: credential.hall,
    version: VERSION,
    config_version: state().config?.version ?? 0,
    log,
    not_owner: cells.notOwner,
    link: uplink.link,
    skew: clocks.skew.skew,
    clock: {
      source: config.fact_time,
      set: clocks.stepped?.isSet ?? true,
      wall_ms: clocks.stepped?.isSet === false ? null : clocks.stamp().wall_ms,
    },
    disk: { used_bytes: log.bytes, quota_bytes: config.quota_bytes },
    alarms: cells.hall?.full === true ? [...log.alarms, 'disk_full'] : log.alarms,
  }
}

async function clearAlarm({ cells, logger }: Box, alarm: string, by: string): Promise<boolean> {
  const cleared = (await cells.log?.client.clearAlarm(alarm)) ?? false
  if (cleared) logger('info', 'alarm.cleared', { alarm, by })
  return cleared
}

async function openLog(box: Box): Promise<RunningLog> {
  const { config, identity, credential, clocks, logger, cells } = box
  const { held, numbers } = credential
  const receipted = held === null ? null : { epoch: held.epoch, seq: held.seq, hash: held.hash }
  const log = await startHallLog({
    folder: config.data,
    gateway: identity.gateway,
    quota_bytes: config.quota_bytes,
    retention_ms: config.retention_days * DAY_MS,
    durable: true,
    takeover: receipted === null ? null : { receipted, numbers },
    stamp: clocks.stamp,
  })
  box.undo.push({ what: 'hall log', undo: () => log.close() })
  // Without its log a gateway can only refuse: whoever started it starts it anew.
  void log.died.then((error) => {
    console.error(`gateway: the log's thread ended: ${error.message}`)
    process.exit(1)
  })
  const usual = log.found === 'whole' || log.found === 'first'
  logger(usual ? 'info' : 'warn', 'log.opened', { found: log.found })
  cells.log = log
  return log
}

async function openHallOf(box: Box, log: RunningLog): Promise<Hall> {
  const { identity, credential, clocks, uplink, cells, logger } = box
  const hall = await openHall({
    hall: credential.hall,
    gateway: identity.gateway,
    version: VERSION,
    fence: credential.fence,
    log: log.client,
    uplink,
    pace: realPace,
    random: Math.random,
    stamps: clocks.stamp,
    fresh,
    sendStamp: () => ({ boot: identity.boot, mono_ms: performance.now() }),
    pack: (batch) => (batch.length < GZIP_FROM_BYTES ? batch : compress(batch, { level: 1 })),
    onEffects: (effects, synced) => {
      cells.floor?.act(effects, synced)
      cells.pins?.act(effects, synced)
      box.tellPages(effects)
    },
    devices: () => cells.floor?.presence() ?? [],
    places: box.places,
    onReceipt: ({ echo, cloud_time_ms }, effect) => {
      cells.notOwner = effect.type === 'not_owner'
      if (echo !== null) clocks.skew.take(echo, cloud_time_ms, clocks.real.read())
    },
    logger,
  })
  box.undo.push({ what: 'hall', undo: () => hall.stop() })
  cells.hall = hall
  if (uplink.connected) hall.shipper.connected()
  await applyRules(hall, credential)
  return hall
}

async function openFloor(box: Box, hall: Hall): Promise<void> {
  const { config, identity, credential, clocks, logger, state } = box
  const sealer = await createSealer({
    hall_key: credential.hall_key.reveal(),
    sealing_key: credential.sealing_key,
  })
  box.cells.sealer = sealer
  const common = { pace: realPace, random: Math.random, logger, desk: hall.desk, state }
  const announce = onceIn(500, () => hall.announce())
  const lines = new PacedLines({ pace: realPace, log: logger })
  box.undo.push({ what: 'log lines', undo: () => lines.end() })
  const floor = new Floor({
    ...common,
    devices: config.devices,
    tap: (device) => box.recordings.tap(device),
    wall_ms: () => Date.now(),
    stamp: clocks.stamp,
    onCard: cardDesk({
      ...common,
      ...{ sealer, hall: box.view, memory: box.cards, boot: identity.boot },
      today: () => todayOf(box),
    }),
    onState: () => {
      announce()
      telemetry.changed()
    },
    onHeldBack: (device, counter, why) => {
      lines.say('warn', 'device.held_back', { device, why }, device)
      box.events.publish({ type: 'held_back', device, counter, why })
    },
  })
  const telemetry = keepTelemetry({
    ...common,
    wall_ms: () => Date.now(),
    views: () => floor.views(),
    status: () => statusOf(box),
    publish: (lines) => box.uplink.publish(topic(credential.hall, 'telemetry'), lines),
    connected: () => box.uplink.connected,
  })
  box.uplink.onReady(() => telemetry.connected())
  box.undo.push({ what: 'telemetry', undo: () => telemetry.stop() })
  box.undo.push({ what: 'devices', undo: () => floor[Symbol.asyncDispose]() })
  box.cells.floor = floor
  box.cells.pins = pinDesk({
    ...common,
    pads: (counter) => floor.pinPads(counter),
    fresh,
    boot: identity.boot,
  })
  floor.start()
  hall.announce()
}

function keepDay({ state, clocks, logger, undo }: Box, { desk }: Hall): void {
  const wall_ms = () => clocks.stamp().wall_ms
  const day = keepBusinessDay({ desk, state, wall_ms, pace: realPace, logger })
  undo.push({ what: 'business day', undo: () => day.stop() })
}

const fresh = () => randomBytes(8).toString('hex')
const EMPTY = emptyState()
const compress = promisify(gzip)

async function credentialOf(config: GatewayConfig, identity: Identity): Promise<Credential> {
  const known = await readCredential(config.data, identity)
  if (known !== null) return known
  const { url, token, ca_file } = config.controller
  if (token === undefined) {
    throw new Fault('unauthorised', 'not enrolled yet: put a one-time token into controller.token')
  }
  const ca = ca_file === undefined ? {} : { ca: await readCaFile(ca_file) }
  return enrol(identity, { url, token, folder: config.data, insecure: config.insecure, ...ca })
}

/** The rules that came with the enrolment, unless a later version is in force. */
async function applyRules(
  hall: Hall,
  { config_version: version, rules }: Credential,
): Promise<void> {
  const inForce = hall.desk.state.config?.version ?? -1
  if (inForce >= version) return
  const answer = await hall.desk.submit({ type: 'config', version, rules })
  if (answer.outcome === 'refused') throw answer.fault
}

function logTo(level: string): Logger {
  const sink = pino({ level }, pino.destination({ dest: 2, sync: true }))
  return (severity, event, fields = {}) => sink[severity]({ event, ...fields })
}

/** At most one call in `ms`, the last of a burst included. */
function onceIn(ms: number, run: () => void): () => void {
  let waiting = false
  return () => {
    if (waiting) return
    waiting = true
    realPace.after(ms, 'announce', () => {
      waiting = false
      run()
    })
  }
}

/** Ctrl-C, a polite kill, or the end of the program that started this one. */
function stopOnSignals(): { asked: Promise<void>; signal: AbortSignal } {
  const controller = new AbortController()
  const asked = new Promise<void>((resolve) => {
    for (const event of ['SIGINT', 'SIGTERM', 'disconnect'] as const) {
      process.once(event, () => {
        controller.abort()
        resolve()
      })
    }
  })
  return { asked, signal: controller.signal }
}

function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(STOPPED), { once: true })
    work.then(resolve, reject)
  })
}

// Last, when everything above is defined.
try {
  const config = await loadConfig(flags.config, knownDeviceTypes)
  if (flags.check === true) console.log(`${flags.config}: no problems`)
  else await run(config)
} catch (error) {
  const text = isFault(error) ? error.message : fileTrouble(error)
  if (text === null) throw error
  console.error(`gateway: ${text}`)
  // At once: the channel to whoever started this program would keep it alive.
  process.exit(isFault(error, 'config_invalid') ? 2 : 1)
}
