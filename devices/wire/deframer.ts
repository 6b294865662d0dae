/**
 * Byte stream → frames. A protocol brings a `scan`; this file brings the buffer and its law:
 * what comes out depends on the bytes only, never on how they were cut into chunks.
 * For that a scan's verdict on a beginning must stay the same when bytes are added behind it;
 * only `more` may change.
 * Never throws on input. Noise is a value: every byte pushed comes out once, in a frame or in
 * `discarded`, or is still pending (at most `most_pending` bytes).
 */
import { assert } from '../std/assert.ts'
import { concat } from '../std/bytes.ts'

/** Why bytes were not part of a frame. `incomplete` only comes from `flush`. */
export type NoiseReason = 'noise' | 'bad_length' | 'bad_checksum' | 'incomplete'

/** Bytes in the order they came; one entry for each run with one reason. */
export type Discarded = { reason: NoiseReason; bytes: Uint8Array }

export type Deframed<Frame> = { frames: Frame[]; discarded: Discarded[] }

/** The verdict on the beginning of `view`: wait, take `size` bytes as a frame, or drop `size`. */
export type Scan<Frame> =
  | { kind: 'more' }
  | { kind: 'frame'; size: number; frame: Frame }
  | { kind: 'noise'; size: number; reason: Exclude<NoiseReason, 'incomplete'> }

export interface Deframer<Frame> {
  push(bytes: Uint8Array): Deframed<Frame>
  /** Gives up on a half frame: called before each request and after a time-out. */
  flush(): Discarded[]
  /** Bytes held back because they may become a frame. */
  readonly pending: number
}

export const more = { kind: 'more' } as const

export function frameOf<Frame>(size: number, frame: Frame): Scan<Frame> {
  return { kind: 'frame', size, frame }
}

export function noiseOf(size: number, reason: Exclude<NoiseReason, 'incomplete'>): Scan<never> {
  return { kind: 'noise', size, reason }
}

/** `most_pending`: the longest beginning a scan may answer with `more`. */
export function createDeframer<Frame>(
  scan: (view: Uint8Array) => Scan<Frame>,
  most_pending: number,
): Deframer<Frame> {
  let held: Uint8Array = new Uint8Array(0)
  return {
    get pending() {
      return held.length
    },
    push(bytes) {
      // Always our own plain array: a runtime's buffer may share memory, and its `slice` does.
      const stream = concat(held, bytes)
      const result: Deframed<Frame> = { frames: [], discarded: [] }
      let at = 0
      while (at < stream.length) {
        const verdict = scan(stream.subarray(at))
        if (verdict.kind === 'more') break
        assert(verdict.size > 0, 'a verdict moves on')
        if (verdict.kind === 'frame') result.frames.push(verdict.frame)
        else discard(result.discarded, verdict.reason, stream.subarray(at, at + verdict.size))
        at += verdict.size
      }
      held = stream.slice(at)
      assert(held.length <= most_pending, 'the scan decides within its bound')
      return result
    },
    flush() {
      const rest = held
      held = new Uint8Array(0)
      return rest.length === 0 ? [] : [{ reason: 'incomplete', bytes: rest }]
    },
  }
}

function discard(list: Discarded[], reason: NoiseReason, bytes: Uint8Array): void {
  const last = list.at(-1)
  // Runs are adjacent in memory while no frame came between them, so they can grow in place.
  if (last !== undefined && last.reason === reason && adjoins(last.bytes, bytes)) {
    const grown = new Uint8Array(
      last.bytes.buffer,
      last.bytes.byteOffset,
      last.bytes.length + bytes.length,
    )
    last.bytes = grown
    return
  }
  list.push({ reason, bytes })
}

function adjoins(a: Uint8Array, b: Uint8Array): boolean {
  return a.buffer === b.buffer && a.byteOffset + a.length === b.byteOffset
}

/** How many bytes to drop so that `first` leads the rest; at least one. */
export function skipTo(view: Uint8Array, first: number): number {
  const at = view.indexOf(first, 1)
  return at < 0 ? view.length : at
}
