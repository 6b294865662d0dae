/**
 * `npm run controller`: ledgers, queue figures and presence of every hall. The composition root: the
 * only place that knows which adapter stands behind which port. Starts step by step, stops in the
 * reverse order.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { pino } from 'pino'
import { type Pace, sleep } from '#devices/std/clock.ts'
import { isFault } from '#devices/std/fault.ts'
import { fileTrouble } from '#devices/std/file-trouble.ts'
import type { Log as Logger } from '#devices/std/log.ts'
import { backOff } from '#devices/std/random.ts'
import { openEmbeddedBroker } from './broker/embedded.ts'
import { openExternalBroker } from './broker/external.ts'
import type { Broker, OnMessage } from './broker/port.ts'
import { type ControllerConfig, exposed, loadConfig, readConfig } from './config.ts'
import { loadPage } from './console/files.ts'
import { createEnrolment, type Enrolment } from './enrol/enrolment.ts'
import { loadSecrets } from './enrol/secrets.ts'
import { createEnrolStore, prepareEnrolment } from './enrol/store-postgres.ts'
import { PresenceBoard } from './health/board.ts'
import { createAccess } from './http/access.ts'
import { createHttp } from './http/app.ts'
import { createLiveFeed } from './http/live.ts'
import { createReads } from './http/reads-postgres.ts'
import { serve } from './http/serve.ts'
import { startLanes } from './intake/lanes.ts'
import { LANES } from './intake/limits.ts'
import { type Pipeline, pipeline } from './pipeline.ts'
import { projections } from './projections.ts'
import { PgStore } from './store/pg-store.ts'
import { type Cluster, openCluster } from './store/postgres/supervisor.ts'
import { answers, openQueries } from './store/queries.ts'
import { reproject } from './store/reproject.ts'

const VERSION = '0.1.0'
const WITNESS_EVERY_MS = 5_000

const program = new Command('controller')
  .description(
    'The controller of all halls: takes their logs, keeps the books, shows what happens.',
  )
  .option('--config <file>', 'the configuration, JSON; without it, the defaults')
  .option('--check', 'check the configuration and exit')
  .parse()

const flags = program.opts<{ config?: string; check?: boolean }>()

function defaults(): ControllerConfig {
  const read = readConfig({})
  if (!read.ok) throw new Error('the defaults are a valid configuration')
  return read.config
}

/** Things to undo at the end, last made first. */
type Undo = { what: string; undo: () => Promise<unknown> | unknown }
type Starting = { config: ControllerConfig; logger: Logger; undo: Undo[]; asked: Promise<void> }

const STOPPED = Symbol('stopped')

