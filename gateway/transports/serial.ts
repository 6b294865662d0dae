/**
 * Devices on a serial port: built in, USB adapters, CDC ACM, pseudo-terminals.
 * The port is locked while it is open. Modem lines are left as the driver sets them:
 * pseudo-terminals have none. A port that is gone is noticed by its read, or by its node where
 * nothing is read. Raises Fault `device_gone` (no such port, no permission, in use), `unsupported`
 * without the library.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '#devices/std/fault.ts'
import { printAddress, type SerialLine } from './address.ts'
import { guarded, most_queued_bytes } from './guarded.ts'
import { codeOf, type Natives } from './native.ts'
import type { Link, LinkHandlers, Transport } from './transport.ts'
import { lookAtPath, type NodeWatch, WatchedNode } from './watch.ts'

/** What is used of serialport's stream. */
type Port = {
  readonly writableLength: number
  /** The binding below; it has a poller where the system has file descriptors to poll. */
  readonly port?: { readonly poller?: NodeJS.EventEmitter } | undefined
  open(done: (error: Error | null) => void): void
  close(done: (error: Error | null) => void): void
  write(bytes: Uint8Array): boolean
  on(event: 'data', take: (bytes: Uint8Array) => void): unknown
  on(event: 'close' | 'end', take: () => void): unknown
  on(event: 'error', take: (error: Error) => void): unknown
}

export type SerialParts = { nodes: NodeWatch; natives: Natives }

/** A line that cannot send what it still holds may close much later: then the opening says so. */
const closing_most_ms = 2_000
const advice = 'reinstall with npm ci on this machine'

export function serialTransport(
  parts: SerialParts,
  options: { path: string; line: SerialLine; most_queued_bytes?: number },
): Transport {
  const { path, line } = options
  const address = printAddress({ kind: 'serial', path, line })
  const node = new WatchedNode(parts.nodes, lookAtPath(path))
  const most_bytes = options.most_queued_bytes ?? most_queued_bytes
  /** The last port that was opened here: it holds its lock until it is really closed. */
  let closed: Promise<void> = Promise.resolve()
  return {
    address,
    async open(handlers) {
      await Promise.race([closed, sleep(closing_most_ms, undefined, { ref: false })])
      const { SerialPort } = await parts.natives.load('serialport', advice, loadSerial)
      if (!node.try()) throw new Fault('device_gone', `${address} ENOENT`)
      const { baud: baudRate, parity, data: dataBits, stop: stopBits } = line
      const settings = { path, baudRate, parity, dataBits, stopBits, autoOpen: false }
      const port = new SerialPort(settings) as unknown as Port
      await opened(port).catch((cause: unknown) => {
        throw new Fault('device_gone', `${address} ${codeOf(cause)}`, { cause })
      })
      keepAwake(port)
      closed = endOf(port)
      return linkOver(port, handlers, { node, most_bytes })
    },
    watch: (onBack) => node.untilBack(onBack),
  }
}

/** The library loads its native part with the module. */
function loadSerial() {
  return import('serialport')
}

function opened(port: Port): Promise<void> {
  return new Promise((resolve, reject) => {
    port.open((error) => (error === null ? resolve() : reject(error)))
  })
}

/** One whose closing fails says so instead of closing: nobody waits for it for ever. */
function endOf(port: Port): Promise<void> {
  return new Promise((resolve) => {
    port.on('close', resolve)
    port.on('error', () => resolve())
  })
}

/**
 * The library settles promises inside its poll's callback, and this runtime runs what waits for them
 * only at the next turn of the loop, which may be a whole reply's time away: here is that turn.
 */
function keepAwake(port: Port): void {
  const { poller } = port.port ?? {}
  for (const event of ['readable', 'writable']) poller?.on(event, () => setImmediate(() => {}))
}

function linkOver(
  port: Port,
  handlers: LinkHandlers,
  { node, most_bytes }: { node: WatchedNode; most_bytes: number },
): Link {
  const link = guarded(handlers, () => {
    stopWatching()
    // A port that closed by itself says so again.
    port.close(() => {})
  })
  const stopWatching = node.whileThere(() => link.end('gone'))
  port.on('data', (bytes) => link.data(bytes))
  // Stays for good: an error after the end would else end the program.
  port.on('error', (error) => link.end(codeOf(error).toLowerCase()))
  port.on('end', () => link.end('gone'))
  port.on('close', () => link.end('gone'))
  return {
    write(bytes) {
      if (link.closed) return
      // A copy: it may wait, and the caller's bytes are the caller's.
      port.write(Uint8Array.from(bytes))
      if (port.writableLength > most_bytes) link.end('stalled')
    },
    close: () => link.end('closed'),
  }
}
