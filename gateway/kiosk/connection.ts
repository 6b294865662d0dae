/**
 * A client's socket as the broker library may see it: a packet's length is checked before the
 * library gets a byte of it, and what the client does not read is bounded, since a stream that says
 * "wait" to the library makes it hold back what others are to be sent.
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { lengthGuard } from '../uplink/length-guard.ts'

export type ConnectionLimits = {
  /** Remaining length of any packet. */
  packet_bytes: number
  /** Sent and not yet read by the client. */
  unread_bytes: number
}
export type CutReason = 'too_large' | 'malformed' | 'slow'

/** Wraps a connected socket; destroying either destroys both. */
export class KioskConnection extends Duplex {
  readonly #socket: Socket
  readonly #limits: ConnectionLimits
  readonly #onCut: (reason: CutReason) => void

  constructor(socket: Socket, limits: ConnectionLimits, onCut: (reason: CutReason) => void) {
    super({ allowHalfOpen: false, writableHighWaterMark: limits.unread_bytes + 1 })
    this.#socket = socket
    this.#limits = limits
    this.#onCut = onCut
    const guard = lengthGuard(limits.packet_bytes)
    socket.on('data', (chunk: Buffer) => {
      const verdict = guard.push(chunk)
      if (verdict !== 'ok') this.#cut(verdict)
      else if (!this.push(chunk)) socket.pause()
    })
    socket.on('end', () => this.push(null))
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
    socket.pause()
  }

  #cut(reason: CutReason): void {
    if (this.destroyed) return
    this.#onCut(reason)
    this.destroy()
  }

  override _read(): void {
    this.#socket.resume()
  }

  /** All that is there in one piece: the library reads once per 'readable' and leaves the rest. */
  override read(size?: number): Buffer | null {
    if (typeof size === 'number') return super.read(size)
    const parts: Buffer[] = []
    for (let part = super.read(); part !== null; part = super.read()) parts.push(part)
    return parts.length === 0 ? null : Buffer.concat(parts)
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#send(chunk)
    done()
  }

  /** One packet is written in several pieces; they leave as one. */
  override _writev(pieces: { chunk: Buffer }[], done: () => void): void {
    this.#send(Buffer.concat(pieces.map((piece) => piece.chunk)))
    done()
  }

  /** Never waits, so that nobody waits for this client; cuts it off instead. */
  #send(chunk: Buffer): void {
    this.#socket.write(chunk)
    if (this.#socket.writableLength > this.#limits.unread_bytes) this.#cut('slow')
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}
