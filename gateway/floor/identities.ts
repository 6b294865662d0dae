/**
 * Binds devices to their places in the hall's log and says how each stands to its binding. A named
 * device at a place that was never bound is bound at once (`by: first_seen`); everything else a person
 * decides: a replacement or a move is asked for by name, never guessed.
 * Raises Fault `not_found` and `wrong_state` for decisions that do not fit what is plugged in.
 */
import { type Pace, sleep } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import { backOff, type Random } from '#devices/std/random.ts'
import type { DeviceConfig } from '../config.ts'
import { knownDeviceTypes } from '../drivers/known-types.ts'
import { FIRST_SEEN } from '../hall/bindings.ts'
import type { Answer, Ask } from '../hall/input.ts'
import type { HallState } from '../hall/state.ts'
import type { Desk } from '../ports.ts'
import { type Binding, bindingOf, isHeldBack } from './binding.ts'

export type IdentitiesParts = {
  pace: Pace
  random: Random
  desk: Desk
  state: () => Readonly<HallState>
  /** What the device at a place says it is. */
  identity: (device: string) => string | null
}

export class Identities {
  readonly #parts: IdentitiesParts
  readonly #binding = new Set<string>()

  constructor(parts: IdentitiesParts) {
    this.#parts = parts
  }

  of({ device, type }: Pick<DeviceConfig, 'device' | 'type'>): Binding {
    const nameless = knownDeviceTypes.get(type)?.nameless === true
    const answering = { type, nameless, identity: this.#parts.identity(device) }
    return bindingOf(device, answering, this.#parts.state().devices)
  }

  isHeldBack(config: DeviceConfig): boolean {
    return isHeldBack(this.of(config))
  }

  /** To be called whenever the device's view changed. */
  noticed(config: DeviceConfig): void {
    const { device } = config
    const binding = this.of(config)
    if (binding.state !== 'unbound' || this.#binding.has(device)) return
    const { identity } = binding
    this.#binding.add(device)
    void this.#bind(config, identity).finally(() => {
      this.#binding.delete(device)
      // Another one came while the hall could not be asked.
      if (this.#parts.identity(device) !== identity) this.noticed(config)
    })
  }

  async #bind(config: DeviceConfig, identity: string): Promise<void> {
    const { desk, pace, random } = this.#parts
    for (const delay_ms of backOff(random, 200, 10_000)) {
      const answer = await desk.submit(bindAsk(config, identity, FIRST_SEEN))
      if (answer.outcome === 'recorded' || !answer.fault.transient) return
      await sleep(pace, delay_ms, 'binding')
      if (this.#parts.identity(config.device) !== identity) return
    }
  }

  /**
   * A person says that what answers at this place, `identity`, belongs there from now on: a
   * replacement, or a device that was moved.
   */
  async confirm(config: DeviceConfig, identity: string, by: string): Promise<Answer> {
    const { device } = config
    const binding = this.of(config)
    if (!('identity' in binding)) throw new Fault('not_found', `${device} says no name`)
    if (binding.identity !== identity) {
      throw new Fault('wrong_state', `${device} is ${binding.identity} by now`)
    }
    const bound = this.#parts.state().devices[device]
    const ask: Ask =
      bound === undefined || bound.identity === identity
        ? bindAsk(config, identity, by)
        : {
            type: 'device.replace',
            device,
            old_identity: bound.identity,
            new_identity: identity,
            by,
          }
    return this.#parts.desk.submit(ask)
  }
}

function bindAsk(config: DeviceConfig, identity: string, by: string): Ask {
  const { device, type: device_type, at: place, counter = null } = config
  return { type: 'device.bind', device, device_type, identity, place, counter, by }
}
