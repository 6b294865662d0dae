/**
 * The local API over the gateway's own MQTT 3.1.1 broker, for kiosks and screens whose software
 * speaks that and nothing else. Owns the package aedes in the gateway; loaded only where the
 * configuration asks for it, as it costs memory that a small gateway may not have.
 *
 * A client's user name is the name of its token, its password the token. Topics and who may use
 * them: topics.ts. A request is what it is over WebSocket, and runs through the same routes.
 *
 * Refuses: other topics (a foreign PUBLISH ends the connection, as 3.1.1 has no other way to say no;
 * a foreign SUBSCRIBE gets failure 128), wills, QoS 2, retained messages of clients, sessions that
 * outlive a connection, packets over the limit before they are read, more connections than the
 * limits, clients that do not read. Faults: `insecure`, `port_in_use`, `unavailable`.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { Aedes, type Client, type PublishPacket, type Subscription } from 'aedes'
import type { Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import { boardOf } from '../local/board.ts'
import type { EventClient, HallEvent } from '../local/events.ts'
import {
  type Fetch,
  MESSAGE_BYTES_MAX,
  MessageDesk,
  type MessageLimits,
  readMessage,
  refusal,
} from '../local/messages.ts'
import type { LocalDeps } from '../local/ports.ts'
import type { Caller } from '../local/tokens.ts'
import { isLoopback } from '../loopback.ts'
import { type CutReason, KioskConnection } from './connection.ts'
import { hallTopic, mayPublish, maySubscribe, replyTopic } from './topics.ts'

export const broker_limits = {
  /** Of all clients, those included who have not said who they are. */
  connections: 64,
  /** Of one token; the oldest gives way, as it is the one most likely dead. */
  connections_of_caller: 4,
  subscriptions: 16,
  /** A request, and the topic it stands under. */
  packet_bytes: MESSAGE_BYTES_MAX + 256,
  unread_bytes: 1024 * 1024,
  /** From the connection to the CONNACK. */
  admission_ms: 5_000,
}
export type BrokerLimits = typeof broker_limits

export type BrokerParts = {
  deps: Pick<LocalDeps, 'ready' | 'tokens' | 'hall' | 'events' | 'identity' | 'channels'>
  fetch: Fetch
  pace: Pace
  log: Log
}

export type BrokerOptions = {
  host: string
  /** 0 takes a free one. */
  port: number
  tls?: Pick<TlsOptions, 'key' | 'cert'>
  insecure?: boolean
  limits?: Partial<BrokerLimits>
  messages?: Partial<MessageLimits>
}

export interface LocalBroker extends AsyncDisposable {
  /** `mqtt://127.0.0.1:1883`, with the port really taken. */
  readonly url: string
  readonly connected: number
  readonly refused: Readonly<Record<RefusedWhat, number>>
  close(): Promise<void>
}
export type RefusedWhat = 'credential' | 'topic' | 'connection' | CutReason

type Known = { caller: Caller; desk: MessageDesk }
/** CONNACK return codes, MQTT 3.1.1 table 3.1. */
const return_code = { unavailable: 3, bad_credential: 4 } as const

/** Resolves when it listens; says the board before anybody can ask for it. */
export async function openLocalBroker(
  parts: BrokerParts,
  options: BrokerOptions,
): Promise<LocalBroker> {
  const { host, tls, insecure = false } = options
  if (tls === undefined && !insecure && !isLoopback(host)) {
    throw new Fault('insecure', `local MQTT at ${host}`)
  }
  const broker = new Broker(parts, options)
  try {
    await broker.open()
  } catch (error) {
    await broker.close()
    throw error
  }
  parts.deps.channels?.set('mqtt', () => ({ open: broker.connected, ...broker.refused }))
  parts.log('info', 'local_mqtt.listening', { url: broker.url })
  return broker
}

class Broker implements LocalBroker {
  readonly refused: Record<RefusedWhat, number> = {
    credential: 0,
    topic: 0,
    connection: 0,
    too_large: 0,
    malformed: 0,
    slow: 0,
  }
  readonly #parts: BrokerParts
  readonly #options: BrokerOptions
  readonly #limits: BrokerLimits
  readonly #private: boolean
  readonly #sockets = new Set<Socket>()
  readonly #known = new Map<Client, Known>()
  #aedes: Aedes | null = null
  #server: Server | null = null
  #events: EventClient | null = null
  #boardSaid = ''
  #closing: Promise<void> | null = null

