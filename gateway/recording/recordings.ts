/**
 * The recordings of a gateway: at most one a device, below the data folder, of at most an hour and
 * 8 MiB each, a few at the same time; the next of a device replaces the one before, and beyond 64 MiB
 * of all the oldest go. Starting one ends the device's link unless told otherwise, so that it begins
 * as a session begins and can be played.
 * Faults: `not_found`, `wrong_state` (one runs already), `overloaded` (too many run), `unavailable` (no
 * place to write to).
 */
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { recording_version } from '#devices/contract/recording.ts'
import type { Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import type { Transport } from '../transports/transport.ts'
import { Recorder, type RecordingEnd } from './recorder.ts'
import { makeRoom } from './room.ts'
import type { Sanitiser } from './sanitiser.ts'
import { Tap } from './tap.ts'

/** `unknown`: it was kept before this program started. */
export type RecordingView = {
  device: string
  state: 'recording' | 'kept'
  started_ms: number
  bytes: number
  ended: RecordingEnd | 'unknown' | null
}

export type RecordingBounds = { minutes: number; bytes: number; reconnect: boolean }

type Device = { device: string; type: string; at: string }
type Parts = { pace: Pace; wall_ms: () => number; log: Log }
type Standing = Device & {
  tap: Tap
  last: { recorder: Recorder; started_ms: number } | null
  starting: boolean
}

const most_running = 4
/** Of all recordings together: the hall log needs the disk more. */
const most_kept_bytes = 64 * 1024 * 1024
const ending = '.jsonl'

export class Recordings {
  readonly #folder: string
  readonly #parts: Parts
  readonly #most_kept_bytes: number
  readonly #standing = new Map<string, Standing>()

  /** Devices come in as their links are tapped. */
  constructor(folder: string, parts: Parts, options: { most_kept_bytes?: number } = {}) {
    this.#folder = folder
    this.#parts = parts
    this.#most_kept_bytes = options.most_kept_bytes ?? most_kept_bytes
  }

  /** What a device's session opens in place of its transport. */
  tap({ device, type, at }: Device): (below: Transport) => Transport {
    const tap = new Tap()
    this.#standing.set(device, { device, type, at, tap, last: null, starting: false })
    return (below) => tap.wrap(below)
  }

  async start(device: string, bounds: RecordingBounds): Promise<RecordingView> {
    const standing = this.#of(device)
    if (isBusy(standing)) throw new Fault('wrong_state', device)
    const busy = [...this.#standing.values()].filter(isBusy)
    if (busy.length >= most_running) throw new Fault('overloaded', `${busy.length} recordings run`)
    standing.starting = true
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 }).catch(noFolder)
      // The same file: what was written of the one before is to be through.
      await standing.last?.recorder.stop()
      await this.#makeRoom(device, bounds.bytes)
      // What a protocol looks like is read only where somebody records.
      const { sanitiserFor } = await import('./table.ts')
      return this.#begin(standing, bounds, sanitiserFor(standing.type))
    } finally {
      standing.starting = false
    }
  }

  /** What runs stays. */
  async #makeRoom(device: string, coming_bytes: number): Promise<void> {
    const busy = [...this.#standing.values()].filter(isBusy)
    const stay = new Set([...busy.map((one) => one.device + ending), device + ending])
    const most_bytes = this.#most_kept_bytes
    const gone = await makeRoom(this.#folder, { stay, coming_bytes, most_bytes })
    for (const name of gone) {
      const standing = this.#standing.get(name.slice(0, -ending.length))
      if (standing !== undefined && !isBusy(standing)) standing.last = null
      this.#parts.log('info', 'recording.dropped', { name })
    }
  }

  #begin(standing: Standing, bounds: RecordingBounds, sanitiser: Sanitiser): RecordingView {
    const { device, type, at, tap } = standing
    const { pace, wall_ms, log } = this.#parts
    const started_ms = Math.round(wall_ms())
    const started = new Date(started_ms).toISOString()
    const onEnd = (ended: RecordingEnd) => log('info', 'recording.ended', { device, ended })
    const recorder = new Recorder(
      { tap, sanitiser, pace, onEnd },
      { v: recording_version, device, type, at, started },
      { ...bounds, path: this.#pathOf(device) },
    )
    standing.last = { recorder, started_ms }
    log('info', 'recording.began', { device, ...bounds })
    return viewOf(device, standing.last)
  }

  /** Resolves when the file is whole. */
  async stop(device: string): Promise<RecordingView> {
    const { last } = this.#of(device)
    if (last === null) throw new Fault('not_found', `no recording of ${device}`)
    await last.recorder.stop()
    return viewOf(device, last)
  }

  async list(): Promise<RecordingView[]> {
    const files = await readdir(this.#folder).catch((): string[] => [])
    const views = [...this.#standing.values()].map(async ({ device, last }) => {
      if (last !== null) return viewOf(device, last)
      return files.includes(device + ending) ? this.#keptBefore(device) : null
    })
    return (await Promise.all(views)).filter((view) => view !== null)
  }

  /** The file of the last one, which may still grow. */
  async read(device: string): Promise<ReadableStream> {
    const path = this.#pathOf(this.#of(device).device)
    const file = await open(path).catch(() => null)
    if (file === null) throw new Fault('not_found', `no recording of ${device}`)
    await file.close()
    return Readable.toWeb(createReadStream(path)) as unknown as ReadableStream
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#standing.values()].map(({ last }) => last?.recorder.stop()))
  }

  #of(device: string): Standing {
    const standing = this.#standing.get(device)
    if (standing === undefined) throw new Fault('not_found', device)
    return standing
  }

  /** A device's name is one of a file, by its form. */
  #pathOf(device: string): string {
    return join(this.#folder, device + ending)
  }

  async #keptBefore(device: string): Promise<RecordingView | null> {
    const file = await open(this.#pathOf(device)).catch(() => null)
    if (file === null) return null
    const { size, birthtimeMs } = await file.stat()
    await file.close()
    const started_ms = Math.round(birthtimeMs)
    return { device, state: 'kept', started_ms, bytes: size, ended: 'unknown' }
  }
}

function noFolder({ code = 'unusable' }: NodeJS.ErrnoException): never {
  throw new Fault('unavailable', `recordings: ${code}`)
}

function isBusy({ starting, last }: Standing): boolean {
  return starting || last?.recorder.end === null
}

function viewOf(device: string, last: NonNullable<Standing['last']>): RecordingView {
  const { recorder, started_ms } = last
  const { bytes, end } = recorder
  return { device, state: end === null ? 'recording' : 'kept', started_ms, bytes, ended: end }
}
