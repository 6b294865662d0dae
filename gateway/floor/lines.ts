/**
 * The line of every device: its own, or one it shares with other units. Lines feel nothing of each
 * other.
 */
import type { Pace } from '#devices/std/clock.ts'
import type { Log } from '#devices/std/log.ts'
import { readCaFile } from '../ca-file.ts'
import type { DeviceConfig } from '../config.ts'
import { type Buses, createBuses, usesBus } from '../drivers/buses.ts'
import { knownDeviceTypes } from '../drivers/known-types.ts'
import { type SharedParts, sharedParts, transportFor } from '../transports/open.ts'
import type { Transport } from '../transports/transport.ts'
import { webSocketTransport } from '../xfs/web-socket.ts'

export class Lines implements AsyncDisposable {
  readonly #parts: { pace: Pace; log: Log }
  readonly #devices: readonly DeviceConfig[]
  readonly #shared: SharedParts
  readonly #buses: Buses

  constructor(devices: readonly DeviceConfig[], parts: { pace: Pace; log: Log }) {
    this.#parts = parts
    this.#devices = devices
    this.#shared = sharedParts(parts)
    const typeAt = (at: string) => devices.find((device) => device.at === at)?.type ?? ''
    this.#buses = createBuses({ ...parts, transportFor: (at) => this.#open(at, typeAt(at)) })
  }

  of(config: DeviceConfig): Transport {
    const { device, type, at, ca_file } = config
    if (/^wss?:/.test(at)) {
      // Read at each connect: a certificate is renewed without a restart.
      const ca = ca_file === undefined ? {} : { ca: () => readCaFile(ca_file) }
      return webSocketTransport(this.#parts.pace, { url: at, ...ca })
    }
    const shared = usesBus(config, this.#devices)
    return shared ? this.#buses.busFor(at).line(device) : this.#open(at, type)
  }

  #open(at: string, type: string): Transport {
    const line = knownDeviceTypes.get(type)?.line ?? {}
    return transportFor(at, { ...this.#parts, shared: this.#shared, line })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#buses[Symbol.asyncDispose]())
  }
}
