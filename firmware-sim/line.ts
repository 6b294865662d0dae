/**
 * A simulated device's cable: one TCP server for one device, with the faults of real cables. One
 * link at a time; a newer one replaces the older, as serial servers do.
 * With a baud rate bytes take their time as on a serial line: each 10 or 11 bits, one behind the other
 * and in both directions at once, delivered a few milliseconds' worth at a time and never before the
 * last bit of a piece is through.
 * Faults are probabilities for each piece sent in either direction, drawn from the random given, so
 * a seed replays a run. Raises Fault `port_in_use` when the port is taken.
 */
import net from 'node:net'
import { type Pace, sleep } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Random } from '#devices/std/random.ts'
import type { DeviceModel } from './models/model.ts'

export type LineFaults = {
  /** Cut the piece in two somewhere. */
  split: number
  /** One to eight stray bytes in front. */
  noise: number
  /** One byte changed. */
  corrupt: number
  /** Up to `delay_ms` late. */
  delay: number
  /** The cable is pulled in the middle of the piece; it is plugged in again at once. */
  unplug: number
  delay_ms: number
}

export const noFaults: LineFaults = {
  split: 0,
  noise: 0,
  corrupt: 0,
  delay: 0,
  unplug: 0,
  delay_ms: 20,
}

export type LineOptions = {
  host?: string
  /** 0 takes any free port. */
  port?: number
  /** Bits per second; 0 does not pace. */
  baud?: number
  /** 8N1 takes 10 bits a byte, 8E1 takes 11. */
  bits_per_byte?: 10 | 11
  /** Told of every piece: when its first byte enters the line, and when its last one is delivered. */
  tap?: LineTap
  faults?: Partial<LineFaults>
}

export type LineTap = (to: 'device' | 'host', edge: 'first' | 'last', piece: Uint8Array) => void

/** How long bytes take on a line. */
export function lineTime_ms(bytes: number, baud: number, bits_per_byte: 10 | 11 = 10): number {
  return (bytes * bits_per_byte * 1000) / baud
}

export type LineCounts = Record<
  'links' | 'split' | 'noise' | 'corrupt' | 'delay' | 'unplug',
  number
>

export interface Line extends AsyncDisposable {
  readonly port: number
  readonly counts: Readonly<LineCounts>
  /** Ends the link and refuses new ones until `plug`. */
  unplug(): Promise<void>
  plug(): Promise<void>
  /** Ends the link only: the device is reachable again at once. */
  cut(): void
  setFaults(faults: Partial<LineFaults>): void
}

/** A receiver's buffer hands over about so much at a time. */
const chunk_ms = 4
/** Closer than a timer can hit: the rest of a bit. */
const near_ms = 0.05

/** Pieces on their way in one direction; a sender that outruns a slow line is cut off. */
const most_queued = 4096

type Direction = {
  to: 'device' | 'host'
  queue: { bytes: Uint8Array; at_ms: number }[]
  running: boolean
  /** When the bytes before are through. */
  free_at_ms: number
  here: () => boolean
  deliver: (piece: Uint8Array) => void
}

export async function openLine(
  model: DeviceModel,
  parts: { pace: Pace; random: Random },
  options: LineOptions = {},
): Promise<Line> {
  const line = new TcpLine(model, parts, options)
  await line.plug()
  return line
}

class TcpLine implements Line {
  readonly counts: LineCounts = { links: 0, split: 0, noise: 0, corrupt: 0, delay: 0, unplug: 0 }
  readonly #model: DeviceModel
  readonly #pace: Pace
  readonly #random: Random
  readonly #host: string
  readonly #baud: number
  readonly #bits: 10 | 11
  readonly #tap: LineTap
  #faults: LineFaults
  #port: number
  #server: net.Server | null = null
  #socket: net.Socket | null = null

  constructor(model: DeviceModel, parts: { pace: Pace; random: Random }, options: LineOptions) {
    this.#model = model
    this.#pace = parts.pace
    this.#random = parts.random
    this.#host = options.host ?? '127.0.0.1'
    this.#port = options.port ?? 0
    this.#baud = options.baud ?? 0
    this.#bits = options.bits_per_byte ?? 10
    this.#tap = options.tap ?? (() => {})
    this.#faults = { ...noFaults, ...options.faults }
  }

  get port(): number {
    return this.#port
  }

  setFaults(faults: Partial<LineFaults>): void {
    this.#faults = { ...this.#faults, ...faults }
  }

