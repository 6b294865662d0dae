/** Reading golden files and the law every deframer keeps. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect } from 'vitest'
import { concat, fromHex, toHex } from '#devices/std/bytes.ts'
import type { Deframer, Discarded } from '#devices/wire/deframer.ts'

/** A file of bytes that come from outside this code; see its `marks`. */
export function golden<Content>(name: string): Content {
  const path = new URL(`../golden/${name}`, import.meta.url)
  return JSON.parse(readFileSync(path, 'utf8')) as Content
}

/** Byte arrays as lower-case hex, however deep, so that values compare with those of a file. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]))
}

/** Fields that a golden file writes as hex. */
export function bytesIn<Value>(value: object, ...fields: string[]): Value {
  const entries = Object.entries(value).map(([key, part]) => [
    key,
    fields.includes(key) && typeof part === 'string' ? fromHex(part) : part,
  ])
  return Object.fromEntries(entries) as Value
}

type Result = { frames: unknown[]; discarded: string; runs: [string, string][]; pending: number }

/** Feeds the chunks one by one; `runs` joins neighbouring discards of one reason. */
export function feed(deframer: Deframer<unknown>, chunks: readonly Uint8Array[]): Result {
  const frames: unknown[] = []
  const runs: [string, string][] = []
  for (const chunk of chunks) {
    const pushed = deframer.push(chunk)
    frames.push(...pushed.frames.map(plain))
    for (const { reason, bytes } of pushed.discarded) runs.push([reason, toHex(bytes)])
  }
  return { frames, discarded: runs.map(([, hex]) => hex).join(''), runs, pending: deframer.pending }
}

export function cutAt(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (stream.length + 1)))].sort((a, b) => a - b)
  const pieces: Uint8Array[] = []
  let from = 0
  for (const place of [...places, stream.length]) {
    pieces.push(stream.subarray(from, place))
    from = place
  }
  return pieces
}

/**
 * Any cut of a stream of frames and noise gives the same frames and the same discarded bytes, and
 * every byte comes out once.
 */
export function holdsSplitLaw(
  create: () => Deframer<unknown>,
  frames: readonly Uint8Array[],
  teasers: readonly number[] = [],
): void {
  const byte =
    teasers.length === 0 ? fc.nat(255) : fc.oneof(fc.nat(255), fc.constantFrom(...teasers))
  const noise = fc.array(byte, { maxLength: 24 }).map((bytes) => Uint8Array.from(bytes))
  const damaged = fc
    .tuple(fc.constantFrom(...frames), fc.nat(), fc.integer({ min: 1, max: 255 }))
    .map(([frame, at, change]) => withByte(frame, at % frame.length, change))
  const truncated = fc
    .tuple(fc.constantFrom(...frames), fc.nat())
    .map(([frame, size]) => frame.subarray(0, size % frame.length))
  const piece = fc.oneof(fc.constantFrom(...frames), noise, damaged, truncated)
  const stream = fc.array(piece, { maxLength: 8 }).map((pieces) => concat(...pieces))
  fc.assert(
    fc.property(stream, fc.array(fc.nat(), { maxLength: 12 }), (bytes, cuts) => {
      const whole = feed(create(), [bytes])
      const pieces = feed(create(), cutAt(bytes, cuts))
      const single = feed(create(), cutAt(bytes, Array.from(bytes.keys())))
      for (const other of [pieces, single]) {
        expect(other.frames).toEqual(whole.frames)
        expect(other.discarded).toBe(whole.discarded)
        expect(other.pending).toBe(whole.pending)
      }
    }),
    { numRuns: 300 },
  )
}

export function withByte(frame: Uint8Array, at: number, change: number): Uint8Array {
  const changed = frame.slice()
  changed[at] = changed[at]! ^ change
  return changed
}

export function discardedBytes(discarded: readonly Discarded[]): number {
  return discarded.reduce((sum, { bytes }) => sum + bytes.length, 0)
}

/** The six chunkings every deframer is shown, besides the law. */
export function passesSixChunkings(
  create: () => Deframer<unknown>,
  frame: Uint8Array,
  noise: Uint8Array,
): void {
  const one = feed(create(), [frame])
  expect(one.frames).toHaveLength(1)
  expect(feed(create(), [concat(frame, frame)]).frames).toHaveLength(2)
  for (const cut of [1, Math.floor(frame.length / 2), frame.length - 1]) {
    expect(feed(create(), cutAt(frame, [cut])).frames).toEqual(one.frames)
  }
  const noisy = feed(create(), [concat(noise, frame)])
  expect(noisy.frames).toEqual(one.frames)
  expect(noisy.discarded).toBe(toHex(noise))
}
