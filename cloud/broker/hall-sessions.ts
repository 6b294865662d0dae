/**
 * Who is connected to the embedded broker, and the answers the broker library asks for: may this
 * client enter, publish, subscribe; where does its message go.
 */
import type { Aedes, Client, PublishPacket, Subscription } from 'aedes'
import type { Log } from '#devices/std/log.ts'
import { getOrMake } from '#devices/std/map.ts'
import { mayPublish, maySubscribe } from './access.ts'
import { GuardedConnection } from './connection.ts'
import { meter, type Rate } from './meter.ts'
import { type BrokerCounters, noCounters, type OnMessage, owned } from './port.ts'
import { type Count, countSparsely } from './sparse-log.ts'

export type EmbeddedNeeds = {
  /** Whose credential this is. Rejecting means that nobody can tell at the moment. */
  authenticate: (username: string, password: Uint8Array) => Promise<{ hall: string } | null>
  onMessage: OnMessage
  log: Log
}

export type SessionLimits = {
  client_id_chars: number
  /** Topics of one connection. */
  subscriptions: number
  /** Connections of one hall at once: its gateway's, and those of it that are dead unnoticed. */
  hall_connections: number
  /** Messages of one hall over all of its connections; more of them wait, and nobody with them. */
  hall_rate: Rate
}

type ConnectPacket = Parameters<Aedes['preConnect']>[1]
type Negate = Parameters<Aedes['preConnect']>[2]
type Authenticated = Parameters<Aedes['authenticate']>[3]
type Credential = { user: Readonly<string | undefined>; password: Readonly<Uint8Array | undefined> }

/** CONNACK return codes, MQTT 3.1.1 table 3.1. */
const return_code = { unavailable: 3, bad_credential: 4, not_authorised: 5 } as const

export class Halls {
  readonly counters: BrokerCounters = noCounters()
  readonly count: Count
  closing = false
  readonly #needs: EmbeddedNeeds
  readonly #limits: SessionLimits
  readonly #hall_of = new WeakMap<Client, string>()
  readonly #will_of = new WeakMap<Client, string>()
  /** Halls that are connected: their clients, oldest first, and what their next message waits. */
  readonly #present = new Map<string, { clients: Set<Client>; wait_ms: () => number }>()

  constructor(needs: EmbeddedNeeds, limits: SessionLimits) {
    this.#needs = needs
    this.#limits = limits
    this.count = countSparsely(this.counters, needs.log)
  }

  preConnect(client: Client, packet: ConnectPacket, done: Negate): void {
    const given = packet as ConnectPacket & { username?: string; will?: { topic: string } }
    if (!given.username || given.clientId.length > this.#limits.client_id_chars) {
      this.count(given.username ? 'refused_connection' : 'refused_credential')
      done(new Error('no user name, or a client id that is too long'), false)
      return
    }
    // A client id is known only below its user name, so that no hall can take over another's.
    if (given.clientId !== '') given.clientId = `${given.username}/${given.clientId}`
    given.clean = true
    if (given.will) this.#will_of.set(client, given.will.topic)
    done(null, true)
  }

