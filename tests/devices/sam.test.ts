/** The SAM codec against golden frames, in both directions, and against damage. */
import { describe, expect, it } from 'vitest'
import { concat, fromHex, toHex } from '#devices/std/bytes.ts'
import { type CardText, encodeCardText } from '#devices/wire/id-card-text.ts'
import {
  baudOf,
  cardData,
  commandName,
  createReplyDeframer,
  createRequestDeframer,
  encodeReply,
  encodeRequest,
  isFound,
  isPlainSuccess,
  isSelected,
  readCard,
  readCardWithFingerprint,
  readNewAddress,
  readSamId,
  replyBytes,
  replyOf,
  rfFrameOf,
  type SamBaud,
  type SamCommand,
  type SamReply,
  samIdData,
  setBaud,
  statusName,
} from '#devices/wire/sam.ts'
import { golden, holdsSplitLaw, passesSixChunkings, withByte } from './support.ts'

type Golden = {
  requests: { name: string; hex: string; cmd: string; para: string; data: string }[]
  replies: {
    name: string
    hex: string
    sw: string
    data: string
    status: string
    sam_id?: string
  }[]
  card_replies: {
    command: 'read' | 'read_with_fingerprint'
    head: string
    fingerprint: number | null
    total: number
    text: string
    chk: string
    photo: 'zero' | 'pattern'
  }[]
  bauds: { baud: SamBaud; hex: string }[]
  too_short_requests: { name: string; hex: string }[]
}
type Texts = { blocks: { kind: CardText['kind']; fields: object }[] }

const vectors = golden<Golden>('id-card-reader.json')
const { blocks } = golden<Texts>('id-card-text.json')

function textOf(kind: string): Uint8Array {
  const block = blocks.find((candidate) => candidate.kind === kind)!
  return encodeCardText({ kind: block.kind, ...block.fields } as CardText)
}

function cardFrame(vector: Golden['card_replies'][number]): Uint8Array {
  const { fingerprint } = vector
  const finger = fingerprint === null ? undefined : new Uint8Array(fingerprint)
  const data = cardData(textOf(vector.text), photoOf(vector), finger)
  return encodeReply(replyOf('success', data))
}

function photoOf({ photo }: Golden['card_replies'][number]): Uint8Array {
  return Uint8Array.from({ length: 1024 }, (_, at) => (photo === 'pattern' ? at & 0xff : 0))
}

describe('SAM requests', () => {
  for (const { name, hex, cmd, para, data } of vectors.requests) {
    it(`${name} both ways`, () => {
      const command = {
        cmd: Number.parseInt(cmd, 16),
        para: Number.parseInt(para, 16),
        data: fromHex(data),
      }
      expect(toHex(encodeRequest(command))).toBe(toHex(fromHex(hex)))
      expect(createRequestDeframer().push(fromHex(hex))).toEqual({
        frames: [command],
        discarded: [],
      })
      expect(commandName(command)).toBe(name)
    })
  }

  for (const { baud, hex } of vectors.bauds) {
    it(`sets ${baud} baud, both ways`, () => {
      expect(toHex(encodeRequest(setBaud(baud)))).toBe(toHex(fromHex(hex)))
      const [request] = createRequestDeframer().push(fromHex(hex)).frames
      expect(baudOf(request as SamCommand)).toBe(baud)
    })
  }

  it('takes no other command for a baud rate or an RF frame size', () => {
    const taken = vectors.requests.map(({ hex }) => {
      const [request] = createRequestDeframer().push(fromHex(hex)).frames
      return [baudOf(request as SamCommand), rfFrameOf(request as SamCommand)]
    })
    expect(taken.filter(([baud]) => baud !== null)).toHaveLength(5)
    expect(taken.filter(([, bytes]) => bytes !== null)).toEqual([[null, 80]])
    expect(baudOf({ cmd: 0x60, para: 5, data: new Uint8Array(0) })).toBeNull()
  })

  it('tells the module which request came damaged or wrongly long', () => {
    const find = fromHex(vectors.requests.find(({ name }) => name === 'find')!.hex)
    const wrongSum = withByte(find, find.length - 1, 0x01)
    expect(createRequestDeframer().push(wrongSum).frames).toEqual([{ refuse: 'checksum_error' }])
    for (const { hex } of vectors.too_short_requests) {
      expect(createRequestDeframer().push(fromHex(hex)).frames).toEqual([
        { refuse: 'length_error' },
      ])
    }
  })
})

