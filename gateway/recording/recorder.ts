/**
 * One recording while it runs: what the tap hears goes through the sanitiser into a file, with the time
 * since the beginning. Ends by itself: after its minutes, at its bytes, when the disk refuses or does
 * not keep up. Nothing of it waits for the device, and the device never waits for it.
 */
import { createWriteStream, type WriteStream } from 'node:fs'
import {
  type RecordingEntry,
  type RecordingHead,
  recordingLine,
} from '#devices/contract/recording.ts'
import { toHex } from '#devices/std/bytes.ts'
import type { Cancel, Pace } from '#devices/std/clock.ts'
import type { Piece, Sanitiser } from './sanitiser.ts'
import type { Tap } from './tap.ts'

/** `time`, `bytes`: its bound was reached. `slow`: the disk was too far behind. */
export type RecordingEnd = 'stopped' | 'time' | 'bytes' | 'disk' | 'slow'

export type RecorderOptions = {
  path: string
  minutes: number
  bytes: number
  /** Ends the link first, so that everything a session begins with is in it. */
  reconnect: boolean
}

const most_behind_bytes = 1024 * 1024

export class Recorder {
  readonly #tap: Tap
  readonly #sanitiser: Sanitiser
  readonly #pace: Pace
  readonly #options: RecorderOptions
  readonly #file: WriteStream
  readonly #began_ms: number
  readonly #late: Cancel
  readonly #onEnd: (end: RecordingEnd) => void
  readonly #closed = Promise.withResolvers<void>()
  /** Written or on its way. */
  bytes = 0
  end: RecordingEnd | null = null

  constructor(
    parts: { tap: Tap; sanitiser: Sanitiser; pace: Pace; onEnd: (end: RecordingEnd) => void },
    head: RecordingHead,
    options: RecorderOptions,
  ) {
    this.#tap = parts.tap
    this.#sanitiser = parts.sanitiser
    this.#pace = parts.pace
    this.#onEnd = parts.onEnd
    this.#options = options
    this.#began_ms = parts.pace.now_ms()
    this.#file = createWriteStream(options.path, { mode: 0o600 })
    this.#file.once('error', () => this.#finish('disk'))
    this.#file.once('close', () => this.#closed.resolve())
    this.#write(recordingLine(head))
    this.#late = parts.pace.after(options.minutes * 60_000, 'recording', () => this.#finish('time'))
    this.#listen()
  }

  /** Resolves when the file is closed. */
  stop(): Promise<void> {
    this.#finish('stopped')
    return this.#closed.promise
  }

  #listen(): void {
    const sanitiser = this.#sanitiser
    this.#tap.listen({
      bytes: (dir, bytes) => this.#keep(sanitiser[dir](bytes)),
      opened: () => this.#entry({ dir: 'link', event: 'open', reason: '' }),
      closed: (reason) => {
        this.#keep(sanitiser.closed())
        this.#entry({ dir: 'link', event: 'closed', reason: reason.slice(0, 64) })
      },
    })
    if (this.#options.reconnect) this.#tap.reconnect()
    else if (this.#tap.up) this.#entry({ dir: 'link', event: 'open', reason: 'was open' })
  }

  #keep(pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      if (!('bytes' in piece)) this.#entry(piece)
      else if (piece.bytes.length > 0) this.#entry({ dir: piece.dir, hex: toHex(piece.bytes) })
    }
  }

  #entry(entry: DistributiveOmit<RecordingEntry, 't_ms'>): void {
    const t_ms = Math.round(this.#pace.now_ms() - this.#began_ms)
    this.#write(recordingLine({ t_ms, ...entry }))
  }

  #write(line: string): void {
    if (this.end !== null) return
    this.bytes += line.length
    this.#file.write(line)
    if (this.bytes >= this.#options.bytes) this.#finish('bytes')
    else if (this.#file.writableLength > most_behind_bytes) this.#finish('slow')
  }

  #finish(end: RecordingEnd): void {
    if (this.end !== null) return
    this.end = end
    this.#late()
    this.#tap.listen(null)
    this.#file.end()
    this.#onEnd(end)
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
