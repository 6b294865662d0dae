/**
 * The MQTT 3.1.1 broker inside the controller; halls connect to it. Owns the package aedes.
 *
 * What it refuses: more than a hall may do (see access.ts; a foreign PUBLISH ends the connection,
 * as 3.1.1 has no other way to say no, a foreign SUBSCRIBE gets failure 128, a foreign will is no
 * entry), QoS 2, packets over the limit before they are read, and sessions that outlive their
 * connection: what a hall must hear is retained (`desired`) or said again at its birth.
 * Nothing a hall sends is retained, as only the controller listens and hears all of it.
 *
 * Faults at creation: `insecure`, `port_in_use`, `unavailable`; at publish: `too_large`,
 * `unavailable`.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { Aedes } from 'aedes'
import { isDown, parseTopic } from '#devices/contract/topics.ts'
import { assert } from '#devices/std/assert.ts'
import { Fault } from '#devices/std/fault.ts'
import { type ConnectionLimits, type CutReason, GuardedConnection } from './connection.ts'
import { type EmbeddedNeeds, Halls, type SessionLimits } from './hall-sessions.ts'
import { isLoopback } from './loopback.ts'
import type { Broker, BrokerCounters } from './port.ts'
import { retainByTopic } from './retained.ts'

export type { EmbeddedNeeds } from './hall-sessions.ts'

export type EmbeddedLimits = ConnectionLimits &
  SessionLimits & {
    /** Halls and everybody else, at once. */
    connections: number
    /** From the connection to the CONNACK, after the TLS handshake, which has as long again. */
    admission_ms: number
  }

export const embedded_limits: EmbeddedLimits = {
  connections: 4_096,
  packet_bytes: 2 * 1024 * 1024,
  first_bytes: 128 * 1024,
  unread_bytes: 8 * 1024 * 1024,
  admission_ms: 20_000,
  client_id_chars: 128,
  subscriptions: 16,
  hall_connections: 8,
  // A gateway has a few messages in flight: a batch, a birth, telemetry.
  hall_rate: { burst: 1_000, messages_a_second: 500 },
}

export type EmbeddedOptions = {
  host: string
  /** 0 takes a free one; see {@link EmbeddedBroker.port}. */
  port: number
  tls?: Pick<TlsOptions, 'key' | 'cert' | 'ca'>
  /** Allows a host outside loopback without TLS. */
  insecure?: boolean
  limits?: Partial<EmbeddedLimits>
}

export interface EmbeddedBroker extends Broker {
  readonly port: number
  /** Ends a hall's connections: whoever holds an older credential is not let in again. */
  expel(hall: string): void
}

/** Resolves when it listens. */
export async function openEmbeddedBroker(
  needs: EmbeddedNeeds,
  options: EmbeddedOptions,
): Promise<EmbeddedBroker> {
  if (!options.tls && !options.insecure && !isLoopback(options.host)) {
    throw new Fault('insecure', `MQTT at ${options.host}`)
  }
  const limits = { ...embedded_limits, ...options.limits }
  const halls = new Halls(needs, limits)
  const aedes = await Aedes.createBroker({
    // Ours covers all of the way in; theirs ends with the first packet.
    connectTimeout: limits.admission_ms * 2,
    maxClientsIdLength: limits.client_id_chars * 2,
    preConnect: (client, packet, done) => halls.preConnect(client, packet, done),
    authenticate: (client, user, password, done) =>
      halls.authenticate(client, { user, password }, done),
    authorizePublish: (client, packet, done) => halls.authorizePublish(client, packet, done),
    authorizeSubscribe: (client, sub, done) =>
      done(null, halls.refuseSubscribe(client, sub) ? null : sub),
    published: (packet, client, done) => {
      if (client) halls.take(client, packet)
      done(null)
    },
  })
  retainByTopic(aedes)
  const server = options.tls
    ? createTlsServer({ ...options.tls, handshakeTimeout: limits.admission_ms })
    : createServer()
  server.maxConnections = limits.connections
  const broker = new Embedded({ aedes, server, halls, secure: options.tls !== undefined }, limits)
  try {
    await listen(server, options)
  } catch (error) {
    await broker.close()
    throw error
  }
  needs.log('info', 'broker_listening', { host: options.host, port: broker.port })
  return broker
}

