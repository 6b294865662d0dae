/**
 * From an address to the transport that reaches it. Nothing native is loaded before a device that
 * needs it is opened.
 * Raises Fault `config_invalid` for an address that is none: the configuration was to say so
 * before.
 */
import type { Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import { type Address, parseAddress, plainLine, type SerialLine } from './address.ts'
import { hidTransport } from './hid.ts'
import { lpTransport } from './lp.ts'
import { type Natives, nativeLibraries } from './native.ts'
import { serialTransport } from './serial.ts'
import { tcpTransport } from './tcp.ts'
import type { Transport } from './transport.ts'
import { usbTransport } from './usb.ts'
import { type NodeWatch, nodeWatch } from './watch.ts'

/** What transports of one program have in common: one watch over all nodes, each library once. */
export type SharedParts = { nodes: NodeWatch; natives: Natives }

export function sharedParts({ pace, log }: { pace: Pace; log: Log }): SharedParts {
  return { nodes: nodeWatch(pace), natives: nativeLibraries(log) }
}

export type TransportParts = {
  pace: Pace
  log: Log
  /** Its own without. */
  shared?: SharedParts
  /** What devices of this kind are set to, where the address says nothing else. */
  line?: Partial<SerialLine>
}

export function transportFor(at: string, parts: TransportParts): Transport {
  const parsed = parseAddress(at)
  if (!parsed.ok) throw new Fault('config_invalid', `${at}: ${parsed.problems.join('; ')}`)
  return { ...transportOf(parsed.address, parts), address: at }
}

function transportOf(address: Address, parts: TransportParts): Transport {
  const { pace, shared = sharedParts(parts) } = parts
  switch (address.kind) {
    case 'tcp':
      return tcpTransport(pace, address)
    case 'serial': {
      const line = { ...plainLine, ...parts.line, ...address.line }
      return serialTransport(shared, { path: address.path, line })
    }
    case 'hid':
      return hidTransport(shared, address.name)
    case 'usb':
      return usbTransport(shared, address)
    case 'lp':
      return lpTransport({ pace, nodes: shared.nodes }, address)
  }
}
