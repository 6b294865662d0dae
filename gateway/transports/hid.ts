/**
 * HID devices through hidraw (Linux only). One write is one output report without its id, one
 * `onData` one input report as the kernel gives it (an id in front only where the device numbers
 * its reports). The library reads in a thread of its own, so that many devices starve nobody.
 * Raises Fault `device_gone`, `device_refused` (two devices fit the address), `unsupported` (no
 * Linux, or a library is missing: also hidraw needs libusb-1.0).
 */
import { Fault } from '#devices/std/fault.ts'
import { printAddress, type UsbName } from './address.ts'
import { guarded, sendQueue } from './guarded.ts'
import { codeOf, type Natives } from './native.ts'
import { findOne, hidNodes, lookFor } from './sysfs.ts'
import type { Link, LinkHandlers, Transport } from './transport.ts'
import { type NodeWatch, WatchedNode } from './watch.ts'

/** What is used of node-hid's asynchronous device. Its errors are not always Errors. */
type Device = {
  write(report: number[]): Promise<number>
  close(): Promise<void>
  on(event: 'data', take: (report: Uint8Array) => void): unknown
  on(event: 'error', take: (error: unknown) => void): unknown
}

export type HidParts = { nodes: NodeWatch; natives: Natives }

const advice = 'install the Debian packages libusb-1.0-0 and libudev1'
/** Stands in front of a report of a device that numbers none. */
const no_report_id = 0x00

export function hidTransport(parts: HidParts, name: UsbName): Transport {
  const address = printAddress({ kind: 'hid', name })
  const find = () => hidNodes(name)
  const node = new WatchedNode(parts.nodes, lookFor(find))
  return {
    address,
    async open(handlers) {
      if (process.platform !== 'linux') throw new Fault('unsupported', 'HID needs Linux')
      const found = findOne(find())
      if (found === null || !node.try()) throw new Fault('device_gone', `${address} ENOENT`)
      const { HIDAsync } = await parts.natives.load('node-hid', advice, loadHid)
      const device: Device = await HIDAsync.open(found.node).catch((cause: unknown) => {
        throw new Fault('device_gone', `${address} ${found.node} ${codeOf(cause)}`, { cause })
      })
      return linkOver(device, handlers, node)
    },
    watch: (onBack) => node.untilBack(onBack),
  }
}

/** The module itself is plain; asking for a version loads its native part. */
async function loadHid() {
  const { default: library } = await import('node-hid')
  library.getHidapiVersion()
  return library
}

function linkOver(device: Device, handlers: LinkHandlers, node: WatchedNode): Link {
  const link = guarded(handlers, () => {
    stopWatching()
    // The library begins to read a tick after the listener came, and throws if it is closed then.
    setImmediate(() => void device.close().catch(() => {}))
  })
  const stopWatching = node.whileThere(() => link.end('gone'))
  device.on('data', (report) => link.data(report))
  device.on('error', () => link.end('gone'))
  const queue = sendQueue(
    link,
    async (report) => void (await device.write([no_report_id, ...report])),
    { reasonOf: () => 'gone' },
  )
  return { write: (report) => queue.push(report), close: () => link.end('closed') }
}
