/**
 * The lines of a gateway that several units share: one bus an address, made when the first of its
 * units asks. Which devices share one, and what of that cannot be, is said by `busProblems`.
 */
import { deviceTypes } from '#devices/types/index.ts'
import { most_units } from '#devices/wire/register-map.ts'
import type { Transport } from '../transports/transport.ts'
import { Bus, type BusOptions, type BusParts, type BusView } from './bus.ts'

export interface Buses extends AsyncDisposable {
  /** The bus at this address; the same one for all who ask. */
  busFor(at: string): Bus
  views(): BusView[]
}

export function createBuses(
  parts: BusParts & { transportFor: (at: string) => Transport },
  options: Partial<BusOptions> = {},
): Buses {
  const buses = new Map<string, Bus>()
  return {
    busFor(at) {
      const known = buses.get(at)
      if (known !== undefined) return known
      const bus = new Bus(parts.transportFor(at), parts, options)
      buses.set(at, bus)
      return bus
    },
    views: () => [...buses.values()].map((bus) => bus.view()),
    async [Symbol.asyncDispose]() {
      await Promise.all([...buses.values()].map((bus) => bus[Symbol.asyncDispose]()))
    },
  }
}

type Placing = {
  device: string
  type: string
  at: string
  options: Readonly<Record<string, unknown>>
}

/**
 * Whether this device's link comes from a bus: units of the register map that share a line, and every
 * one on a serial port, where the silence between frames is the gateway's to keep.
 */
export function usesBus(device: Placing, all: readonly Placing[]): boolean {
  if (unitOf(device) === null) return false
  return (
    device.at.startsWith('serial:') ||
    all.some((other) => other !== device && other.at === device.at)
  )
}

/** What is wrong with the places of units, each with its index in the list; empty when all fit. */
export function busProblems(devices: readonly Placing[]): { index: number; problem: string }[] {
  return devices.flatMap((device, index) => {
    const before = devices.slice(0, index).filter(({ at }) => at === device.at)
    const problem = before.length === 0 ? null : problemOf(device, before)
    return problem === null ? [] : [{ index, problem }]
  })
}

function problemOf(device: Placing, before: readonly Placing[]): string | null {
  const unit = unitOf(device)
  if (unit === null || before.some((other) => unitOf(other) === null)) {
    return `${before[0]!.device} is there already; only units of the register map share a line`
  }
  const same = before.find((other) => unitOf(other) === unit)
  if (same !== undefined) return `${same.device} has unit ${unit} there already; set options.unit`
  return before.length >= most_units ? `at most ${most_units} units share a line` : null
}

/** The unit address; null for what does not speak the register map. */
function unitOf({ type, options }: Placing): number | null {
  const known: Readonly<Record<string, { protocol: string }>> = deviceTypes
  if (!Object.hasOwn(known, type) || known[type]!.protocol !== 'modbus_rtu') return null
  return typeof options.unit === 'number' ? options.unit : 1
}
