/**
 * Printers behind the kernel's printer class, /dev/usb/lp0 and its like, with plain files. Opened
 * without blocking: a printer that is off line takes nothing and must not hold a thread for it.
 * The kernel announces nothing for such a node, so the back channel is asked: often just after a
 * write, a few times a second else. A printer without one prints all the same.
 * Raises Fault `device_gone` (no such node, no permission, another program has it).
 */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import type { Cancel, Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import { printAddress } from './address.ts'
import { guarded, most_queued_bytes } from './guarded.ts'
import { codeOf } from './native.ts'
import type { Link, LinkHandlers, Transport } from './transport.ts'
import { lookAtPath, type NodeWatch, WatchedNode } from './watch.ts'

export type LpParts = { pace: Pace; nodes: NodeWatch }

/** Between looks at the back channel: while an answer may be on its way, and else. */
const busy_ms = 10
const idle_ms = 100
const busy_for_ms = 1000
/** Before a write that found no room is tried again. */
const full_ms = 20
const most_read_bytes = 4096

export function lpTransport(
  parts: LpParts,
  options: { path: string; most_queued_bytes?: number },
): Transport {
  const { path } = options
  const address = printAddress({ kind: 'lp', path })
  const node = new WatchedNode(parts.nodes, lookAtPath(path))
  return {
    address,
    async open(handlers) {
      if (!node.try()) throw new Fault('device_gone', `${address} ENOENT`)
      const descriptor = openNode(path, address)
      return new LpLink(parts.pace, descriptor, {
        handlers,
        node,
        most_bytes: options.most_queued_bytes ?? most_queued_bytes,
      })
    },
    watch: (onBack) => node.untilBack(onBack),
  }
}

function openNode(path: string, address: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch (cause) {
    throw new Fault('device_gone', `${address} ${codeOf(cause)}`, { cause })
  }
}

class LpLink implements Link {
  readonly #pace: Pace
  readonly #descriptor: number
  readonly #most_bytes: number
  readonly #link: ReturnType<typeof guarded>
  readonly #buffer = new Uint8Array(most_read_bytes)
  readonly #waiting: Uint8Array[] = []
  #waiting_bytes = 0
  #reading: Cancel | null = null
  #writing: Cancel | null = null
  #busyUntil_ms = Number.NEGATIVE_INFINITY

  constructor(
    pace: Pace,
    descriptor: number,
    given: { handlers: LinkHandlers; node: WatchedNode; most_bytes: number },
  ) {
    this.#pace = pace
    this.#descriptor = descriptor
    this.#most_bytes = given.most_bytes
    this.#link = guarded(given.handlers, () => {
      stopWatching()
      this.#reading?.()
      this.#writing?.()
      closeSync(descriptor)
    })
    const stopWatching = given.node.whileThere(() => this.#link.end('gone'))
    this.#readLater()
  }

  write(bytes: Uint8Array): void {
    if (this.#link.closed) return
    this.#waiting.push(bytes.slice())
    this.#waiting_bytes += bytes.length
    this.#busyUntil_ms = this.#pace.now_ms() + busy_for_ms
    if (this.#writing === null) this.#writeNow()
    if (this.#waiting_bytes > this.#most_bytes) this.#link.end('stalled')
    else if (!this.#link.closed) this.#readLater()
  }

  close(): void {
    this.#link.end('closed')
  }

  #writeNow(): void {
    this.#writing = null
    while (this.#waiting.length > 0 && !this.#link.closed) {
      const taken = this.#attempt(() => writeSync(this.#descriptor, this.#waiting[0]!))
      if (taken === 'gone') return
      if (taken === 'later' || taken === 0) {
        this.#writing = this.#pace.after(full_ms, 'printer full', () => this.#writeNow())
        return
      }
      this.#waiting_bytes -= taken
      const left = this.#waiting[0]!.subarray(taken)
      if (left.length > 0) this.#waiting[0] = left
      else this.#waiting.shift()
    }
  }

  #readLater(): void {
    this.#reading?.()
    const wait_ms = this.#pace.now_ms() < this.#busyUntil_ms ? busy_ms : idle_ms
    this.#reading = this.#pace.after(wait_ms, 'printer back channel', () => this.#readNow())
  }

  #readNow(): void {
    this.#reading = null
    const size = this.#attempt(() => readSync(this.#descriptor, this.#buffer), 'no back channel')
    if (size === 'gone' || this.#link.closed) return
    // A printer that only listens: its node is still watched.
    if (size === 'no back channel') return
    if (size !== 'later' && size > 0) this.#link.data(this.#buffer.slice(0, size))
    if (!this.#link.closed) this.#readLater()
  }

  #attempt<Deaf extends string = never>(
    io: () => number,
    deaf?: Deaf,
  ): number | 'later' | 'gone' | Deaf {
    try {
      return io()
    } catch (error) {
      const code = codeOf(error)
      if (code === 'EAGAIN' || code === 'EINTR') return 'later'
      if (code === 'EINVAL' && deaf !== undefined) return deaf
      this.#link.end(code === 'ENODEV' ? 'gone' : code.toLowerCase())
      return 'gone'
    }
  }
}
