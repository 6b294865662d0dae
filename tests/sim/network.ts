/**
 * The network between halls and cloud, and the broker in it: every message may be lost, delivered
 * twice, late or out of order; a hall may be cut off; a broker's acknowledgement proves nothing.
 */
import { Fault } from '#devices/std/fault.ts'
import type { Uplink } from '../../gateway/ports.ts'
import { draw, type Rng, type Scheduler } from './scheduler.ts'

export type LinkFaults = {
  /** Probabilities per message. */
  drop: number
  duplicate: number
  /** A message that comes very late: up to `late_ms`. */
  late: number
  late_ms: number
  delay_ms: number
}

export const perfectLink: LinkFaults = { drop: 0, duplicate: 0, late: 0, late_ms: 0, delay_ms: 20 }

type Up = (topic: string, payload: Uint8Array) => void

export class Network {
  readonly #scheduler: Scheduler
  readonly #rng: Rng
  readonly #links = new Map<string, SimUplink>()
  faults: LinkFaults
  /** Where messages from halls go; null while the cloud is down. */
  cloud: Up | null = null
  messages = 0

  constructor(scheduler: Scheduler, rng: Rng, faults: LinkFaults) {
    this.#scheduler = scheduler
    this.#rng = rng
    this.faults = faults
  }

  /** A gateway's end. Several gateways may claim one hall. */
  uplink(name: string, hall: string, session: string): SimUplink {
    const link = new SimUplink({
      hall,
      session,
      send: (topic, payload) => this.#up(topic, payload),
    })
    this.#links.set(name, link)
    return link
  }

  forget(name: string): void {
    this.#links.delete(name)
  }

  link(name: string): SimUplink | undefined {
    return this.#links.get(name)
  }

  #up(topic: string, payload: Uint8Array): void {
    this.#deliver(() => this.cloud?.(topic, payload))
  }

  /** From the cloud: to everyone who subscribed to that hall. */
  down(topic: string, payload: string): void {
    const hall = topic.split('/')[1]
    for (const [name, link] of this.#links) {
      if (link.hall !== hall) continue
      this.#deliver(() => {
        // A message to a connection that is gone is gone.
        if (this.#links.get(name) === link) link.deliver(topic, new TextEncoder().encode(payload))
      })
    }
  }

  #deliver(run: () => void): void {
    const { faults } = this
    this.messages++
    const copies = draw.chance(this.#rng, faults.duplicate) ? 2 : 1
    for (let i = 0; i < copies; i++) {
      if (draw.chance(this.#rng, faults.drop)) continue
      const late = draw.chance(this.#rng, faults.late) ? this.#rng() * faults.late_ms : 0
      const delay_ms = this.#rng() * faults.delay_ms + late
      this.#scheduler.after(delay_ms, 'network', run)
    }
  }
}

type LinkParts = { hall: string; session: string; send: Up }

export class SimUplink implements Uplink {
  readonly hall: string
  readonly session: string
  readonly #send: Up
  #ready: (() => void)[] = []
  #lost: (() => void)[] = []
  #message: ((topic: string, payload: Uint8Array) => void)[] = []
  connected = false

  constructor(parts: LinkParts) {
    this.hall = parts.hall
    this.session = parts.session
    this.#send = parts.send
  }

  async publish(topic: string, payload: Uint8Array): Promise<void> {
    if (!this.connected) throw new Fault('unavailable', 'link')
    this.#send(topic, payload)
  }

  onReady(run: () => void): void {
    this.#ready.push(run)
  }

  onLost(run: () => void): void {
    this.#lost.push(run)
  }

  onMessage(run: (topic: string, payload: Uint8Array) => void): void {
    this.#message.push(run)
  }

  async close(): Promise<void> {
    this.connected = false
  }

  connect(): void {
    if (this.connected) return
    this.connected = true
    for (const run of this.#ready) run()
  }

  cut(): void {
    if (!this.connected) return
    this.connected = false
    for (const run of this.#lost) run()
  }

  deliver(topic: string, payload: Uint8Array): void {
    if (this.connected) for (const run of this.#message) run(topic, payload)
  }
}
