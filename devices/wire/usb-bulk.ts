/**
 * SAM frames over the USB bulk pipes of a 0400:C35A reader, both layouts that hide behind this id (V2
 * each):
 *
 *   split   OUT 02: preamble and LEN, 7 bytes; OUT 06: the rest. IN 81: 7 bytes; IN 85: the rest
 *   single  the whole frame in one write and one read, in packets of 64 bytes; any endpoint numbers
 *
 * The layout is picked by the endpoints a device has, never assumed from its id.
 * What comes back is bytes for the SAM deframer, which alone judges them; this file only puts the two
 * pipes into order and holds nothing back. A body without a head, more of it than was announced, or a
 * head of another size is refused. Never throws on input.
 */
import { assert } from '../std/assert.ts'

const in_bit = 0x80
const head_bytes = 7
/** More than the longest SAM reply. */
export const bulk_read_bytes = 2368
export const bulk_packet_bytes = 64

export const splitPipes = { head_out: 0x02, body_out: 0x06, head_in: 0x81, body_in: 0x85 } as const

export type BulkLayout =
  | { layout: 'split' }
  | { layout: 'single'; out_pipe: number; in_pipe: number }

/** One transfer on one pipe. */
export type Transfer = { pipe: number; bytes: Uint8Array }

/**
 * `bulk` holds the addresses of the bulk endpoints of one interface. Null: neither layout, or more pipes
 * than one could choose between.
 */
export function pickBulkLayout(bulk: readonly number[]): BulkLayout | null {
  if (Object.values(splitPipes).every((pipe) => bulk.includes(pipe))) return { layout: 'split' }
  const ins = bulk.filter((pipe) => pipe & in_bit)
  const outs = bulk.filter((pipe) => !(pipe & in_bit))
  if (ins.length !== 1 || outs.length !== 1) return null
  return { layout: 'single', out_pipe: outs[0]!, in_pipe: ins[0]! }
}

/** The transfers that send one SAM request, in order. */
export function bulkTransfers(layout: BulkLayout, frame: Uint8Array): Transfer[] {
  assert(frame.length > head_bytes, 'a frame is longer than its head')
  if (layout.layout === 'single') return [{ pipe: layout.out_pipe, bytes: frame.slice() }]
  return [
    { pipe: splitPipes.head_out, bytes: frame.slice(0, head_bytes) },
    { pipe: splitPipes.body_out, bytes: frame.slice(head_bytes) },
  ]
}

export type BulkReader = {
  /** Bytes for the deframer, in their order on the wire; refused ones apart, to be counted. */
  take(transfer: Transfer): { bytes: Uint8Array; refused: number }
  /** Before each request and after a time-out: what is held belongs to nobody. */
  reset(): void
}

const nothing = new Uint8Array(0)

export function createBulkReader(layout: BulkLayout): BulkReader {
  const { head_in, body_in } = splitPipes
  if (layout.layout === 'split') return createSplitReader(head_in, body_in)
  return createSingleReader(layout.in_pipe)
}

/** The device's side: requests. */
export function createBulkRequestReader(layout: BulkLayout): BulkReader {
  const { head_out, body_out } = splitPipes
  if (layout.layout === 'split') return createSplitReader(head_out, body_out)
  return createSingleReader(layout.out_pipe)
}

function createSingleReader(only: number): BulkReader {
  return {
    take: ({ pipe, bytes }) =>
      pipe === only
        ? { bytes: bytes.slice(), refused: 0 }
        : { bytes: nothing, refused: bytes.length },
    reset: () => {},
  }
}

function createSplitReader(head: number, body: number): BulkReader {
  /** Bytes of the body that the head announced and that have not come. */
  let due = 0
  return {
    take({ pipe, bytes }) {
      if (pipe === head && bytes.length === head_bytes) {
        due = (bytes[5]! << 8) | bytes[6]!
        return { bytes: bytes.slice(), refused: 0 }
      }
      if (pipe !== body) return { bytes: nothing, refused: bytes.length }
      const fits = bytes.slice(0, due)
      due -= fits.length
      return { bytes: fits, refused: bytes.length - fits.length }
    },
    reset() {
      due = 0
    },
  }
}

/** How a device sends its reply: packets of 64 bytes, on the pipes of its layout. */
export function bulkReply(layout: BulkLayout, frame: Uint8Array): Transfer[] {
  if (layout.layout === 'single') return packets(layout.in_pipe, frame)
  return [
    { pipe: splitPipes.head_in, bytes: frame.slice(0, head_bytes) },
    ...packets(splitPipes.body_in, frame.subarray(head_bytes)),
  ]
}

function packets(pipe: number, bytes: Uint8Array): Transfer[] {
  const list: Transfer[] = []
  for (let at = 0; at < bytes.length; at += bulk_packet_bytes) {
    list.push({ pipe, bytes: bytes.slice(at, at + bulk_packet_bytes) })
  }
  return list
}
