/**
 * What stands between a device's link and the file a recording is written to: it gets every byte and
 * gives out what may be kept. Types, and what the sanitisers have in common.
 */
import type { LeftOut, RecordedDirection } from '#devices/contract/recording.ts'
import type { Discarded } from '#devices/wire/deframer.ts'

/** Bytes that may be kept, or only how many there were. */
export type Kept = { bytes: Uint8Array } | { length: number; what: LeftOut }
export type Piece = Kept & { dir: RecordedDirection }

/**
 * Frames are given out when they are whole. `out` ends half frames of the device, as its session does;
 * `closed` ends those of both sides.
 */
export type Sanitiser = {
  in(bytes: Uint8Array): Piece[]
  out(bytes: Uint8Array): Piece[]
  closed(): Piece[]
}

/** Noise as its length: it may be half a frame of anything. */
export function noise(dir: RecordedDirection, discarded: readonly Discarded[]): Piece[] {
  const length = discarded.reduce((sum, { bytes }) => sum + bytes.length, 0)
  return length === 0 ? [] : [{ dir, length, what: 'noise' }]
}

export function leftOut(length: number, what: LeftOut): Kept {
  return { length, what }
}

/** Of a protocol that no person can be in. */
export const asItIs: Sanitiser = {
  in: (bytes) => [{ dir: 'in', bytes }],
  out: (bytes) => [{ dir: 'out', bytes }],
  closed: () => [],
}

/** Of a device nobody here knows. */
export const lengthsOnly: Sanitiser = {
  in: (bytes) => [{ dir: 'in', length: bytes.length, what: 'unknown' }],
  out: (bytes) => [{ dir: 'out', length: bytes.length, what: 'unknown' }],
  closed: () => [],
}

type Side<Frame> = {
  deframer: {
    push(bytes: Uint8Array): { frames: Frame[]; discarded: Discarded[] }
    flush(): Discarded[]
  }
  keep(frame: Frame): Kept
}

/** Frame by frame, both ways; what is in no frame is noise. */
export function byFrames<In, Out>(
  host: Side<In>,
  device: Side<Out>,
  options: { speaks_first?: boolean } = {},
): Sanitiser {
  const flushed = () => noise('in', host.deframer.flush())
  return {
    in: (bytes) => piecesOf('in', host, bytes),
    out: (bytes) => [
      ...(options.speaks_first === true ? [] : flushed()),
      ...piecesOf('out', device, bytes),
    ],
    closed: () => [...flushed(), ...noise('out', device.deframer.flush())],
  }
}

function piecesOf<Frame>(
  dir: RecordedDirection,
  { deframer, keep }: Side<Frame>,
  bytes: Uint8Array,
): Piece[] {
  const { frames, discarded } = deframer.push(bytes)
  return [...noise(dir, discarded), ...frames.map((frame): Piece => ({ dir, ...keep(frame) }))]
}
