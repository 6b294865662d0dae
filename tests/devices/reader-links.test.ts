/** SAM frames in HID reports and on USB bulk pipes: golden bytes both ways, damage, any order. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromHex, toHex } from '#devices/std/bytes.ts'
import {
  createMiaxisReplyDeframer,
  createMiaxisRequestDeframer,
  miaxis_most_part,
  miaxisReport,
  unwrapMiaxis,
  unwrapMiaxisRequest,
  wrapMiaxis,
  wrapMiaxisReply,
} from '#devices/wire/miaxis-hid.ts'
import { createReplyDeframer, createRequestDeframer } from '#devices/wire/sam.ts'
import {
  type BulkLayout,
  bulkReply,
  bulkTransfers,
  createBulkReader,
  pickBulkLayout,
  splitPipes,
} from '#devices/wire/usb-bulk.ts'
import { discardedBytes, golden, holdsSplitLaw, passesSixChunkings, withByte } from './support.ts'

type Hid = {
  requests: { name: string; sam: string; packet: string }[]
  replies: { name: string; sam: string; packets: string[] }[]
}
type Transfers = { pipe: number; bytes: string }[]
type Bulk = {
  layouts: {
    name: string
    endpoints: number[]
    layout: BulkLayout
    out: Transfers
    in: Transfers
  }[]
  request: string
  reply: string
}
const hid = golden<Hid>('miaxis-hid.json')
const bulk = golden<Bulk>('usb-bulk.json')
const hex = (text: string) => toHex(fromHex(text))
const partOf = (report: Uint8Array): Uint8Array => {
  const unwrapped = unwrapMiaxis(report)
  return unwrapped.kind === 'part' ? unwrapped.bytes : new Uint8Array(0)
}

describe('HID reports of a Miaxis reader', () => {
  for (const { name, sam, packet } of hid.requests) {
    it(`wraps ${name} and takes it out again`, () => {
      expect(toHex(wrapMiaxis(fromHex(sam)))).toBe(hex(packet))
      const report = miaxisReport(fromHex(packet))
      expect(report).toHaveLength(64)
      const heard = unwrapMiaxisRequest(report)
      expect(heard).toEqual({ kind: 'part', bytes: fromHex(sam) })
      expect(createRequestDeframer().push(fromHex(sam)).frames).toHaveLength(1)
    })
  }

  for (const { name, sam, packets } of hid.replies) {
    it(`puts ${name} together again`, () => {
      const deframer = createReplyDeframer()
      const frames = packets.flatMap((packet) => {
        const { frames, discarded } = deframer.push(partOf(miaxisReport(fromHex(packet))))
        expect(discarded).toEqual([])
        return frames
      })
      expect(frames).toEqual(createReplyDeframer().push(fromHex(sam)).frames)
      expect(wrapMiaxisReply(fromHex(sam)).map(toHex)).toEqual(packets.map(hex))
    })
  }

  it('gives the same frame for any size of its parts', () => {
    const sam = fromHex(hid.replies[1]!.sam)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: miaxis_most_part }), (most_part) => {
        const parts = wrapMiaxisReply(sam, most_part).map((one) => partOf(miaxisReport(one)))
        expect(toHex(concat(...parts))).toBe(toHex(sam))
      }),
    )
  })

  it('never takes a report with one byte of its packet changed for the same part', () => {
    const packet = fromHex(hid.replies[0]!.packets[0]!)
    const right = toHex(partOf(packet))
    for (let at = 0; at < packet.length; at++) {
      expect(unwrapMiaxis(packet.subarray(0, at)).kind).toBe('refused')
      for (let change = 1; change < 256; change++) {
        const taken = unwrapMiaxis(miaxisReport(withByte(packet, at, change)))
        // The sequence is not summed; nothing rests on it.
        const same = taken.kind === 'part' && toHex(taken.bytes) === right
        expect(taken.kind === 'refused' || (same && (at === 1 || at === 2))).toBe(true)
      }
    }
  })

  it('in a stream: the same parts and the same noise however it is cut', () => {
    const reports = hid.replies.flatMap(({ packets }) =>
      packets.slice(0, 3).map((packet) => miaxisReport(fromHex(packet))),
    )
    holdsSplitLaw(createMiaxisReplyDeframer, reports, [0xaa, 0x00, 0x39])
    const requests = hid.requests.map(({ packet }) => miaxisReport(fromHex(packet)))
    holdsSplitLaw(createMiaxisRequestDeframer, requests, [0x88, 0x00, 0x0b, 0xb1])
    passesSixChunkings(createMiaxisReplyDeframer, reports[0]!, fromHex('00 88 01'))
  })

  it('in a stream: a lost byte costs its report and not the ones behind it', () => {
    const [first, second] = hid.replies[1]!.packets.map((packet) => miaxisReport(fromHex(packet)))
    const torn = concat(first!.subarray(0, 30), first!.subarray(31))
    const { frames, discarded } = createMiaxisReplyDeframer().push(concat(torn, second!, first!))
    expect(frames.map(toHex)).toContain(toHex(partOf(first!)))
    expect(discardedBytes(discarded)).toBeLessThanOrEqual(63 + 64)
  })

  it('takes any report without falling over it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (report) => {
        expect(unwrapMiaxis(report).kind).toMatch(/part|refused/)
        expect(unwrapMiaxisRequest(report).kind).toMatch(/part|refused/)
      }),
    )
  })
})

describe('USB bulk pipes of a reader', () => {
  const request = fromHex(bulk.request)
  const reply = fromHex(bulk.reply)

  for (const { name, endpoints, layout, out, in: back } of bulk.layouts) {
    it(`${name}: picked by its endpoints, both ways`, () => {
      expect(pickBulkLayout(endpoints)).toEqual(layout)
      const asText = ({ pipe, bytes }: { pipe: number; bytes: Uint8Array }) => ({
        pipe,
        bytes: toHex(bytes),
      })
      const golden = (list: Transfers) =>
        list.map(({ pipe, bytes }) => ({ pipe, bytes: hex(bytes) }))
      expect(bulkTransfers(layout, request).map(asText)).toEqual(golden(out))
      expect(bulkReply(layout, reply).map(asText)).toEqual(golden(back))
      const reader = createBulkReader(layout)
      const bytes = back.map((one) => {
        const taken = reader.take({ pipe: one.pipe, bytes: fromHex(one.bytes) })
        expect(taken.refused).toBe(0)
        return taken.bytes
      })
      expect(createReplyDeframer().push(concat(...bytes)).frames).toHaveLength(1)
    })

    it(`${name}: a long reply comes in packets of 64 bytes and is one frame`, () => {
      const card = fromHex(hid.replies[1]!.sam)
      const transfers = bulkReply(layout, card)
      expect(Math.max(...transfers.map(({ bytes }) => bytes.length))).toBe(64)
      const reader = createBulkReader(layout)
      const bytes = transfers.map((one) => reader.take(one).bytes)
      expect(toHex(concat(...bytes))).toBe(toHex(card))
    })
  }

  it('refuses to choose between endpoints it does not know', () => {
    for (const endpoints of [[], [0x81], [0x01], [0x01, 0x02, 0x81], [0x01, 0x81, 0x82]]) {
      expect(pickBulkLayout(endpoints)).toBeNull()
    }
  })

  it('passes on no body without a head, none beyond it, and counts each byte once', () => {
    const transfer = fc.record({
      pipe: fc.constantFrom(splitPipes.head_in, splitPipes.body_in, 0x83),
      bytes: fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.constant(reply.subarray(0, 7))),
    })
    fc.assert(
      fc.property(fc.array(transfer, { maxLength: 20 }), (transfers) => {
        const reader = createBulkReader({ layout: 'split' })
        for (const one of transfers) {
          const { bytes, refused } = reader.take(one)
          expect(bytes.length + refused).toBe(one.bytes.length)
        }
        reader.reset()
        const late = { pipe: splitPipes.body_in, bytes: reply.subarray(7) }
        expect(reader.take(late)).toEqual({ bytes: new Uint8Array(0), refused: late.bytes.length })
      }),
    )
  })
})
