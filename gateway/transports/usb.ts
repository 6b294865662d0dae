/**
 * Vendor bulk pipes of USB devices (Linux only): the ID-card readers that answer to 0400:C35A, in
 * either of their layouts. The layout is picked by the endpoints a device has; `layout` insists on
 * one. One write is one SAM frame. Bytes come packet by packet: a reply whose last packet is full
 * ends no transfer, and must not wait for one that never comes. Raises Fault `device_gone`,
 * `device_refused` (two devices fit, or no known layout), `unsupported`.
 */
import { Fault } from '#devices/std/fault.ts'
import {
  type BulkLayout,
  bulkTransfers,
  createBulkReader,
  pickBulkLayout,
  splitPipes,
  type Transfer,
} from '#devices/wire/usb-bulk.ts'
import { printAddress, type UsbLayout, type UsbName } from './address.ts'
import { type Guarded, guarded, sendQueue } from './guarded.ts'
import { codeOf, type Natives } from './native.ts'
import { type Found, findOne, lookFor, usbNodes } from './sysfs.ts'
import type { Link, LinkHandlers, Transport } from './transport.ts'
import { type NodeWatch, WatchedNode } from './watch.ts'

type Endpoint = { endpointNumber: number; direction: string; type: string; packetSize: number }
type Interface = { interfaceNumber: number; alternate: { endpoints: Endpoint[] } }

/** What is used of the library's device. */
type Device = {
  readonly bus: string
  readonly address: number
  readonly configuration?: { interfaces: Interface[] } | undefined
  open(): Promise<void>
  close(): Promise<void>
  claimInterface(number: number): Promise<void>
  nativeTransferIn(endpoint: number, wait_ms: number, bytes: number): Promise<Uint8Array | null>
  nativeTransferOut(endpoint: number, wait_ms: number, bytes: Uint8Array): Promise<number>
}

type Pipes = { interface: number; layout: BulkLayout; packet: (pipe: number) => number }

export type UsbParts = { nodes: NodeWatch; natives: Natives }

const advice = 'reinstall with npm ci on this machine'
/**
 * How long one read may hold the pipe: longer than a module thinks, as what comes when it is given
 * up is lost; and so long a closed link keeps the device from the next one.
 */
const read_ms = 3000
const write_ms = 2000

export function usbTransport(
  parts: UsbParts,
  options: { name: UsbName; layout: UsbLayout },
): Transport {
  const address = printAddress({ kind: 'usb', ...options })
  const find = () => usbNodes(options.name)
  const node = new WatchedNode(parts.nodes, lookFor(find))
  /** The last link's transfers hold the device for a moment after its end. */
  let released = Promise.resolve()
  return {
    address,
    async open(handlers) {
      await released
      if (process.platform !== 'linux') throw new Fault('unsupported', 'USB pipes need Linux')
      const found = findOne(find())
      if (found === null || !node.try()) throw new Fault('device_gone', `${address} ENOENT`)
      const { usb } = await parts.natives.load('usb', advice, () => import('usb'))
      const devices = await usb.getDevices().catch(() => [])
      const device = devices.find((one) => isAt(one as unknown as Device, found))
      if (device === undefined) throw new Fault('device_gone', `${address} ENODEV`)
      const pipes = await claimed(device as unknown as Device, address, options.layout)
      const opened = linkOver(device as unknown as Device, pipes, { handlers, node })
      released = opened.released
      return opened.link
    },
    watch: (onBack) => node.untilBack(onBack),
  }
}

function isAt({ bus, address }: Device, { node }: Found): boolean {
  const [on, at] = node.split('/').slice(-2).map(Number)
  return Number(bus) === on && address === at
}

async function claimed(device: Device, address: string, wanted: UsbLayout): Promise<Pipes> {
  const fail = (cause: unknown) => {
    throw new Fault('device_gone', `${address} ${codeOf(cause)}`, { cause })
  }
  await device.open().catch(fail)
  const pipes = pipesOf(device, wanted)
  if (pipes === null) {
    await device.close().catch(() => {})
    throw new Fault('device_refused', `${address} has no pair of bulk pipes we know`)
  }
  await device.claimInterface(pipes.interface).catch(async (cause: unknown) => {
    await device.close().catch(() => {})
    fail(cause)
  })
  return pipes
}