  authenticate(client: Client, { user, password }: Credential, done: Authenticated): void {
    this.#needs.authenticate(user ?? '', password ?? new Uint8Array()).then(
      (who) => {
        const refused = this.#refuseEntry(client, user, who?.hall)
        done(refused === null ? null : refusal(refused), refused === null)
      },
      () => {
        this.count('refused_connection', { user: printable(user) })
        done(refusal(return_code.unavailable), null)
      },
    )
  }

  /** The CONNACK code of the refusal, or null: then the client is let in. */
  #refuseEntry(client: Client, user: string | undefined, hall: string | undefined): number | null {
    // The user name is in the client id already: it must be the hall's.
    if (hall === undefined || hall !== user) {
      this.count('refused_credential', { user: printable(user) })
      return return_code.bad_credential
    }
    const will = this.#will_of.get(client)
    if (will !== undefined && mayPublish(hall, will) === 'refused') {
      this.count('refused_topic', { hall, will: printable(will) })
      return return_code.not_authorised
    }
    this.#hall_of.set(client, hall)
    this.#keep(hall, client)
    if (client.conn instanceof GuardedConnection) client.conn.admit()
    return null
  }

  /** The oldest gives way: it is the one most likely dead, and a hall must always get in again. */
  #keep(hall: string, client: Client): void {
    if (client.conn.destroyed) return
    const present = getOrMake(this.#present, hall, () => ({
      clients: new Set<Client>(),
      wait_ms: meter(this.#limits.hall_rate, () => performance.now()),
    }))
    const { clients } = present
    clients.add(client)
    client.conn.once('close', () => {
      clients.delete(client)
      if (clients.size === 0 && this.#present.get(hall) === present) this.#present.delete(hall)
    })
    const [oldest] = clients
    if (clients.size <= this.#limits.hall_connections || oldest === undefined) return
    this.count('refused_connection', { hall, reason: 'too many of one hall' })
    oldest.conn.destroy()
  }

  /** Ends every connection of the hall. */
  expel(hall: string): void {
    for (const client of [...(this.#present.get(hall)?.clients ?? [])]) client.conn.destroy()
  }

  /**
   * Asked about each PUBLISH. An answer that waits keeps the library from reading on, on this
   * connection alone: a hall that floods is slowed down to its rate, and others are not.
   */
  authorizePublish(
    client: Client | null,
    packet: PublishPacket,
    done: (refused: Error | null) => void,
  ): void {
    const refused = this.#refusePublish(client, packet)
    const hall = client ? this.#hall_of.get(client) : undefined
    const wait_ms = hall === undefined ? 0 : (this.#present.get(hall)?.wait_ms() ?? 0)
    if (refused !== null || wait_ms < 1) done(refused)
    else setTimeout(() => done(null), wait_ms)
  }

  /** Also asked about wills, when their time has come. Takes the retain flag off. */
  #refusePublish(client: Client | null, packet: PublishPacket): Error | null {
    const hall = client ? this.#hall_of.get(client) : undefined
    if (hall === undefined || mayPublish(hall, packet.topic) === 'refused') {
      this.count('refused_topic', { hall, topic: printable(packet.topic) })
      return new Error('topic refused')
    }
    if (packet.qos === 2) {
      this.count('refused_topic', { hall, qos: 2 })
      return new Error('QoS 2 refused')
    }
    packet.retain = false
    return null
  }

  refuseSubscribe(client: Client, sub: Subscription): boolean {
    const hall = this.#hall_of.get(client)
    const held = Object.keys((client as unknown as { subscriptions: object }).subscriptions)
    const access = hall === undefined ? 'refused' : maySubscribe(hall, sub.topic)
    if (access === 'unknown') this.count('unknown_topic', { hall, topic: printable(sub.topic) })
    if (access !== 'refused' && held.length < this.#limits.subscriptions) return false
    this.count('refused_topic', { hall, filter: printable(sub.topic) })
    return true
  }

  /** At closing, wills are our own doing: nobody is told that all halls have died. */
  take(client: Client, packet: { topic: string; payload: string | Buffer }): void {
    const hall = this.#hall_of.get(client)
    if (hall === undefined || this.closing) return
    if (mayPublish(hall, packet.topic) === 'unknown') {
      this.count('unknown_topic', { hall, topic: printable(packet.topic) })
      return
    }
    const payload =
      typeof packet.payload === 'string' ? encode(packet.payload) : owned(packet.payload)
    const taken = this.#needs.onMessage({ topic: packet.topic, payload, client: client.id })
    if (taken) this.counters.taken += 1
    else this.count('dropped_full', { hall })
  }
}

const encode = (text: string) => new TextEncoder().encode(text)

function refusal(returnCode: number): Error & { returnCode: number } {
  return Object.assign(new Error('refused'), { returnCode })
}

/** Text chosen by a stranger, fit for a log. */
function printable(text: string | undefined): string {
  return JSON.stringify(text ?? '').slice(0, 80)
}
