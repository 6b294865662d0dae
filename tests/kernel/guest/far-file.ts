/**
 * The device's side of a kernel node (gadget functions, uhid): read without blocking, written in
 * order. A node whose host is gone ends quietly, as a device without power does.
 */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'

const look_ms = 2
const most_bytes = 8192

export class FarFile {
  readonly #descriptor: number
  readonly #take: (bytes: Uint8Array) => void
  readonly #timer: NodeJS.Timeout
  readonly #buffer = new Uint8Array(most_bytes)
  #waiting: Uint8Array[] = []
  #open = true

  constructor(path: string, take: (bytes: Uint8Array) => void) {
    this.#descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY)
    this.#take = take
    this.#timer = setInterval(() => this.#work(), look_ms)
  }

  send(bytes: Uint8Array): void {
    this.#waiting.push(bytes)
    this.#write()
  }

  /** Without letting the event loop turn: what is taken while waiting is lost. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    clearInterval(this.#timer)
    closeSync(this.#descriptor)
  }

  #work(): void {
    this.#write()
    while (this.#open) {
      const size = this.#attempt(() => readSync(this.#descriptor, this.#buffer))
      if (size === 0) return
      this.#take(this.#buffer.slice(0, size))
    }
  }

  #write(): void {
    while (this.#open && this.#waiting.length > 0) {
      const taken = this.#attempt(() => writeSync(this.#descriptor, this.#waiting[0]!))
      if (taken === 0) return
      const left = this.#waiting[0]!.subarray(taken)
      if (left.length > 0) this.#waiting[0] = left
      else this.#waiting.shift()
    }
  }

  #attempt(io: () => number): number {
    try {
      return io()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.#waiting = []
      return 0
    }
  }
}
