/**
 * `GET /ws` upgraded: the local API in messages, and the events of the hall, over one WebSocket.
 * Owns the package ws on the server's side.
 *
 * The sub-protocol is `hallway.v1`. A token comes beside it as sub-protocol `token.<token>`, or in
 * the client's first message; never in the URL, which ends up in logs. The first message is `hello`
 * in both cases; the gateway answers with its own, then tells events as they come.
 *
 * Refuses: a query, another sub-protocol, a wrong token, too many who have not said hello, text over
 * the limit, binary messages, clients that do not read, do not answer a ping, or never mind a
 * refusal. Nobody waits for any of them.
 */
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Cancel, Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import { PacedLines } from '../paced-lines.ts'
import { boardOf } from './board.ts'
import type { EventClient } from './events.ts'
import {
  type Fetch,
  type Hello,
  MESSAGE_BYTES_MAX,
  MessageDesk,
  type MessageLimits,
  readMessage,
  refusal,
} from './messages.ts'
import type { LocalDeps } from './ports.ts'
import type { Caller } from './tokens.ts'

export const PROTOCOL = 'hallway.v1'
const TOKEN_PREFIX = 'token.'

export const socket_limits = {
  /** From the upgrade to the hello. */
  hello_ms: 5_000,
  /** Who has not said hello yet, at once. */
  strangers: 32,
  /** Between pings; who has not answered one when the next is due is gone. */
  ping_ms: 15_000,
  /** Sent and not yet read by the client, in bytes. */
  unread_bytes: 1024 * 1024,
  /** From the word that the gateway goes to the cut. */
  closing_ms: 1_000,
}
export type SocketLimits = typeof socket_limits

/** WebSocket close codes, RFC 6455 section 7.4.1 and the IANA registry. */
const code = { going_away: 1001, no_text: 1003, policy: 1008, later: 1013 } as const

export type SocketParts = {
  deps: LocalDeps
  fetch: Fetch
  pace: Pace
  log: Log
  /** Loopback or TLS. */
  private_link: boolean
}

export type SocketOptions = { sockets?: Partial<SocketLimits>; messages?: Partial<MessageLimits> }

export interface SocketGate {
  /** `open`: sockets, those without hello included; the others since the start. */
  readonly counts: Readonly<Record<'open' | 'opened' | 'refused' | 'cut_off', number>>
  close(): Promise<void>
}

/** Takes the upgrades of a server. */
export function openSocketGate(
  server: Server,
  parts: SocketParts,
  options: SocketOptions = {},
): SocketGate {
  const gate = new Gate(parts, options)
  parts.deps.channels?.set('sockets', () => gate.counts)
  server.on('upgrade', (request, socket, head) => gate.upgrade(request, socket, head))
  return gate
}

