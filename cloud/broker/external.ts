/**
 * Any MQTT 3.1.1 broker, by URL. Owns the package mqtt. The PUBACK of a message leaves after the
 * handler has answered, taken or not; one connection at a time, made again with growing, jittered
 * pauses; what is published while there is none is refused, not stored, since everything the
 * controller says is said again when a hall or a broker comes back.
 * The broker's own settings must bind a client id to its user name and halls to their prefix.
 *
 * Faults at creation: `insecure`, `unauthorised`, `forbidden` (a subscription was refused),
 * `unavailable`; at publish: `unavailable`, `overloaded`, `too_large`.
 */
import { randomBytes } from 'node:crypto'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { allHalls, isDown, isUp, parseTopic, UP } from '#devices/contract/topics.ts'
import { assert } from '#devices/std/assert.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import { backOff } from '#devices/std/random.ts'
import { isLoopback } from './loopback.ts'
import { type Broker, type BrokerCounters, noCounters, type OnMessage, owned } from './port.ts'
import { type Count, countSparsely } from './sparse-log.ts'

export type ExternalNeeds = { onMessage: OnMessage; log: Log }

export type ExternalOptions = {
  /** mqtt: or mqtts: with host and port; user name and password go into the fields below. */
  url: string
  username?: string
  password?: string
  ca?: string | Buffer
  /** Several workers: each batch goes to one of them. The broker must know `$share` filters. */
  shared?: boolean
  /** Allows mqtt: to a host outside loopback. */
  insecure?: boolean
  limits?: Partial<ExternalLimits>
}

export type ExternalLimits = {
  /** Payload of one message, both ways; larger ones are dropped and counted. */
  packet_bytes: number
  /** Published and not yet acknowledged by the broker. */
  in_flight: number
  /** For the first connection, before giving up. */
  connect_ms: number
}

export const external_limits: ExternalLimits = {
  packet_bytes: 2 * 1024 * 1024,
  in_flight: 1_000,
  connect_ms: 15_000,
}

/** First and longest pause between two connections. */
const pause_first_ms = 250
const pause_most_ms = 30_000

/** Resolves when connected and subscribed for the first time; keeps at it ever after. */
export async function openExternalBroker(
  needs: ExternalNeeds,
  options: ExternalOptions,
): Promise<Broker> {
  const url = new URL(options.url)
  if (url.protocol === 'mqtt:' && !options.insecure && !isLoopback(url.hostname)) {
    throw new Fault('insecure', `MQTT at ${url.host}`)
  }
  const broker = new External(needs, { ...options, url: url.href })
  try {
    await broker.opened
    return broker
  } catch (error) {
    await broker.close()
    throw error
  }
}

function clientOptions(options: ExternalOptions, limits: ExternalLimits): IClientOptions {
  return {
    // Fixed for the life of this process, and of no other: a reconnect takes over its own session.
    clientId: `hallway-${randomBytes(8).toString('hex')}`,
    protocolVersion: 4,
    clean: true,
    connectTimeout: limits.connect_ms,
    keepalive: 30,
    // Both are done here: pauses with jitter, and a refused subscription is noticed.
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  }
}

class External implements Broker {
  /** Settles with the outcome of the first connection. */
  readonly opened: Promise<void>
  readonly #client: MqttClient
  readonly #needs: ExternalNeeds
  readonly #shared: boolean
  readonly #limits: ExternalLimits
  readonly #counters = noCounters()
  readonly #count: Count
  readonly #first = Promise.withResolvers<void>()
  #pauses = backOff(Math.random, pause_first_ms, pause_most_ms)
  #retry: NodeJS.Timeout | undefined
  #ready = false
  #in_flight = 0
  #closing: Promise<void> | undefined

  constructor(needs: ExternalNeeds, options: ExternalOptions) {
    this.#needs = needs
    this.#shared = options.shared ?? false
    this.#limits = { ...external_limits, ...options.limits }
    this.#count = countSparsely(this.#counters, needs.log)
    this.opened = this.#first.promise
    const limit = setTimeout(
      () => this.#first.reject(new Fault('unavailable', `MQTT broker ${hostOf(options.url)}`)),
      this.#limits.connect_ms,
    )
    this.opened.then(
      () => clearTimeout(limit),
      () => clearTimeout(limit),
    )
    this.#client = mqtt.connect(options.url, clientOptions(options, this.#limits))
    this.#client.handleMessage = (packet, done) => {
      this.#take(packet.topic, packet.payload)
      done()
    }
    this.#client.on('connect', () => void this.#subscribe())
    this.#client.on('error', (error) => this.#onError(error))
    this.#client.on('close', () => this.#onClose())
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
    if (!this.#ready) throw new Fault('unavailable', 'not connected to the MQTT broker')
    if (this.#in_flight >= this.#limits.in_flight) throw new Fault('overloaded', 'MQTT publishes')
    this.#in_flight += 1
    try {
      await this.#client.publishAsync(topic, bytes, { qos: 1, retain: options.retain ?? false })
    } catch (error) {
      throw new Fault('unavailable', 'the MQTT broker went away', { cause: error })
    } finally {
      this.#in_flight -= 1
    }
  }

  counters(): BrokerCounters {
    return { ...this.#counters, connected: this.#ready ? 1 : 0 }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    clearTimeout(this.#retry)
    this.#first.reject(new Fault('unavailable', 'closed'))
    const connected = this.#ready
    this.#ready = false
    // Without a connection there is nobody to wait for.
    await this.#client.endAsync(!connected)
  }

  #take(topic: string, payload: string | Buffer): void {
    const parsed = parseTopic(topic)
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    if (this.#closing) return
    if (parsed === null || !isUp(parsed.name)) this.#count('unknown_topic')
    else if (bytes.length > this.#limits.packet_bytes) this.#count('oversized')
    else if (this.#needs.onMessage({ topic, payload: owned(bytes) })) this.#counters.taken += 1
    else this.#count('dropped_full', { hall: parsed.hall })
  }

  async #subscribe(): Promise<void> {
    const filters = UP.map((name) =>
      name === 'log' && this.#shared ? `$share/ingest/${allHalls(name)}` : allHalls(name),
    )
    try {
      const granted = await this.#client.subscribeAsync(filters, { qos: 1 })
      if (granted.some((one) => one.qos > 2)) throw new Fault('forbidden', 'MQTT subscription')
      this.#ready = true
      this.#pauses = backOff(Math.random, pause_first_ms, pause_most_ms)
      this.#needs.log('info', 'broker_connected', { shared: this.#shared })
      this.#first.resolve()
    } catch (error) {
      // A connection that hears nothing is worse than none: it looks well.
      this.#count('refused_topic', { reason: String(error) })
      this.#first.reject(new Fault('forbidden', 'the MQTT broker refused a subscription'))
      if (!this.#closing) this.#client.stream.destroy()
    }
  }

  #onError(error: Error & { code?: unknown }): void {
    if (error.code === 4 || error.code === 5) {
      this.#count('refused_credential')
      this.#first.reject(new Fault('unauthorised', 'at the MQTT broker'))
    } else {
      this.#count('broken', { reason: String(error.code ?? error.message) })
    }
  }

  #onClose(): void {
    if (this.#ready) this.#needs.log('warn', 'broker_connection_lost')
    this.#ready = false
    if (this.#closing || this.#retry) return
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      if (!this.#closing) this.#client.reconnect()
    }, this.#pauses.next().value)
  }
}

function hostOf(url: string): string {
  return new URL(url).host
}
