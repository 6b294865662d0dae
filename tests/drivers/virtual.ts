/**
 * A cable under virtual time: bytes take their time at so many bits a second, the link can be pulled
 * after any byte, and nothing waits for a real clock.
 */
import { Fault } from '#devices/std/fault.ts'
import { silent } from '#devices/std/log.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import type { DriverParts } from '../../gateway/drivers/session.ts'
import type { Link, LinkHandlers, Transport } from '../../gateway/transports/transport.ts'
import { Scheduler, seeded } from '../sim/scheduler.ts'

export { Scheduler, seeded }

export type CableOptions = {
  /** Bits a second, 11 bits a byte as in 8E1; 0 takes no time. */
  baud?: number
  /** From the last byte of a question to the first of its answer. */
  turnaround_ms?: number
  /** Says that it is back, as a serial node does. */
  announces?: boolean
}

export class Cable implements Transport {
  readonly address = 'cable'
  readonly #pace: Scheduler
  readonly #model: DeviceModel
  readonly #options: Required<CableOptions>
  #handlers: LinkHandlers | null = null
  #plugged = true
  #links = 0
  #free_ms = 0
  #watchers = new Set<() => void>()
  /** Pulls the cable when so many bytes of this direction have passed; it is back after `away_ms`. */
  scissors: { direction: 'in' | 'out'; left: number; away_ms: number; lost?: () => void } | null =
    null
  /** All that was sent from the gateway, with its time. */
  readonly sent: { at_ms: number; bytes: Uint8Array }[] = []
  readonly watch?: (onBack: () => void) => () => void

  constructor(pace: Scheduler, model: DeviceModel, options: CableOptions = {}) {
    this.#pace = pace
    this.#model = model
    this.#options = { baud: 0, turnaround_ms: 0, announces: false, ...options }
    if (this.#options.announces) {
      this.watch = (onBack) => {
        this.#watchers.add(onBack)
        return () => this.#watchers.delete(onBack)
      }
    }
  }

  get links(): number {
    return this.#links
  }

  open(handlers: LinkHandlers): Promise<Link> {
    if (!this.#plugged) return Promise.reject(new Fault('device_gone', 'cable'))
    // One link at a time, as on a serial port.
    this.cut('replaced')
    this.#links += 1
    this.#handlers = handlers
    const here = () => this.#handlers === handlers
    const link: Link = {
      write: (bytes) => here() && this.#pass('out', bytes, (part) => this.#model.receive(part)),
      close: () => here() && this.cut('closed'),
    }
    // Attached once the session knows its link, as with a real port.
    this.#pace.after(0, 'attach', () => {
      if (!here()) return
      this.#model.attach((bytes) => {
        if (here()) this.#pass('in', bytes, (part) => handlers.onData(part))
      })
    })
    return Promise.resolve(link)
  }

  /** Ends the link; a new one can be opened at once. */
  cut(reason = 'ended'): void {
    const handlers = this.#handlers
    if (handlers === null) return
    this.#handlers = null
    this.#model.detach()
    handlers.onClose(reason)
  }

  unplug(): void {
    this.#plugged = false
    this.cut()
  }

  plug(): void {
    this.#plugged = true
    const watchers = [...this.#watchers]
    this.#watchers.clear()
    for (const onBack of watchers) onBack()
  }

  #pass(direction: 'in' | 'out', bytes: Uint8Array, deliver: (part: Uint8Array) => void): void {
    const handlers = this.#handlers
    const { baud, turnaround_ms } = this.#options
    const now_ms = this.#pace.now_ms()
    if (direction === 'out') this.sent.push({ at_ms: now_ms, bytes })
    const wait_ms = direction === 'in' ? turnaround_ms : 0
    const line_ms = baud === 0 ? 0 : (bytes.length * 11_000) / baud
    this.#free_ms = Math.max(now_ms + wait_ms, this.#free_ms) + line_ms
    this.#pace.after(this.#free_ms - now_ms, 'line', () => {
      if (this.#handlers !== handlers) return
      const part = this.#cutShort(direction, bytes)
      if (part.length > 0) deliver(part)
      if (part.length < bytes.length) this.#pulled()
    })
  }

  #pulled(): void {
    const { away_ms, lost } = this.scissors!
    this.scissors = null
    this.unplug()
    lost?.()
    this.#pace.after(away_ms, 'plugged in again', () => this.plug())
  }

  #cutShort(direction: 'in' | 'out', bytes: Uint8Array): Uint8Array {
    const { scissors } = this
    if (scissors === null || scissors.direction !== direction) return bytes
    if (bytes.length <= scissors.left) {
      scissors.left -= bytes.length
      return bytes
    }
    return bytes.subarray(0, scissors.left)
  }
}

export function virtualParts(pace: Scheduler, transport: Transport, seed = 1): DriverParts {
  return { transport, pace, random: seeded(seed), log: silent, wall_ms: () => pace.now_ms() }
}

/** Runs until the condition holds; the time given is virtual, and running out of it is a failure. */
export async function reach(pace: Scheduler, most_ms: number, until: () => boolean): Promise<void> {
  if (await pace.run(most_ms, until)) return
  throw new Error(`not reached within ${most_ms} ms of virtual time`)
}

/** Lets virtual time pass. */
export async function pass(pace: Scheduler, ms: number): Promise<void> {
  let over = false
  pace.after(ms, 'pass', () => {
    over = true
  })
  await pace.run(ms, () => over)
}