describe('SAM replies', () => {
  for (const { name, hex, sw, data, status, sam_id } of vectors.replies) {
    it(`${name} both ways`, () => {
      const [sw1, sw2, sw3] = fromHex(sw) as unknown as [number, number, number]
      const reply: SamReply = { sw1, sw2, sw3, data: fromHex(data) }
      expect(toHex(encodeReply(reply))).toBe(toHex(fromHex(hex)))
      expect(createReplyDeframer().push(fromHex(hex))).toEqual({ frames: [reply], discarded: [] })
      expect(statusName(sw3)).toBe(status)
      expect(readSamId(reply)).toBe(sam_id ?? null)
      if (sam_id !== undefined) expect(toHex(samIdData(sam_id))).toBe(data.toLowerCase())
    })
  }

  it('knows each success by its own length only', () => {
    const successes = vectors.replies.map(({ hex }) => createReplyDeframer().push(fromHex(hex)))
    const replies = successes.map(({ frames }) => frames[0]!)
    expect(replies.filter(isFound)).toHaveLength(1)
    expect(replies.filter(isSelected)).toHaveLength(1)
    expect(replies.filter(isPlainSuccess)).toHaveLength(1)
    expect(replies.filter((reply) => readSamId(reply) !== null)).toHaveLength(1)
    expect(replies.filter((reply) => readCard(reply) !== null)).toHaveLength(0)
  })

  for (const vector of vectors.card_replies) {
    it(`${vector.command} of a ${vector.text} card, fingerprint ${vector.fingerprint}`, () => {
      const frame = cardFrame(vector)
      const head = fromHex(vector.head)
      expect(frame.length).toBe(vector.total)
      expect(toHex(frame.subarray(0, head.length))).toBe(toHex(head))
      expect(frame.at(-1)).toBe(Number.parseInt(vector.chk, 16))
      const { frames, discarded } = createReplyDeframer().push(frame)
      expect(discarded).toEqual([])
      const read = vector.command === 'read' ? readCard : readCardWithFingerprint
      expect(toHex(read(frames[0]!)!.text)).toBe(toHex(textOf(vector.text)))
      expect(read(frames[0]!)!.photo).toEqual(photoOf(vector))
      expect(replyBytes(frames[0]!)).toBe(vector.total)
      const other = vector.command === 'read' ? readCardWithFingerprint : readCard
      expect(other(frames[0]!)).toBeNull()
    })
  }

  it('drops fingerprints: no byte of them gets behind the codec', () => {
    for (const size of [512, 1024]) {
      const finger = new Uint8Array(size).fill(0x43)
      const data = cardData(new Uint8Array(256).fill(0x20), new Uint8Array(1024), finger)
      const { frames } = createReplyDeframer().push(encodeReply(replyOf('success', data)))
      const [reply] = frames
      expect(reply!.data).toHaveLength(1286)
      expect(reply!.data.includes(0x43)).toBe(false)
      expect(readCardWithFingerprint(reply!)).not.toBeNull()
      // A third length that does not fit what follows is no read.
      const odd = data.slice()
      odd[4] = size === 512 ? 4 : 2
      const [other] = createReplyDeframer().push(encodeReply(replyOf('success', odd))).frames
      expect(readCardWithFingerprint(other!)).toBeNull()
      const cut = data.slice(0, 1286)
      const [short] = createReplyDeframer().push(encodeReply(replyOf('success', cut))).frames
      expect(readCardWithFingerprint(short!)).toBeNull()
    }
  })

  it('takes the newest address in the assumed bare form, up to 70 bytes', () => {
    expect(readNewAddress(replyOf('no_such_item'))).toBe('no_such_item')
    const address = fromHex('17 53 AC 4E 02 5E 20 00')
    expect(readNewAddress(replyOf('success', address))).toEqual({ address: '北京市' })
    expect(readNewAddress(replyOf('success', new Uint8Array(72)))).toBeNull()
    expect(readNewAddress(replyOf('success', new Uint8Array(3)))).toBeNull()
    expect(readNewAddress(replyOf('read_failed'))).toBeNull()
  })
})

describe('SAM deframing', () => {
  const replies = vectors.replies.map(({ hex }) => fromHex(hex))
  const requests = vectors.requests.map(({ hex }) => fromHex(hex))
  const card = cardFrame(vectors.card_replies[0]!)

  it('passes the six chunkings', () => {
    passesSixChunkings(createReplyDeframer, card, fromHex('00 AA AA 96 AA'))
    passesSixChunkings(createRequestDeframer, requests[3]!, fromHex('AA AA AA 97'))
  })

  it('gives the same frames and the same noise however the stream is cut', () => {
    holdsSplitLaw(createReplyDeframer, [...replies, card], [0xaa, 0x96, 0x69, 0x00, 0x04])
    holdsSplitLaw(createRequestDeframer, requests, [0xaa, 0x96, 0x69, 0x00, 0x03])
  })

  it('finds the good frame behind a damaged one', () => {
    const found = replies[0]!
    const damaged = withByte(found, 9, 0x40)
    const { frames, discarded } = createReplyDeframer().push(concat(damaged, found))
    expect(frames).toHaveLength(1)
    expect(discarded.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(damaged.length)
  })

  it('never takes a card with one byte changed, whichever and to whatever', () => {
    let accepted = 0
    for (let at = 0; at < card.length; at++) {
      // Every value in the head and the text, a few in the photo.
      const step = at < 300 ? 1 : 37
      for (let change = 1; change < 256; change += step) {
        for (const reply of createReplyDeframer().push(withByte(card, at, change)).frames) {
          if (readCard(reply) !== null) accepted += 1
        }
      }
    }
    expect(accepted).toBe(0)
  })

  it('never takes a short reply with one byte changed for the answer to its question', () => {
    for (const frame of replies) {
      const [reply] = createReplyDeframer().push(frame).frames
      for (let at = 0; at < frame.length; at++) {
        for (let change = 1; change < 256; change++) {
          const { frames } = createReplyDeframer().push(withByte(frame, at, change))
          for (const taken of frames) {
            const means = [isFound, isSelected, isPlainSuccess].map((is) => is(taken))
            expect(means, `${reply!.sw3} ${at} ${change}`).toEqual([false, false, false])
            expect(readSamId(taken)).toBeNull()
          }
        }
      }
    }
  })

  it('never takes a truncated card, and gives the half back when told to', () => {
    for (let size = 0; size < card.length; size++) {
      const deframer = createReplyDeframer()
      expect(deframer.push(card.subarray(0, size)).frames).toEqual([])
      const flushed = deframer.flush()
      expect(flushed.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(size)
      expect(deframer.pending).toBe(0)
      expect(deframer.push(replies[0]!).frames).toHaveLength(1)
    }
  })

  it('holds no more than one frame of an endless half', () => {
    const deframer = createReplyDeframer()
    const half = concat(card.subarray(0, 20), new Uint8Array(100_000))
    deframer.push(half)
    expect(deframer.pending).toBeLessThanOrEqual(7 + 0x090a)
  })
})
