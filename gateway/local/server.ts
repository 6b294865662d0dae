/**
 * The local API on a port. Loopback unless configured; outside it only with TLS, or in the open
 * where the configuration says `insecure`. Every time and size a peer can use up is bounded.
 *
 * Faults: `insecure`, `port_in_use`, `config_invalid` for certificates that cannot be used.
 */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer as createHttp, type Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import { type Log, silent } from '#devices/std/log.ts'
import type { LocalConfig } from '../config.ts'
import { isLoopback } from '../loopback.ts'
import { createLocalApi, type LocalApiOptions } from './api.ts'
import type { LocalEnv } from './guard.ts'
import type { Fetch } from './messages.ts'
import type { LocalDeps } from './ports.ts'
import { openSocketGate, type SocketGate, type SocketOptions } from './sockets.ts'

export const CONNECTIONS_MAX = 256
const limits = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 5_000,
  /** For a whole request, body included, to arrive. */
  requestTimeout: 10_000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
}
/** Nothing moved on a connection for so long: longer than the heartbeat of open pages. */
const IDLE_MS = 60_000
const CLOSING_MS = 2_000

export interface LocalServer extends AsyncDisposable {
  /** `http://127.0.0.1:8090`, with the port really taken. */
  readonly url: string
  readonly insecure: boolean
  /** The API as a function, for channels that carry messages. */
  readonly fetch: Fetch
  close(): Promise<void>
}

export type ServeOptions = SocketOptions &
  Pick<LocalApiOptions, 'requests'> & { insecure?: boolean; pace: Pace; log?: Log }

/** Resolves when the port is open. `insecure` is the configuration's own word. */
export async function serveLocalApi(
  deps: LocalDeps,
  config: Pick<LocalConfig, 'host' | 'port' | 'tls'>,
  options: ServeOptions,
): Promise<LocalServer> {
  const { host, tls } = config
  const clear = tls === undefined && !isLoopback(host)
  if (clear && options.insecure !== true) throw new Fault('insecure', `local API on ${host}`)
  const log = options.log ?? silent
  const { pace, requests } = options
  const told_insecure = options.insecure === true
  const api = createLocalApi(deps, {
    ...{ insecure: clear, told_insecure, pace, log },
    ...(requests && { requests }),
  })
  const server = await makeServer(getRequestListener(api.fetch), tls)
  server.maxConnections = CONNECTIONS_MAX
  server.timeout = IDLE_MS
  server.on('clientError', (_error, socket) => socket.destroy())
  const fetch = (request: Request, env: LocalEnv['Bindings']) => api.fetch(request, env)
  const parts = { deps, fetch, pace: options.pace, log, private_link: !clear }
  const gate = openSocketGate(server, parts, options)
  await listen(server, config)
  const { port } = server.address() as AddressInfo
  const named = host.includes(':') ? `[${host}]` : host
  const url = `${tls === undefined ? 'http' : 'https'}://${named}:${port}`
  log(clear ? 'warn' : 'info', 'local.listening', { url, insecure: clear })
  const close = closer({ server, gate }, deps, options.pace)
  return { url, insecure: clear, fetch, close, [Symbol.asyncDispose]: close }
}

async function makeServer(
  listener: ReturnType<typeof getRequestListener>,
  tls: LocalConfig['tls'],
): Promise<Server> {
  const handle = (...args: Parameters<typeof listener>) => void listener(...args)
  if (tls === undefined) return createHttp(limits, handle)
  try {
    const [cert, key] = await Promise.all([readFile(tls.cert_file), readFile(tls.key_file)])
    const handshakeTimeout = limits.headersTimeout
    return createHttps({ ...limits, handshakeTimeout, cert, key, minVersion: 'TLSv1.2' }, handle)
  } catch (error) {
    // Names the file or the reason; never quotes a key.
    const { code = 'unusable' } = error as NodeJS.ErrnoException
    throw new Fault('config_invalid', `local.tls: ${code}`)
  }
}

async function listen(server: Server, { host, port }: { host: string; port: number }) {
  server.listen({ host, port })
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw new Fault('port_in_use', `${host}:${port}`)
    throw new Fault('config_invalid', `local.host: ${code ?? 'cannot listen'}`)
  }
}

/** Lets answers under way go out, ends open pages, then cuts what is left. */
function closer(
  { server, gate }: { server: Server; gate: SocketGate },
  deps: LocalDeps,
  pace: Pace,
): () => Promise<void> {
  let closing: Promise<void> | null = null
  const run = async () => {
    const closed = once(server, 'close')
    server.close()
    await gate.close()
    deps.events.close()
    server.closeIdleConnections()
    const cancel = pace.after(CLOSING_MS, 'close local API', () => server.closeAllConnections())
    await closed
    cancel()
  }
  return () => {
    closing ??= run()
    return closing
  }
}