  plug(): Promise<void> {
    if (this.#server !== null) return Promise.resolve()
    const server = net.createServer({ noDelay: true }, (socket) => this.#accept(socket))
    this.#server = server
    return new Promise((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => {
        this.#server = null
        const code = cause.code === 'EADDRINUSE' ? 'port_in_use' : 'unavailable'
        reject(new Fault(code, `${this.#host}:${this.#port}`, { cause }))
      })
      server.listen({ host: this.#host, port: this.#port }, () => {
        const address = server.address()
        if (address !== null && typeof address === 'object') this.#port = address.port
        resolve()
      })
    })
  }

  unplug(): Promise<void> {
    const server = this.#server
    this.#server = null
    this.cut()
    if (server === null) return Promise.resolve()
    return new Promise((resolve) => {
      server.close(() => resolve())
    })
  }

  cut(): void {
    const socket = this.#socket
    this.#socket = null
    if (socket === null) return
    socket.destroy()
    this.#model.detach()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unplug()
  }

  #accept(socket: net.Socket): void {
    this.cut()
    this.#socket = socket
    this.counts.links += 1
    const here = () => this.#socket === socket
    const common = { running: false, free_at_ms: 0, here }
    const out: Direction = {
      to: 'host',
      queue: [],
      ...common,
      deliver: (piece) => socket.write(piece),
    }
    const into: Direction = {
      to: 'device',
      queue: [],
      ...common,
      deliver: (piece) => this.#model.receive(piece),
    }
    this.#model.attach((bytes) => here() && this.#carry(out, bytes))
    socket.on('data', (bytes: Uint8Array) => here() && this.#carry(into, bytes))
    socket.on('error', () => {})
    socket.on('end', () => here() && this.cut())
    socket.on('close', () => here() && this.cut())
  }

  /** Sends pieces in order; at once and without a queue while no fault or pacing asks to wait. */
  #carry(direction: Direction, bytes: Uint8Array): void {
    if (!direction.running && this.#isClean()) {
      this.#tap(direction.to, 'first', bytes)
      direction.deliver(bytes)
      this.#tap(direction.to, 'last', bytes)
      return
    }
    direction.queue.push({ bytes, at_ms: this.#pace.now_ms() })
    if (direction.queue.length > most_queued) {
      this.cut()
      return
    }
    if (direction.running) return
    direction.running = true
    void this.#drain(direction)
  }

  #isClean(): boolean {
    const { split, noise, corrupt, delay, unplug } = this.#faults
    return this.#baud === 0 && split + noise + corrupt + delay + unplug === 0
  }

  async #drain(direction: Direction): Promise<void> {
    const { queue, here, to } = direction
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { bytes, at_ms } = next
      direction.free_at_ms = Math.max(direction.free_at_ms, at_ms)
      this.#tap(to, 'first', bytes)
      const pulled = this.#draw('unplug')
      for (const piece of this.#damage(bytes, pulled)) {
        if (!(await this.#travel(direction, piece))) return
      }
      if (pulled) {
        // The model may have hung up meanwhile, and somebody else be here.
        if (here()) this.cut()
        return
      }
      this.#tap(to, 'last', bytes)
    }
    direction.running = false
  }

  #damage(bytes: Uint8Array, pulled: boolean): Uint8Array[] {
    let whole = bytes
    if (pulled) whole = whole.subarray(0, this.#below(whole.length))
    if (this.#draw('corrupt') && whole.length > 0) {
      whole = whole.slice()
      const at = this.#below(whole.length)
      whole[at] = whole[at]! ^ (1 + this.#below(255))
    }
    const pieces: Uint8Array[] = []
    if (this.#draw('noise')) {
      pieces.push(Uint8Array.from({ length: 1 + this.#below(8) }, () => this.#below(256)))
    }
    const cut = this.#draw('split') ? this.#below(whole.length) : 0
    pieces.push(whole.subarray(0, cut), whole.subarray(cut))
    return pieces.filter((piece) => piece.length > 0)
  }

  /** False when the link went away underneath. */
  async #travel(direction: Direction, piece: Uint8Array): Promise<boolean> {
    if (this.#draw('delay')) {
      await sleep(this.#pace, this.#random() * this.#faults.delay_ms, 'line delay')
      direction.free_at_ms = Math.max(direction.free_at_ms, this.#pace.now_ms())
    }
    // A cut piece travels apart only if the reader runs between its halves.
    else if (this.#faults.split > 0) await sleep(this.#pace, 0, 'line split')
    const { here, deliver } = direction
    for (const chunk of this.#chunks(piece)) {
      if (this.#baud > 0) await this.#untilThrough(direction, chunk.length)
      if (!here()) return false
      deliver(chunk)
    }
    return true
  }

  #chunks(piece: Uint8Array): Uint8Array[] {
    if (this.#baud === 0) return [piece]
    const size = Math.max(1, Math.floor(chunk_ms / lineTime_ms(1, this.#baud, this.#bits)))
    const chunks: Uint8Array[] = []
    for (let at = 0; at < piece.length; at += size) chunks.push(piece.subarray(at, at + size))
    return chunks
  }

  /** By the clock and not by adding up waits: a late timer does not slow the line down. */
  async #untilThrough(direction: Direction, bytes: number): Promise<void> {
    direction.free_at_ms += lineTime_ms(bytes, this.#baud, this.#bits)
    for (;;) {
      const left_ms = direction.free_at_ms - this.#pace.now_ms()
      if (left_ms <= near_ms) return
      await sleep(this.#pace, left_ms, 'line pacing')
    }
  }

  #draw(fault: 'split' | 'noise' | 'corrupt' | 'delay' | 'unplug'): boolean {
    const hit = this.#random() < this.#faults[fault]
    if (hit) this.counts[fault] += 1
    return hit
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }
}
