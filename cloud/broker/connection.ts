/**
 * A client's socket as the broker library may see it: every packet's length is checked before the
 * library gets a byte of it, and what the client does not read is bounded, since a stream that says
 * "wait" to the library makes it hold back messages of other clients too.
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { lengthGuard } from './length-guard.ts'

export type CutReason = 'oversized' | 'malformed' | 'slow'

export type ConnectionLimits = {
  /** Remaining length of the first packet, before anybody is known. */
  first_bytes: number
  /** Remaining length of every later packet. */
  packet_bytes: number
  /** Sent and not yet read by the client. */
  unread_bytes: number
}

/** Wraps a connected socket. Destroying either destroys both. */
export class GuardedConnection extends Duplex {
  readonly #socket: Socket
  readonly #limits: ConnectionLimits
  readonly #onCut: (reason: CutReason) => void
  readonly #guard: ReturnType<typeof lengthGuard>

  constructor(socket: Socket, limits: ConnectionLimits, onCut: (reason: CutReason) => void) {
    super({ allowHalfOpen: false, writableHighWaterMark: limits.unread_bytes + 1 })
    this.#socket = socket
    this.#limits = limits
    this.#onCut = onCut
    this.#guard = lengthGuard(limits.first_bytes)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => this.push(null))
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
    socket.pause()
  }

  /** The client is known now: later packets may be as large as packets may be. */
  admit(): void {
    this.#guard.allow(this.#limits.packet_bytes)
  }

  #take(chunk: Buffer): void {
    const verdict = this.#guard.look(chunk)
    if (verdict.kind !== 'pass') this.#cut(verdict.kind)
    else if (!this.push(chunk)) this.#socket.pause()
  }

  #cut(reason: CutReason): void {
    if (this.destroyed) return
    this.#onCut(reason)
    this.destroy()
  }

  override _read(): void {
    this.#socket.resume()
  }

  /**
   * All that is there in one piece, as before Node 26: the library reads once per 'readable' and
   * would leave the rest lying.
   */
  override read(size?: number): Buffer | null {
    if (typeof size === 'number') return super.read(size)
    const parts: Buffer[] = []
    for (let part = super.read(); part !== null; part = super.read()) parts.push(part)
    if (parts.length === 0) return null
    return parts.length === 1 ? (parts[0] ?? null) : Buffer.concat(parts)
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