  constructor(parts: BrokerParts, options: BrokerOptions) {
    this.#parts = parts
    this.#options = options
    this.#limits = { ...broker_limits, ...options.limits }
    this.#private = options.tls !== undefined || isLoopback(options.host)
  }

  get url(): string {
    const { host, tls } = this.#options
    const address = this.#server?.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    return `${tls === undefined ? 'mqtt' : 'mqtts'}://${host.includes(':') ? `[${host}]` : host}:${port}`
  }

  get connected(): number {
    return this.#known.size
  }

  async open(): Promise<void> {
    const aedes = await Aedes.createBroker({
      connectTimeout: this.#limits.admission_ms,
      maxClientsIdLength: 256,
      preConnect: (client, packet, done) => this.#preConnect(client, packet, done),
      authenticate: (client, user, password, done) => {
        const refused = this.#enter(client, user ?? '', Buffer.from(password ?? '').toString())
        done(refused === null ? null : refusalOf(refused), refused === null)
      },
      authorizePublish: (client, packet, done) => done(this.#refusePublish(client, packet)),
      authorizeSubscribe: (client, sub, done) =>
        done(null, this.#refuseSubscribe(client, sub) ? null : sub),
      published: (packet, client, done) => {
        if (client) void this.#take(client, packet)
        done(null)
      },
    })
    this.#aedes = aedes
    aedes.on('clientDisconnect', (client) => this.#known.delete(client))
    aedes.on('clientError', (client) => this.#known.delete(client))
    this.#sayBoard()
    await this.#listen()
    void this.#follow()
  }

  async #listen(): Promise<void> {
    const { tls, host, port } = this.#options
    // Who never ends a handshake holds one of few connections no longer than who says nothing.
    const handshakeTimeout = this.#limits.admission_ms
    const server =
      tls === undefined ? createServer() : createTlsServer({ ...tls, handshakeTimeout })
    this.#server = server
    server.maxConnections = this.#limits.connections
    server.on('drop', () => this.#refuse('connection'))
    // Nobody else closes what did not become a TLS connection.
    server.on('tlsClientError', (_error: Error, socket: Socket) => {
      this.#refuse('connection')
      socket.destroy()
    })
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
      socket.setNoDelay(true)
      socket.setKeepAlive(true, 60_000)
    })
    server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      const connection = new KioskConnection(socket, this.#limits, (why) => this.#refuse(why))
      this.#aedes?.handle(connection)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', ({ code }: NodeJS.ErrnoException) => {
        const fault = code === 'EADDRINUSE' ? 'port_in_use' : 'unavailable'
        reject(new Fault(fault, `local MQTT at ${host}:${port}`))
      })
      server.listen({ host, port }, () => {
        server.removeAllListeners('error').on('error', () => {})
        resolve()
      })
    })
  }

  #preConnect(
    _client: Client,
    packet: Parameters<Aedes['preConnect']>[1],
    done: Parameters<Aedes['preConnect']>[2],
  ): void {
    const given = packet as typeof packet & { username?: string; will?: object }
    const refused = !given.username || given.will !== undefined || given.clientId.length > 128
    if (refused) {
      this.#refuse('connection')
      done(new Error('no user name, a will, or a client id that is too long'), false)
      return
    }
    // Known only below its user name, so that no client can take over another's connection.
    if (given.clientId !== '') given.clientId = `${given.username}/${given.clientId}`
    given.clean = true
    done(null, true)
  }

  /** The CONNACK code of a refusal, or null: then the client is let in. */
  #enter(client: Client, user: string, password: string): number | null {
    const { deps, fetch, pace } = this.#parts
    if (deps.ready?.() === false || this.#closing !== null) return return_code.unavailable
    const caller = deps.tokens.find(password)
    if (caller === null || caller.name !== user) {
      this.#refuse('credential')
      return return_code.bad_credential
    }
    const who = { caller, key: null, private_link: this.#private }
    const desk = new MessageDesk({ fetch, pace }, who, this.#options.messages)
    this.#known.set(client, { caller, desk })
    // A hall that was read from disk has told nobody of itself yet.
    this.#sayBoard()
    client.conn.once('close', () => this.#known.delete(client))
    const own = [...this.#known].filter(([, known]) => known.caller.name === user)
    if (own.length > this.#limits.connections_of_caller) {
      this.#refuse('connection')
      own[0]![0].conn.destroy()
    }
    return null
  }

  #refusePublish(client: Client | null, packet: PublishPacket): Error | null {
    const known = client === null ? undefined : this.#known.get(client)
    if (known !== undefined && mayPublish(known.caller.name, packet.topic) && packet.qos < 2) {
      packet.retain = false
      return null
    }
    this.#refuse('topic')
    return new Error('topic refused')
  }

  #refuseSubscribe(client: Client, { topic }: Subscription): boolean {
    const known = this.#known.get(client)
    const held = Object.keys((client as unknown as { subscriptions: object }).subscriptions)
    const may = known !== undefined && maySubscribe(known.caller.name, topic)
    if (may && held.length < this.#limits.subscriptions) return false
    this.#refuse('topic')
    return true
  }

  async #take(client: Client, packet: { payload: string | Buffer }): Promise<void> {
    const known = this.#known.get(client)
    if (known === undefined) return
    const { desk, caller } = known
    const reply = await this.#answer(known, packet.payload)
    this.#publish(replyTopic(caller.name), reply, false)
    if (desk.reckless) client.conn.destroy()
  }

  #answer({ desk, caller }: Known, payload: string | Buffer): Promise<string> | string {
    const read = readMessage(payload.toString())
    if (read.what === 'refused') return read.reply
    if (read.what === 'request') return desk.answer(read.request)
    const { key, token } = read.hello
    // Who somebody is was settled when it connected.
    if (token !== undefined) return refusal(null, new Fault('invalid', 'hello: token'))
    if (key !== undefined) desk.useKey(key)
    const session_key = this.#parts.deps.identity?.public_key ?? null
    const { name, role, counter } = caller
    return JSON.stringify({ type: 'hello', caller: { name, role, counter }, session_key })
  }

  /** Events go on as they come; if this fell behind, the board tells all of it. */
  async #follow(): Promise<void> {
    const { events } = this.#parts.deps
    while (this.#closing === null) {
      const client = events.connect('local mqtt broker', () => {})
      if (client === null) return
      this.#events = client
      for (let next = await client.next(); next !== null; next = await client.next()) {
        for (const event of next) this.#tell(event)
      }
      this.#sayBoard()
    }
  }

  #tell(event: HallEvent): void {
    if (event.type === 'board') this.#sayBoard()
    else this.#say(event.type, event)
  }

  /** As it is now, unless that was said. */
  #sayBoard(): void {
    const text = JSON.stringify(boardOf(this.#parts.deps.hall))
    if (text === this.#boardSaid) return
    this.#boardSaid = text
    this.#publish(hallTopic('board'), text, true)
  }

  #say(name: Parameters<typeof hallTopic>[0], value: unknown): void {
    this.#publish(hallTopic(name), JSON.stringify(value), false)
  }

  #publish(topic: string, text: string, retain: boolean): void {
    const payload = Buffer.from(text)
    const packet = { cmd: 'publish', topic, payload, qos: 1, retain, dup: false } as const
    this.#aedes?.publish(packet, () => {})
  }

  #refuse(what: RefusedWhat): void {
    this.refused[what] += 1
    this.#parts.log('debug', 'local_mqtt.refused', { what })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#events?.close()
    const server = this.#server
    const closed = new Promise<void>((resolve) =>
      server?.listening ? server.close(() => resolve()) : resolve(),
    )
    await new Promise<void>((resolve) =>
      this.#aedes === null ? resolve() : this.#aedes.close(() => resolve()),
    )
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function refusalOf(returnCode: number): Error & { returnCode: number } {
  return Object.assign(new Error('refused'), { returnCode })
}
