/**
 * The HTTP listener. Refuses to bind outside loopback without TLS unless told that this is known.
 * Raises `insecure`, `port_in_use`, `not_found` for a certificate that is not there.
 */
import { readFile } from 'node:fs/promises'
import { createServer as createPlainServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Fault } from '#devices/std/fault.ts'
import { exposed, type Tls } from '../config.ts'

export type ServeOptions = {
  host: string
  /** 0 takes any free port. */
  port: number
  tls?: Tls | undefined
  insecure: boolean
  /** Longest time in ms in which nothing moves on a connection. */
  idle_ms?: number
}

export type Listening = { url: string; port: number; close(): Promise<void> }

/** Bounds of a connection: headers must come within 10 s, a request within a minute. */
const HEADERS_MS = 10_000
const REQUEST_MS = 60_000
const CONNECTIONS_MAX = 2_000
/** Whoever asks and does not read is cut off; longer than the heartbeat of live streams. */
const IDLE_MS = 60_000

type App = { fetch: (request: Request, env: never) => Response | Promise<Response> }

export async function serve(app: App, options: ServeOptions): Promise<Listening> {
  const problem = exposed(options, options.insecure)
  if (problem !== null) throw new Fault('insecure', `http: ${problem}`)
  const server = await makeServer(app, options.tls)
  server.maxConnections = CONNECTIONS_MAX
  server.timeout = options.idle_ms ?? IDLE_MS
  await listen(server, options)
  const { port } = server.address() as AddressInfo
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  const url = `${options.tls === undefined ? 'http' : 'https'}://${host}:${port}`
  return { url, port, close: () => close(server) }
}

async function makeServer(app: App, tls: Tls | undefined): Promise<Server> {
  const limits = { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS }
  const fetch = app.fetch as (request: Request) => Promise<Response>
  if (tls === undefined) {
    const made = createAdaptorServer({
      fetch,
      createServer: createPlainServer,
      serverOptions: limits,
    })
    return made as Server
  }
  const [cert, key] = await Promise.all([pem(tls.cert), pem(tls.key)])
  const serverOptions = { ...limits, cert, key }
  return createAdaptorServer({ fetch, createServer: createTlsServer, serverOptions }) as Server
}

async function pem(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause) => {
    throw new Fault('not_found', path, { cause })
  })
}

function listen(server: Server, { host, port }: ServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const busy = cause.code === 'EADDRINUSE' || cause.code === 'EACCES'
      reject(busy ? new Fault('port_in_use', `http ${host}:${port}`, { cause }) : cause)
    })
    server.listen(port, host, resolve)
  })
}

/** Live streams never end by themselves, so open connections are cut. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