class Gate implements SocketGate {
  readonly parts: SocketParts
  readonly limits: SocketLimits
  readonly messages: Partial<MessageLimits>
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    clientTracking: false,
    // Never the token: the answer's header may be logged by whoever stands between.
    handleProtocols: () => PROTOCOL,
  })
  readonly #clients = new Set<Client>()
  readonly #counts = { opened: 0, refused: 0, cut_off: 0 }
  readonly #lines: PacedLines
  #closing = false

  constructor(parts: SocketParts, { sockets, messages }: SocketOptions) {
    this.parts = parts
    this.#lines = new PacedLines(parts)
    this.limits = { ...socket_limits, ...sockets }
    this.messages = messages ?? {}
  }

  get counts() {
    return { open: this.#clients.size, ...this.#counts }
  }

  /** A client was ended by this side. */
  cutOff(): void {
    this.#counts.cut_off += 1
  }

  /** Told by caller, strangers together: whoever is cut off again and again hides nobody else. */
  ended(caller: string | null, reason: string): void {
    this.#lines.say('info', 'socket.ended', { caller, reason }, caller ?? '')
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {})
    const entry = this.#entry(request)
    if (entry instanceof Fault) {
      this.#counts.refused += 1
      refuseUpgrade(socket, entry)
      return
    }
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      const client = new Client(ws, this, entry.caller)
      this.#counts.opened += 1
      this.#clients.add(client)
      ws.once('close', () => this.#clients.delete(client))
    })
  }

  #entry({ url, headers }: IncomingMessage): Fault | { caller: Caller | null } {
    const { deps } = this.parts
    if (url !== '/ws') return new Fault('not_found', 'WebSocket is at /ws, without a query')
    if (this.#closing || deps.ready?.() === false) return new Fault('unavailable', 'not open')
    const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim())
    if (!offered.includes(PROTOCOL)) return new Fault('unknown_version', `not ${PROTOCOL}`)
    const token = offered.find((one) => one.startsWith(TOKEN_PREFIX))
    const caller = token === undefined ? null : deps.tokens.find(token.slice(TOKEN_PREFIX.length))
    if (token !== undefined && caller === null) return new Fault('unauthorised')
    const strangers = [...this.#clients].filter((client) => !client.known).length
    if (strangers >= this.limits.strangers) return new Fault('overloaded', 'too many strangers')
    return { caller }
  }

  async close(): Promise<void> {
    this.#closing = true
    await Promise.all([...this.#clients].map((client) => client.goAway()))
    this.#lines.end()
  }
}

/** One socket, from the upgrade to its end. */
class Client {
  readonly #ws: WebSocket
  readonly #gate: Gate
  #caller: Caller | null
  #desk: MessageDesk | null = null
  #events: EventClient | null = null
  #answered = true
  #timer: Cancel

  constructor(ws: WebSocket, gate: Gate, caller: Caller | null) {
    this.#ws = ws
    this.#gate = gate
    this.#caller = caller
    const { pace } = gate.parts
    this.#timer = pace.after(gate.limits.hello_ms, 'hello', () => this.#end(code.policy, 'hello'))
    ws.on('message', (data: Buffer, binary) => {
      if (binary) this.#end(code.no_text, 'text only')
      else void this.#take(data.toString('utf8'))
    })
    ws.on('pong', () => {
      this.#answered = true
    })
    ws.on('error', () => this.#cut())
    ws.once('close', () => this.#gone())
  }

  get known(): boolean {
    return this.#desk !== null
  }

  async #take(text: string): Promise<void> {
    const read = readMessage(text)
    if (read.what === 'hello') this.#greet(read.hello)
    else if (this.#desk === null) this.#end(code.policy, 'hello first')
    else if (read.what === 'refused') this.#send(read.reply)
    else {
      this.#send(await this.#desk.answer(read.request))
      if (this.#desk.reckless) this.#end(code.policy, 'too many requests')
    }
  }

  #greet({ token, key }: Hello): void {
    if (this.#desk !== null) {
      // Later hellos bring a new key; who somebody is never changes.
      if (key !== undefined && token === undefined) this.#desk.useKey(key)
      else this.#end(code.policy, 'hello')
      return
    }
    const { deps, fetch, pace, private_link } = this.#gate.parts
    const caller = token === undefined ? this.#caller : deps.tokens.find(token)
    const other = this.#caller !== null && caller?.name !== this.#caller.name
    if (caller === null || other) {
      this.#send(refusal(null, new Fault('unauthorised')))
      this.#end(code.policy, 'unauthorised')
      return
    }
    const events = deps.events.connect(caller.name, () => this.#cut())
    if (events === null) {
      this.#send(refusal(null, new Fault('overloaded', 'too many pages open')))
      this.#end(code.later, 'overloaded')
      return
    }
    const who = { caller, key: key ?? null, private_link }
    this.#desk = new MessageDesk({ fetch, pace }, who, this.#gate.messages)
    this.#events = events
    this.#send(helloOf(deps, caller))
    this.#beat()
    void this.#follow(events)
  }

  async #follow(client: EventClient): Promise<void> {
    for (let events = await client.next(); events !== null; events = await client.next()) {
      for (const event of events) this.#send(JSON.stringify(event))
    }
  }

  #beat(): void {
    const { pace } = this.#gate.parts
    this.#timer()
    this.#timer = pace.after(this.#gate.limits.ping_ms, 'ping', () => {
      if (!this.#answered) {
        this.#cut()
        return
      }
      this.#answered = false
      this.#ws.ping()
      this.#beat()
    })
  }

  #send(text: string): void {
    const ws = this.#ws
    if (ws.readyState !== ws.OPEN) return
    ws.send(text)
    if (ws.bufferedAmount > this.#gate.limits.unread_bytes) this.#cut()
  }

  /** At once, without a word: there is nobody who would hear it. */
  #cut(): void {
    if (this.#ws.readyState === this.#ws.CLOSED) return
    this.#gate.cutOff()
    this.#ws.terminate()
  }

  #end(closeCode: number, reason: string): void {
    const { pace } = this.#gate.parts
    if (this.#ws.readyState !== this.#ws.OPEN) return
    if (closeCode !== code.going_away) this.#gate.cutOff()
    this.#gate.ended(this.#caller?.name ?? null, reason)
    this.#ws.close(closeCode, reason)
    this.#timer()
    this.#timer = pace.after(this.#gate.limits.closing_ms, 'close', () => this.#ws.terminate())
  }

  #gone(): void {
    this.#timer()
    this.#events?.close()
  }

  goAway(): Promise<void> {
    if (this.#ws.readyState === this.#ws.CLOSED) return Promise.resolve()
    return new Promise((resolve) => {
      this.#ws.once('close', () => resolve())
      this.#end(code.going_away, 'the gateway stops')
    })
  }
}

function helloOf(deps: LocalDeps, { name, role, counter }: Caller): string {
  return JSON.stringify({
    type: 'hello',
    caller: { name, role, counter },
    counters: deps.hall.counters(),
    board: boardOf(deps.hall),
    session_key: deps.identity?.public_key ?? null,
  })
}

function refuseUpgrade(socket: Duplex, fault: Fault): void {
  const body = JSON.stringify({ code: fault.code, detail: fault.detail })
  socket.end(
    `HTTP/1.1 ${fault.http} Refused\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}