/** The first interface whose bulk endpoints fit a layout. */
function pipesOf(device: Device, wanted: UsbLayout): Pipes | null {
  for (const { interfaceNumber, alternate } of device.configuration?.interfaces ?? []) {
    const bulk = alternate.endpoints.filter((endpoint) => endpoint.type === 'bulk')
    const layout = pickBulkLayout(bulk.map(addressOf))
    if (layout === null || (wanted !== 'auto' && wanted !== layout.layout)) continue
    const sizes = new Map(bulk.map((endpoint) => [addressOf(endpoint), endpoint.packetSize]))
    return { interface: interfaceNumber, layout, packet: (pipe) => sizes.get(pipe) ?? 64 }
  }
  return null
}

function addressOf({ endpointNumber, direction }: Endpoint): number {
  return direction === 'in' ? endpointNumber | 0x80 : endpointNumber
}

function linkOver(
  device: Device,
  pipes: Pipes,
  { handlers, node }: { handlers: LinkHandlers; node: WatchedNode },
): { link: Link; released: Promise<void> } {
  const asked = new Asked()
  const link = guarded(handlers, () => {
    stopWatching()
    asked.again()
  })
  const stopWatching = node.whileThere(() => link.end('gone'))
  const { layout } = pipes
  const reader = createBulkReader(layout)
  const take = (pipe: number, bytes: Uint8Array) => {
    const taken = reader.take({ pipe, bytes })
    // What fits nowhere is noise, for the deframer to count.
    link.data(taken.refused > 0 ? bytes : taken.bytes)
  }
  let sending = Promise.resolve()
  const send = (frame: Uint8Array) => {
    reader.reset()
    asked.again()
    const sent = sendTransfers(device, bulkTransfers(layout, frame))
    sending = sent.catch(() => {})
    return sent
  }
  // A device that takes nothing for so long is stalled; the library says cancelled.
  const reasonOf = (error: unknown) => (isTimeout(error) ? 'stalled' : 'gone')
  const queue = sendQueue(link, send, { reasonOf })
  // The library throws where a device is closed under a transfer.
  const released = readPipes(device, pipes, { link, asked, take })
    .then(() => sending)
    .then(() => device.close())
    .catch(() => {})
  return {
    link: { write: (frame) => queue.push(frame), close: () => link.end('closed') },
    released,
  }
}

async function sendTransfers(device: Device, transfers: readonly Transfer[]): Promise<void> {
  for (const { pipe, bytes } of transfers) await device.nativeTransferOut(pipe, write_ms, bytes)
}

/** Whether somebody asked since the last look, and a wait for it. */
class Asked {
  #open = false
  #wake: (() => void) | null = null

  again(): void {
    this.#open = true
    this.#wake?.()
    this.#wake = null
  }

  async wait(): Promise<void> {
    if (!this.#open) await new Promise<void>((resolve) => (this.#wake = resolve))
    this.#open = false
  }
}

/**
 * One read at a time, a packet each. In the split layout the body is read only behind its head: of
 * two reads at once either could be told of first. A read that nothing answers is the last until
 * somebody asks: a packet that comes in the moment a read is given up is lost, and a module speaks
 * only when asked.
 */
async function readPipes(
  device: Device,
  { layout, packet }: Pipes,
  given: { link: Guarded; asked: Asked; take: (pipe: number, bytes: Uint8Array) => void },
): Promise<void> {
  const { link, asked, take } = given
  const { head_in, body_in } = splitPipes
  let body_due = 0
  await asked.wait()
  while (!link.closed) {
    const single = layout.layout === 'single'
    const pipe = single ? layout.in_pipe : body_due > 0 ? body_in : head_in
    const bytes = await readOnce(device, pipe, packet(pipe))
    if (bytes === 'gone') link.end('gone')
    else if (bytes === null) {
      body_due = 0
      await asked.wait()
    } else {
      if (pipe === body_in) body_due -= bytes.length
      else if (!single && bytes.length === 7) body_due = (bytes[5]! << 8) | bytes[6]!
      take(pipe, bytes)
    }
  }
}

/** Null: nothing came in time. */
async function readOnce(
  device: Device,
  pipe: number,
  most_bytes: number,
): Promise<Uint8Array | 'gone' | null> {
  try {
    return await device.nativeTransferIn(pipe & 0x7f, read_ms, most_bytes)
  } catch (error) {
    return isTimeout(error) ? null : 'gone'
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message.includes('Cancelled')
}
