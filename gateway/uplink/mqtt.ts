/**
 * The gateway's end of MQTT 3.1.1, over mqtt.js: one connection at a time, a new session for each.
 *
 * Every connection sets a will that says death for its own session, subscribes, and only then is
 * ready; the birth is the caller's first message. Nothing is queued here: a message is refused
 * while the link is down and fails when the link drops before the broker's acknowledgement, since
 * the hall log is the queue. Reconnecting is this file's loop, mqtt.js's own is off.
 *
 * Faults: `insecure` for a clear link outside loopback; from publish `unavailable`, `overloaded`,
 * `timed_out`, `too_large`.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type IClientOptions, MqttClient } from 'mqtt'
import { BATCH_WIRE_BYTES_MAX, MESSAGE_BYTES_MAX } from '#devices/contract/limits.ts'
import { DOWN, topic } from '#devices/contract/topics.ts'
import type { Cancel, Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import { type Log, silent } from '#devices/std/log.ts'
import type { Random } from '#devices/std/random.ts'
import { isLoopback } from '../loopback.ts'
import type { Uplink } from '../ports.ts'
import { lengthGuard } from './length-guard.ts'

export type MqttDeps = {
  pace: Pace
  random: Random
  /** A new session name: 16 to 32 hex digits, never the same twice. */
  session: () => string
  log?: Log
}

export type MqttOptions = {
  /** `mqtt://host:port` or `mqtts://host:port`. */
  url: string
  hall: string
  username: string
  password: string
  /** PEM texts: certificates to trust instead of the machine's own; a certificate of ours. */
  tls?: { ca?: string; cert?: string; key?: string }
  /** Allows `mqtt://` outside loopback. */
  insecure?: boolean
  keepalive_s?: number
  connect_timeout_ms?: number
  /** How long a broker may take to acknowledge a message before the link is given up. */
  ack_timeout_ms?: number
  in_flight_max?: number
  /** The first wait before another try, and the longest ever. */
  retry_first_ms?: number
  retry_most_ms?: number
}

export type LinkState = {
  state: 'connecting' | 'up' | 'waiting' | 'closed'
  /** Why it is not up: a short text of the socket or the broker; empty while it is. */
  reason: string
  /** Connections tried since the start. */
  attempts: number
  /** Messages from the broker that were too large or that a reader failed on. */
  refused_messages: number
}

export interface MqttUplink extends Uplink {
  /** Session of the present or next connection: what birth and will carry. */
  readonly session: string
  readonly link: LinkState
  /** Called at every change of {@link link}. */
  onLink(run: (link: LinkState) => void): void
}

/** A packet that announces more cuts the link; below it a large message is only refused. */
const PACKET_BYTES_MAX = BATCH_WIRE_BYTES_MAX
/** A link that stayed up this long starts the back-off from the beginning. */
const STABLE_MS = 10_000
const FAREWELL_MS = 1_000

/** Starts connecting at once. Register `onReady` and `onMessage` before the next turn. */
export function openMqttUplink(deps: MqttDeps, options: MqttOptions): MqttUplink {
  const url = new URL(options.url)
  if (!['mqtt:', 'mqtts:'].includes(url.protocol)) throw new Fault('invalid', 'broker URL')
  if (url.protocol === 'mqtt:' && !isLoopback(url.hostname) && options.insecure !== true) {
    throw new Fault('insecure', url.host)
  }
  return new Reconnecting(deps, { ...defaults, ...options, at: url })
}

const defaults = {
  keepalive_s: 30,
  connect_timeout_ms: 10_000,
  ack_timeout_ms: 30_000,
  in_flight_max: 16,
  retry_first_ms: 500,
  retry_most_ms: 10_000,
}
type Settings = MqttOptions & typeof defaults & { at: URL }

class Reconnecting implements MqttUplink {
  readonly #deps: MqttDeps
  readonly #settings: Settings
  readonly #log: Log
  readonly #ready: (() => void)[] = []
  readonly #lost: (() => void)[] = []
  readonly #readers: ((topic: string, payload: Uint8Array) => void)[] = []
  readonly #watchers: ((link: LinkState) => void)[] = []
  readonly #stopped: Promise<void>
  #link: LinkState = { state: 'connecting', reason: '', attempts: 0, refused_messages: 0 }
  #session: string
  #connection: Connection | null = null
  #closing = false
  #wake: () => void = () => {}

  constructor(deps: MqttDeps, settings: Settings) {
    this.#deps = deps
    this.#settings = settings
    this.#log = deps.log ?? silent
    this.#session = deps.session()
    this.#stopped = this.#run()
  }

  get session(): string {
    return this.#session
  }

  get link(): LinkState {
    return this.#link
  }

  get connected(): boolean {
    return this.#link.state === 'up' && this.#connection?.over === false
  }

  onReady(run: () => void): void {
    this.#ready.push(run)
  }

  onLost(run: () => void): void {
    this.#lost.push(run)
  }

  onMessage(run: (topic: string, payload: Uint8Array) => void): void {
    this.#readers.push(run)
  }

