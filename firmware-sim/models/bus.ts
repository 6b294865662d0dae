/**
 * A two-wire bus with several units on it: all hear what the master says, one is expected to answer,
 * and what anybody says goes out on the one wire. With the trouble such a wire has: a unit that is
 * dead, one that chatters, and noise that never ends.
 */
import type { Cancel, Pace } from '#devices/std/clock.ts'
import type { Random } from '#devices/std/random.ts'
import type { DeviceModel } from './model.ts'

export class BusModel implements DeviceModel {
  readonly #units: readonly DeviceModel[]
  readonly #dead = new Set<DeviceModel>()
  #send: ((bytes: Uint8Array) => void) | null = null
  #noise: Cancel | null = null

  constructor(units: readonly DeviceModel[]) {
    this.#units = units
  }

  /** A unit without power neither hears nor speaks. */
  setDead(unit: DeviceModel, dead: boolean): void {
    if (dead) this.#dead.add(unit)
    else this.#dead.delete(unit)
  }

  /** Bytes nobody asked for, every `every_ms`, until `quiet`. */
  jabber({ pace, random }: { pace: Pace; random: Random }, every_ms: number, bytes: number): void {
    this.quiet()
    const speak = () => {
      this.#send?.(Uint8Array.from({ length: bytes }, () => Math.floor(random() * 256)))
      this.#noise = pace.after(every_ms, 'jabber', speak)
    }
    speak()
  }

  quiet(): void {
    this.#noise?.()
    this.#noise = null
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#send = send
    for (const unit of this.#units) {
      unit.attach((bytes) => {
        if (!this.#dead.has(unit)) this.#send?.(bytes)
      })
    }
  }

  detach(): void {
    this.#send = null
    for (const unit of this.#units) unit.detach()
  }

  receive(bytes: Uint8Array): void {
    for (const unit of this.#units) if (!this.#dead.has(unit)) unit.receive(bytes)
  }
}
