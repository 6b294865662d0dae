/**
 * The local API as one web application: what the hall's own pages, pads and clerks' programs talk
 * to. It also works while the cloud is away, since everything it answers is in the hall.
 *
 * Refuses, before a route is asked: no token, a body over 64 KiB, too deep, not UTF-8, not JSON.
 */
import { OpenAPIHono } from '@hono/zod-openapi'
import { secureHeaders } from 'hono/secure-headers'
import type { Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import { type Log, silent } from '#devices/std/log.ts'
import { Allowances, type Rate } from '#devices/std/rate.ts'
import { authenticate, checkBody, type LocalEnv, limitBody, pacedBy } from './guard.ts'
import { addPage, PAGE_PATHS } from './page.ts'
import type { LocalDeps } from './ports.ts'
import { invalidRequest, problem, thrown } from './problem.ts'
import { addCounters } from './routes-counters.ts'
import { addDevices } from './routes-devices.ts'
import { addHall } from './routes-hall.ts'
import { addIdentity } from './routes-identity.ts'
import { addOrders } from './routes-orders.ts'
import { addPins } from './routes-pins.ts'
import { addRecordings } from './routes-recordings.ts'
import { addTickets } from './routes-tickets.ts'
import { addWatch } from './routes-watch.ts'

export type LocalApiOptions = {
  /** Served without TLS outside loopback: no card is shown. */
  insecure: boolean
  /** The configuration allows links in clear, this one or others: every page says so. */
  told_insecure: boolean
  pace: Pace
  log?: Log
  /** How fast one token may ask over HTTP. */
  requests?: Partial<Rate>
}

/** Far above a page, a clerks' program or a kiosk that shows what it is told. */
const REQUESTS: Rate = { burst: 2_000, a_second: 200 }

/** Paths that need no token: the empty page, its parts and the documentation. */
const PUBLIC = new Set([...PAGE_PATHS, '/openapi.json'])
/** What can be answered before the hall is open. */
const EARLY = new Set([...PUBLIC, '/time', '/status', '/devices'])

export function createLocalApi(deps: LocalDeps, options: LocalApiOptions): OpenAPIHono<LocalEnv> {
  const api = new OpenAPIHono<LocalEnv>({
    defaultHook: (result, c) => (result.success ? undefined : invalidRequest(c, result.error)),
  })
  const log = options.log ?? silent
  api.onError((error, c) => thrown(c, error, log))
  api.notFound((c) => problem(c, new Fault('not_found', 'path')))
  const token = authenticate(deps.tokens)
  const paced = pacedBy(new Allowances({ ...REQUESTS, ...options.requests }), options.pace)
  api.use(headers())
  api.use((c, next) => {
    c.header('cache-control', 'no-store')
    return PUBLIC.has(c.req.path) ? next() : token(c, next)
  })
  api.use(paced)
  api.use((c, next) => {
    // "No such counter" would be a lie while the log is still being read.
    if (deps.ready?.() === false && !EARLY.has(c.req.path)) {
      throw new Fault('unavailable', 'the hall is not open yet')
    }
    return next()
  })
  api.use(limitBody, checkBody)
  addPage(api, { insecure: options.told_insecure })
  addTickets(api, deps)
  addCounters(api, deps, { private_link: !options.insecure })
  addOrders(api, deps)
  addPins(api, deps)
  addHall(api, deps)
  addIdentity(api, deps)
  addDevices(api, deps, { insecure: options.told_insecure })
  addRecordings(api, deps)
  addWatch(api, deps, { insecure: options.told_insecure, pace: options.pace })
  addDocumentation(api)
  return api
}

function headers() {
  return secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      connectSrc: ["'self'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
      baseUri: ["'none'"],
    },
    // A promise for years about a name that may be an address in a hall's own net.
    strictTransportSecurity: false,
  })
}

function addDocumentation(api: OpenAPIHono<LocalEnv>): void {
  api.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
  })
  addChannels(api)
  api.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Hallway local API',
      version: '1',
      description: ABOUT,
    },
  })
}

const ABOUT = `Answers say recorded (on the disk of this gateway), booked (the cloud has it) or refused.

Every write carries an Idempotency-Key; a repeat gets the first outcome, over any channel.

The same contract is spoken in messages, over \`GET /ws\` and, where the configuration opens it, over
the gateway's own MQTT broker: a request is \`{id, method, path, key?, body?}\`, key being the
Idempotency-Key, its one answer \`{id, status, body}\`. What the gateway says by itself has a \`type\`:
\`counter\`, \`call\`, \`board\`, \`day\`, \`queue\`, \`card\`, \`held_back\`.

A card is never in a message in clear: a client
sends the public key of its session with hello, P-256 or X25519, and gets a JWE.

MQTT 3.1.1: user name and password are the name and the token; requests go to
\`hw1-local/{name}/request\`, answers come on \`hw1-local/{name}/reply\`, events on \`hw1-hall/{type}\`, the
board retained on \`hw1-hall/board\`.`

/** What never ends has no route of its own, and is a part of the contract all the same. */
function addChannels(api: OpenAPIHono<LocalEnv>): void {
  const security = [{ token: [] }]
  api.openAPIRegistry.registerPath({
    method: 'get',
    path: '/events',
    summary: 'Server-sent events: the counters and the board at first, then what changes',
    security,
    responses: { 200: { description: 'A stream', content: { 'text/event-stream': {} } } },
  })
  api.openAPIRegistry.registerPath({
    method: 'get',
    path: '/ws',
    summary: 'The contract in messages: sub-protocol hallway.v1',
    description:
      'The token comes as sub-protocol token.<token> or in the first message, never in the URL. ' +
      'The first message is {type: "hello", token?, key?}; the gateway answers with its own.',
    responses: { 101: { description: 'Upgraded' } },
  })
}