  onLink(run: (link: LinkState) => void): void {
    this.#watchers.push(run)
  }

  async publish(topic: string, payload: Uint8Array, options?: { retain?: boolean }): Promise<void> {
    if (payload.length > BATCH_WIRE_BYTES_MAX) throw new Fault('too_large', topic)
    if (this.#connection === null || !this.connected) throw new Fault('unavailable', 'no link')
    await this.#connection.publish(topic, payload, options?.retain ?? false)
  }

  /** Says death, then disconnects. Resolves when no socket is left. */
  async close(): Promise<void> {
    this.#closing = true
    this.#wake()
    await this.#connection?.farewell()
    await this.#stopped
  }

  async #run(): Promise<void> {
    const { pace, random } = this.#deps
    const { retry_first_ms, retry_most_ms } = this.#settings
    let delays = retries(random, retry_first_ms, retry_most_ms)
    // One turn, so that whoever made this can register first.
    await Promise.resolve()
    while (!this.#closing) {
      const { reason, up_ms } = await this.#connectOnce()
      if (this.#closing) break
      if (up_ms >= STABLE_MS) delays = retries(random, retry_first_ms, retry_most_ms)
      const delay_ms = delays.next().value
      this.#change({ state: 'waiting', reason })
      this.#log('warn', 'uplink.down', { reason, retry_in_ms: Math.round(delay_ms) })
      await this.#wait(pace, delay_ms)
      this.#session = this.#deps.session()
    }
    this.#change({ state: 'closed', reason: 'closed' })
  }

  async #connectOnce(): Promise<{ reason: string; up_ms: number }> {
    const { pace } = this.#deps
    this.#change({ state: 'connecting', attempts: this.#link.attempts + 1 })
    const connection = new Connection(pace, this.#settings, this.#session)
    this.#connection = connection
    connection.onMessage((topic, payload) => this.#deliver(topic, payload))
    let up_at: number | null = null
    connection.ready.then(
      () => {
        if (connection.over || this.#closing) return
        up_at = pace.now_ms()
        this.#change({ state: 'up', reason: '' })
        this.#log('info', 'uplink.up', { session: this.#session })
        for (const run of this.#ready) run()
      },
      () => {},
    )
    const reason = await connection.ended
    this.#connection = null
    if (up_at !== null) for (const run of this.#lost) run()
    return { reason, up_ms: up_at === null ? 0 : pace.now_ms() - up_at }
  }

  #deliver(topic: string, payload: Uint8Array): void {
    const refused_messages = this.#link.refused_messages + 1
    if (payload.length > MESSAGE_BYTES_MAX) {
      this.#change({ refused_messages })
      this.#log('warn', 'uplink.message_refused', { topic, bytes: payload.length })
      return
    }
    for (const run of this.#readers) {
      try {
        run(topic, payload)
      } catch (error) {
        this.#change({ refused_messages })
        this.#log('error', 'uplink.reader_failed', { topic, error: (error as Error).name })
      }
    }
  }

  #change(to: Partial<LinkState>): void {
    this.#link = { ...this.#link, ...to }
    for (const run of this.#watchers) run(this.#link)
  }

  async #wait(pace: Pace, ms: number): Promise<void> {
    const woken = Promise.withResolvers<void>()
    const cancel = pace.after(ms, 'uplink retry', woken.resolve)
    this.#wake = woken.resolve
    await woken.promise
    cancel()
  }
}

/**
 * Waits between two tries, ms: anywhere from nothing to a bound that doubles up to `most_ms`, so that
 * a thousand halls whose controller comes back spread over that time, and no person waits longer.
 */
function* retries(random: Random, first_ms: number, most_ms: number): Generator<number, never> {
  for (let bound_ms = first_ms; ; bound_ms = Math.min(bound_ms * 2, most_ms)) {
    yield Math.max(first_ms / 2, random() * bound_ms)
  }
}

/** One TCP or TLS connection from its first byte to its last; never used again. */
class Connection {
  /** Resolves when subscriptions are in place; rejects if the connection ends before. */
  readonly ready: Promise<void>
  /** Resolves with the reason when the socket is closed; never rejects. */
  readonly ended: Promise<string>
  /** Nothing can be sent on it any more; the socket may still be closing. */
  over = false

  readonly #pace: Pace
  readonly #settings: Settings
  readonly #session: string
  readonly #socket: Socket
  readonly #client: MqttClient
  readonly #waiting = new Set<(fault: Fault) => void>()
  #reason = 'link lost'

  constructor(pace: Pace, settings: Settings, session: string) {
    this.#pace = pace
    this.#settings = settings
    this.#session = session
    this.#socket = openSocket(settings)
    this.#guard()
    this.#client = new MqttClient(
      () => this.#socket as never,
      clientOptions(settings, session, this.#death()),
    )
    this.#client.on('error', (error) => this.#giveUp(short(error)))
    const closed = Promise.withResolvers<string>()
    this.#socket.once('close', () => closed.resolve(this.#finish()))
    this.ended = closed.promise
    this.ready = this.#subscribe()
    this.ready.catch((error: unknown) => this.#giveUp(short(error)))
  }

  onMessage(run: (topic: string, payload: Uint8Array) => void): void {
    this.#client.on('message', run)
  }

  publish(topic: string, payload: Uint8Array, retain: boolean): Promise<void> {
    const { in_flight_max, ack_timeout_ms } = this.#settings
    if (this.#waiting.size >= in_flight_max) {
      return Promise.reject(new Fault('overloaded', `${in_flight_max} messages in flight`))
    }
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
    const answer = this.#expect(ack_timeout_ms, 'broker acknowledgement')
    this.#client.publish(topic, bytes, { qos: 1, retain }, (error) => answer(error ?? null))
    return answer.promise
  }

  /** Ends in good order: our own death is told, as a broker forgets the will at a clean end. */
  async farewell(): Promise<void> {
    if (!this.over && this.#client.connected) {
      const said = this.publish(topic(this.#settings.hall, 'presence'), this.#death(), true)
      const late = this.#expect(FAREWELL_MS, 'farewell', () => {})
      await Promise.race([said, late.promise]).catch(() => {})
      late(null)
      this.#client.end(false)
      await Promise.race([this.ended, this.#pause(FAREWELL_MS)])
    }
    this.#giveUp('closed')
    await this.ended
  }

  async #subscribe(): Promise<void> {
    const answer = this.#expect(this.#settings.connect_timeout_ms, 'connecting')
    this.#client.once('connect', () => {
      const topics = DOWN.map((name) => topic(this.#settings.hall, name))
      this.#client.subscribe(topics, { qos: 1 }, (error, granted) => {
        const refused = granted?.find(({ qos }) => qos === 128)
        answer(error ?? (refused === undefined ? null : new Error(`refused: ${refused.topic}`)))
      })
    })
    await answer.promise
  }

  /** A promise that the caller settles, that fails with the link, and that gives up in time. */
  #expect(
    most_ms: number,
    what: string,
    late: () => void = () => this.#giveUp(`no ${what} in time`),
  ): ((error: Error | null) => void) & { promise: Promise<void> } {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    promise.catch(() => {})
    let cancel: Cancel = () => {}
    const settle = (error: Error | null): void => {
      cancel()
      this.#waiting.delete(settle)
      if (error === null) resolve()
      else reject(error instanceof Fault ? error : new Fault('unavailable', short(error)))
    }
    cancel = this.#pace.after(most_ms, what, () => {
      settle(new Fault('timed_out', what))
      late()
    })
    this.#waiting.add(settle)
    return Object.assign(settle, { promise })
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#pace.after(ms, 'farewell', resolve)
    })
  }