async function run(config: ControllerConfig): Promise<void> {
  const logger = logTo(config.log_level)
  const undo: Undo[] = []
  const asked = askedToStop()
  try {
    await start({ config, logger, undo, asked })
    await asked
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

async function start({ config, logger, undo, asked }: Starting): Promise<void> {
  const secrets = await loadSecrets(config.data)
  const { url, cluster } = await databaseOf({ config, logger, undo })
  const store = new PgStore({
    url,
    projections,
    witness_path: join(config.data, 'ledger-witness.json'),
    onRestored: (ledger) => logger('warn', 'database.restored', { ledger }),
  })
  undo.push({ what: 'store', undo: () => store[Symbol.asyncDispose]() })
  // Both may take for ever, and whoever asks for the end meanwhile gets it.
  const stopped = asked.then(() => Promise.reject(STOPPED))
  await Promise.race([untilThere(store, logger), stopped])
  await Promise.race([catchUp(store, logger), stopped])

  const writes = openQueries({ url, read_only: false })
  const reading = openQueries({ url, read_only: true, connections_max: 8 })
  undo.push({ what: 'queries', undo: () => Promise.all([writes.destroy(), reading.destroy()]) })
  await prepareEnrolment(writes)
  const live = createLiveFeed()
  const board = new PresenceBoard({
    now_ms: Date.now,
    changed: (hall) => live.publish({ hall, topics: ['presence'] }),
  })
  const enrolStore = createEnrolStore(writes)
  for (const { hall, owner } of await enrolStore.owners()) board.setOwner(hall, owner)
  let mqtt_url = ''
  let expel: (hall: string) => void = () => {}
  const enrolment = createEnrolment({
    store: enrolStore,
    key: secrets.key,
    mqtt_url: () => mqtt_url,
    now_ms: Date.now,
    ownerChanged: (hall, gateway) => {
      board.setOwner(hall, gateway)
      // Whoever was let in with the credential before this one is out.
      expel(hall)
      live.publish({ hall, topics: ['hall'] })
    },
  })

  let broker: Broker | null = null
  const lanes = startLanes({ ledger: store, logger }, { lanes: LANES, url })
  undo.push({ what: 'lanes', undo: () => lanes[Symbol.asyncDispose]() })
  const intake: Pipeline = pipeline({
    bookers: lanes.bookers,
    publish: async (topic, payload) => broker?.publish(topic, payload, {}),
    cloudTime_ms: Date.now,
    pace: realPace,
    random: Math.random,
    logger,
    onPresence: (hall, payload) => board.hear(hall, payload),
    onRefused: (hall) => board.refuse(hall),
    onBooked: (hall, booked) => {
      if (booked > 0) live.publish({ hall, topics: ['log', 'rows'] })
    },
  })
  undo.push({ what: 'intake', undo: () => intake.stop() })
  const opened = await openBroker(config, { enrolment, onMessage: (m) => intake.take(m), logger })
  broker = opened.broker
  mqtt_url = opened.public_url
  expel = opened.expel
  undo.push({ what: 'broker', undo: () => opened.broker.close() })

  const access = createAccess(secrets.admin_token, Date.now)
  const app = createHttp(
    {
      ...{ reads: createReads(reading), enrolment, presence: board, live, access },
      page: await loadPage(),
      projections: projections.map(({ name }) => name),
      reproject: (hall, projection) => reproject(store, hall, projection),
      health: async () => ({ database: await answers(reading) }),
      now_ms: Date.now,
      log: logger,
    },
    {
      version: VERSION,
      insecure: unprotected(config),
      open: config.console === 'open',
      secure_cookie: config.http.tls !== undefined,
    },
  )
  const http = await serve(app, { ...config.http, insecure: config.insecure })
  undo.push({ what: 'http', undo: () => http.close() })
  const witnessing = setInterval(() => {
    store.witness().catch((error: Error) => logger('warn', 'witness', { reason: error.message }))
  }, WITNESS_EVERY_MS)
  undo.push({ what: 'witness', undo: () => clearInterval(witnessing) })
  cluster?.onExit(({ kind, pid }) => logger('warn', `database.${kind}`, { pid }))

  console.log(`mqtt ${mqtt_url}`)
  console.log(`admin token in ${secrets.admin_token_file}`)
  console.log(`log in once ${http.url}/?login=${access.loginCode()}`)
  console.log(`ready ${http.url}`)
}

async function databaseOf({
  config,
  logger,
  undo,
}: Omit<Starting, 'asked'>): Promise<{ url: string; cluster: Cluster | null }> {
  if ('url' in config.database) return { url: config.database.url, cluster: null }
  const cluster = await openCluster({ dataDir: config.data, log: logger })
  undo.push({ what: 'database', undo: () => cluster.stop() })
  logger('info', 'database.running', { adopted: cluster.adopted, pid: cluster.postmasterPid() })
  return { url: cluster.url(), cluster }
}

/** A database that is not there yet is waited for; one that is not safe is refused. */
async function untilThere(store: PgStore, logger: Logger): Promise<void> {
  for (const delay_ms of backOff(Math.random, 200, 5_000)) {
    try {
      return await store.ready()
    } catch (error) {
      if (!isFault(error, 'unavailable')) throw error
      logger('warn', 'database.absent', { detail: error.detail })
      await sleep(realPace, delay_ms, 'database')
    }
  }
}

/** Rows that another version of a projection made are made anew before anything is added to them. */
async function catchUp(store: PgStore, logger: Logger): Promise<void> {
  for (const { hall, projection } of await store.stale()) {
    logger('info', 'reproject', { hall, projection })
    await reproject(store, hall, projection)
  }
}

type BrokerNeeds = { enrolment: Enrolment; onMessage: OnMessage; logger: Logger }

async function openBroker(
  { mqtt, insecure }: ControllerConfig,
  { enrolment, onMessage, logger: log }: BrokerNeeds,
): Promise<{ broker: Broker; public_url: string; expel: (hall: string) => void }> {
  if ('url' in mqtt) {
    const { url, username, password_file, ca_file, public_url = url } = mqtt
    const broker = await openExternalBroker(
      { onMessage, log },
      {
        ...{ url, insecure },
        ...(username === undefined ? {} : { username }),
        ...(password_file === undefined
          ? {}
          : { password: (await readFile(password_file, 'utf8')).trim() }),
        ...(ca_file === undefined ? {} : { ca: await readFile(ca_file, 'utf8') }),
      },
    )
    // Another broker's sessions are its own: its credentials are changed there.
    return { broker, public_url, expel: () => {} }
  }
  const { host, port, tls, public_url } = mqtt
  const pems =
    tls === undefined
      ? {}
      : { tls: { cert: await readFile(tls.cert, 'utf8'), key: await readFile(tls.key, 'utf8') } }
  const broker = await openEmbeddedBroker(
    { authenticate: (user, password) => enrolment.authenticate(user, password), onMessage, log },
    { host, port, insecure, ...pems },
  )
  const scheme = tls === undefined ? 'mqtt' : 'mqtts'
  const expel = (hall: string) => broker.expel(hall)
  return { broker, public_url: public_url ?? `${scheme}://${host}:${broker.port}`, expel }
}

/** What anybody on the network could read: shown red on every page. */
function unprotected(config: ControllerConfig): string[] {
  if (!config.insecure) return []
  const { http, mqtt } = config
  return [
    ...(exposed(http, false) === null ? [] : ['http']),
    ...(exposed(mqtt, false) === null ? [] : ['mqtt']),
  ]
}

const realPace: Pace = {
  now_ms: () => performance.now(),
  after(ms, _what, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
}

function logTo(level: string): Logger {
  const sink = pino({ level }, pino.destination({ dest: 2, sync: true }))
  return (severity, event, fields = {}) => sink[severity]({ event, ...fields })
}

/** Ctrl-C, a polite kill, or the end of the program that started this one. */
function askedToStop(): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['SIGINT', 'SIGTERM', 'disconnect'] as const) {
      process.once(event, () => resolve())
    }
  })
}

// Last, when everything above is defined.
try {
  const config = flags.config === undefined ? defaults() : await loadConfig(flags.config)
  if (flags.check === true) console.log(`${flags.config ?? 'defaults'}: no problems`)
  else await run(config)
} catch (error) {
  const text = isFault(error) ? error.message : fileTrouble(error)
  if (text === null) throw error
  console.error(`controller: ${text}`)
  // At once: the channel to whoever started this program would keep it alive.
  process.exit(isFault(error, 'config_invalid') ? 2 : 1)
}
