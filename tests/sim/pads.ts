/**
 * The pads on a counter in a simulated world: what a rating pad shows, and a PIN pad with a customer
 * at it. They are devices: a gateway that crashes leaves them where they are, and one that starts finds
 * them idle, as after any reconnect. The PIN pad is the simulated one, and what it says are its bytes.
 */
import { fromHex, toHex } from '#devices/std/bytes.ts'
import { silent } from '#devices/std/log.ts'
import { encrypt, format0 } from '../../firmware-sim/models/pin-block.ts'
import { PinPadModel } from '../../firmware-sim/models/pin-pad.ts'
import type { CounterPad } from '../../gateway/compose/pin-desk.ts'
import { createPinPad, type PinPadDriver } from '../../gateway/drivers/pin-pad-driver.ts'
import type { DriverParts } from '../../gateway/drivers/session.ts'
import type { Rating } from '../../gateway/hall/ratings.ts'
import { draw, type Rng, type Scheduler } from './scheduler.ts'
import { simWire } from './wire.ts'

export class RatingPads {
  readonly #scheduler: Scheduler
  readonly #asking = new Map<string, { request: string; until_ms: number }>()

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  /** The gateway's word on what to show. */
  show(counter: string, rating: Rating): void {
    this.#asking.delete(counter)
    if (rating.state === 'idle') return
    const until_ms = this.#scheduler.now_ms() + rating.left_ms
    this.#asking.set(counter, { request: rating.request, until_ms })
  }

  /** The question that stands on the pad; null when it is idle. */
  shown(counter: string): string | null {
    const asking = this.#asking.get(counter)
    return asking !== undefined && this.#scheduler.now_ms() < asking.until_ms
      ? asking.request
      : null
  }

  /** The link was lost. */
  idle(): void {
    this.#asking.clear()
  }
}

/** In the clear in the clerk's program, and nowhere in any log. */
export const ACCOUNT = '6222020200012345678'
const PIN = '135790'
const KEY = '0123456789ABCDEFFEDCBA9876543210'
/** The block that a pad makes of them. */
export const BLOCK = toHex(
  encrypt('des-ede-ecb', fromHex(KEY), format0(PIN, ACCOUNT)),
).toUpperCase()

export class PinPads {
  readonly #scheduler: Scheduler
  readonly #rng: Rng
  readonly #models = new Map<string, PinPadModel>()
  #drivers = new Map<string, PinPadDriver>()

  constructor(scheduler: Scheduler, rng: Rng) {
    this.#scheduler = scheduler
    this.#rng = rng
  }

  /** The drivers of one life of a gateway. */
  start(counters: readonly string[], parts: { pace: DriverParts['pace']; alive: () => boolean }) {
    const [scheduler, rng] = [this.#scheduler, this.#rng]
    for (const counter of counters) {
      const wire = { scheduler, rng, alive: parts.alive }
      const transport = simWire(this.#modelAt(counter), wire)
      const shell = { transport, pace: parts.pace, random: rng, log: silent, wall_ms: () => 0 }
      const driver = createPinPad(`pin-${counter}`, shell, { options: { input_s: 10 } })
      this.#drivers.set(counter, driver)
      driver.start()
    }
  }

  /** The gateway is gone; a pad that waits for keys goes on waiting. */
  crash(): void {
    for (const model of this.#models.values()) model.detach()
    this.#drivers = new Map()
  }

  at(counter: string): readonly CounterPad[] {
    const driver = this.#drivers.get(counter)
    if (driver === undefined) return []
    const { promptPin, cancelPin } = driver
    const online = driver.view().state === 'online'
    return [{ device: `pin-${counter}`, online, promptPin, cancelPin }]
  }

  #modelAt(counter: string): PinPadModel {
    const known = this.#models.get(counter)
    if (known !== undefined) return known
    const model = new PinPadModel({ key: KEY })
    model.onPrompt = () => this.#customer(model)
    this.#models.set(counter, model)
    return model
  }

  /** Types, types and enters, cancels, or walks away. */
  #customer(model: PinPadModel): void {
    const does = draw.of(this.#rng, ['type', 'type', 'type', 'cancel', 'walk away'] as const)
    this.#scheduler.after(500 + this.#rng() * 6_000, 'PIN', () => {
      if (!model.waiting) return
      if (does === 'type') model.type(PIN)
      if (does === 'cancel') model.pressCancel()
    })
  }
}