  #guard(): void {
    const guard = lengthGuard(PACKET_BYTES_MAX)
    this.#socket.on('error', (error) => this.#giveUp(short(error)))
    this.#socket.on('data', (bytes: Uint8Array) => {
      const verdict = guard.push(bytes)
      if (verdict !== 'ok') this.#giveUp(`broker sent a packet that is ${verdict}`)
    })
  }

  #giveUp(reason: string): void {
    if (this.over) return
    this.over = true
    this.#reason = reason
    this.#client.end(true)
    this.#socket.destroy()
  }

  #finish(): string {
    this.over = true
    this.#client.end(true)
    for (const fail of [...this.#waiting]) fail(new Fault('unavailable', this.#reason))
    return this.#reason
  }

  #death(): Buffer {
    return Buffer.from(JSON.stringify({ v: 1, type: 'death', session: this.#session }))
  }
}

function openSocket({ at, tls }: Settings): Socket {
  const host = at.hostname.replace(/^\[(.*)\]$/, '$1')
  if (at.protocol === 'mqtt:') {
    return connectTcp({ host, port: Number(at.port || 1883), noDelay: true })
  }
  const name = isIP(host) === 0 ? { servername: host } : {}
  const socket = connectTls({ host, port: Number(at.port || 8883), ...name, ...tls })
  socket.setNoDelay(true)
  return socket
}

function clientOptions(settings: Settings, session: string, death: Buffer): IClientOptions {
  return {
    // Of this connection alone: a clone of this gateway must not throw it off the broker.
    clientId: `hw-${session.slice(0, 20)}`,
    username: settings.username,
    password: settings.password,
    protocolVersion: 4,
    clean: true,
    keepalive: settings.keepalive_s,
    connectTimeout: settings.connect_timeout_ms,
    reconnectPeriod: 0,
    queueQoSZero: false,
    // Every number up to 65535 as bytes made ahead: ten megabytes for nothing one notices.
    writeCache: false,
    resubscribe: false,
    will: { topic: topic(settings.hall, 'presence'), payload: death, qos: 1, retain: true },
  }
}

function short(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error)
  return text.slice(0, 120)
}

/** For tests and start-up: resolves at the next time the link is up. */
export async function linkUp(uplink: MqttUplink): Promise<void> {
  if (uplink.connected) return
  await new Promise<void>((resolve) => {
    uplink.onLink(({ state }) => {
      if (state === 'up') resolve()
    })
  })
}