function listen(server: Server, { host, port }: EmbeddedOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const code = error.code === 'EADDRINUSE' ? 'port_in_use' : 'unavailable'
      reject(new Fault(code, `MQTT at ${host}:${port} (${error.code})`))
    })
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.removeAllListeners('error')
      server.on('error', () => {})
      resolve()
    })
  })
}

type Parts = { aedes: Aedes; server: Server; halls: Halls; secure: boolean }

class Embedded implements EmbeddedBroker {
  readonly #aedes: Aedes
  readonly #server: Server
  readonly #halls: Halls
  readonly #limits: EmbeddedLimits
  readonly #sockets = new Set<Socket>()
  readonly #waiting = new WeakMap<object, NodeJS.Timeout>()
  #closing: Promise<void> | undefined

  constructor({ aedes, server, halls, secure }: Parts, limits: EmbeddedLimits) {
    this.#aedes = aedes
    this.#server = server
    this.#halls = halls
    this.#limits = limits
    aedes.on('clientError', () => halls.count('broken'))
    aedes.on('connectionError', () => halls.count('broken'))
    aedes.on('clientReady', (client) => this.#stopWaiting(client.conn))
    server.on('drop', () => halls.count('refused_connection', { reason: 'too many' }))
    server.on('tlsClientError', (_error: Error, socket: Socket) => {
      halls.count('broken', { reason: 'tls' })
      // Nobody else closes what never ended its handshake.
      socket.destroy()
    })
    server.on('connection', (socket: Socket) => this.#track(socket))
    server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => this.#welcome(socket))
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** The caller spells topics by the contract and never sends upwards: anything else is a bug. */
  async publish(
    topic: string,
    payload: Uint8Array | string,
    options: { retain?: boolean },
  ): Promise<void> {
    assert(isDown(parseTopic(topic)?.name ?? null), 'the controller sends down to halls')
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload)
    if (bytes.length > this.#limits.packet_bytes) throw new Fault('too_large', topic)
    if (this.#closing) throw new Fault('unavailable', 'the broker is closing')
    const retain = options.retain ?? false
    await new Promise<void>((resolve, reject) => {
      const packet = { cmd: 'publish', topic, payload: bytes, qos: 1, retain, dup: false } as const
      this.#aedes.publish(packet, (error) => (error ? reject(error) : resolve()))
    })
  }

  expel(hall: string): void {
    this.#halls.expel(hall)
  }

  counters(): BrokerCounters {
    return { ...this.#halls.counters, connected: this.#aedes.connectedClients }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#halls.closing = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    await new Promise<void>((resolve) => this.#aedes.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    socket.setNoDelay(true)
    // Clients may ask for no MQTT keep-alive at all; a hall whose line went dead is noticed anyway.
    socket.setKeepAlive(true, 60_000)
  }

  #welcome(socket: Socket): void {
    const connection = new GuardedConnection(socket, this.#limits, (reason) => this.#cut(reason))
    const timer = setTimeout(() => {
      this.#halls.count('refused_connection', { reason: 'slow to enter' })
      connection.destroy()
    }, this.#limits.admission_ms)
    this.#waiting.set(connection, timer)
    connection.once('close', () => clearTimeout(timer))
    this.#aedes.handle(connection)
  }

  #stopWaiting(connection: object): void {
    clearTimeout(this.#waiting.get(connection))
  }

  #cut(reason: CutReason): void {
    const what = { oversized: 'oversized', malformed: 'broken', slow: 'cut_slow' } as const
    this.#halls.count(what[reason])
  }
}
