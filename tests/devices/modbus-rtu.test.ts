/** Modbus RTU and our register map on it: golden frames both ways, and damage. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asciiBytes, fromHex, toHex } from '#devices/std/bytes.ts'
import { crc16Modbus } from '#devices/std/crc.ts'
import {
  answers,
  createModbusReplyDeframer,
  createModbusRequestDeframer,
  encodeModbusReply,
  encodeModbusRequest,
  type ModbusReply,
  type ModbusRequest,
} from '#devices/wire/modbus-rtu.ts'
import {
  decodeAcknowledgement,
  decodeDisplay,
  decodeEventBlock,
  decodeIdentity,
  decodeLatch,
  decodeNewAddress,
  decodePrompt,
  encodeAcknowledgement,
  encodeDisplay,
  encodeEventBlock,
  encodeIdentity,
  encodeLatch,
  encodeNewAddress,
  encodePrompt,
  isDisplayable,
  places,
  type ReadPlace,
  readRequest,
  type WritePlace,
  writeRequest,
} from '#devices/wire/register-map.ts'
import { bytesIn, golden, holdsSplitLaw, passesSixChunkings, plain, withByte } from './support.ts'

type Golden = {
  crc: [string, string][]
  requests: { hex: string; value: object }[]
  replies: { hex: string; value: object }[]
}
type Exchange = {
  name: string
  place: ReadPlace | Exclude<WritePlace, 'address'>
  request: string
  reply: string
  value: never
}

const vectors = golden<Golden>('modbus-rtu.json')
const exchanges = [
  'call-pad.json',
  'ticket-panel.json',
  'rating-pad.json',
  'counter-display.json',
].flatMap((name) => {
  const file = golden<{ address: number; exchanges: Exchange[] }>(name)
  return file.exchanges.map((exchange) => ({ ...exchange, address: file.address }))
})

describe('Modbus RTU', () => {
  it('computes the published check value', () => {
    for (const [text, crc] of vectors.crc) {
      expect(crc16Modbus(asciiBytes(text))).toBe(Number.parseInt(crc, 16))
    }
  })

  for (const { hex, value } of vectors.requests) {
    it(`request ${hex} both ways`, () => {
      expect(toHex(encodeModbusRequest(value as ModbusRequest))).toBe(toHex(fromHex(hex)))
      const { frames, discarded } = createModbusRequestDeframer().push(fromHex(hex))
      expect(frames).toEqual([value])
      expect(discarded).toEqual([])
    })
  }

  for (const { hex, value } of vectors.replies) {
    it(`reply ${hex} both ways`, () => {
      const reply = bytesIn<ModbusReply>(value, 'bits')
      expect(toHex(encodeModbusReply(reply))).toBe(toHex(fromHex(hex)))
      const { frames, discarded } = createModbusReplyDeframer().push(fromHex(hex))
      expect(frames.map(plain)).toEqual([value])
      expect(discarded).toEqual([])
    })
  }

  const requests = vectors.requests.map(({ hex }) => fromHex(hex))
  const replies = vectors.replies.map(({ hex }) => fromHex(hex))

  it('passes the six chunkings', () => {
    passesSixChunkings(createModbusReplyDeframer, replies[2]!, fromHex('FF FE 01 2B'))
    passesSixChunkings(createModbusRequestDeframer, requests[6]!, fromHex('FF FE 01 2B'))
  })

  it('gives the same frames and the same noise however the stream is cut', () => {
    holdsSplitLaw(createModbusReplyDeframer, replies, [0x01, 0x11, 0x04, 0x03, 0x83, 0x00])
    holdsSplitLaw(createModbusRequestDeframer, requests, [0x01, 0x11, 0x04, 0x03, 0x10, 0x00])
  })

  it('takes no reply for an answer that is another one', () => {
    const request: ModbusRequest = { address: 1, function: 'read_input', start: 0, count: 4 }
    const fitting = vectors.replies.filter(({ value }) =>
      answers(request, bytesIn<ModbusReply>(value, 'bits')),
    )
    expect(fitting.map(({ hex }) => hex)).toEqual([
      '01 04 08 00 01 00 05 00 00 00 2A 79 12',
      '01 84 02 C2 C1',
    ])
  })
})

describe('our register map', () => {
  for (const { name, address, place, request, reply, value } of exchanges) {
    it(`unit ${address}: ${name} both ways`, () => {
      const asked = requestFor(address, place, value)
      expect(toHex(encodeModbusRequest(asked))).toBe(toHex(fromHex(request)))
      const [heard] = createModbusRequestDeframer().push(fromHex(request)).frames
      expect(heard).toEqual(asked)
      const [answered] = createModbusReplyDeframer().push(fromHex(reply)).frames
      expect(answers(asked, answered!)).toBe(true)
      expect(decode(place, isRead(place) ? answered! : asked)).toEqual(value)
      if (place === 'event') expect(valuesOf(answered!)).toEqual(encodeEventBlock(value))
      if (place === 'latch') expect(valuesOf(answered!)).toEqual(encodeLatch(value))
      if (place === 'identity') expect(valuesOf(answered!)).toEqual(encodeIdentity(value))
    })
  }

  it('never takes an answer with one byte changed or cut short', () => {
    for (const { address, place, reply, value } of exchanges) {
      const asked = requestFor(address, place, value)
      const frame = fromHex(reply)
      for (let at = 0; at < frame.length; at++) {
        expect(createModbusReplyDeframer().push(frame.subarray(0, at)).frames).toEqual([])
        for (let change = 1; change < 256; change++) {
          const { frames } = createModbusReplyDeframer().push(withByte(frame, at, change))
          expect(frames.filter((taken) => answers(asked, taken))).toEqual([])
        }
      }
    }
  })

  it('refuses blocks that contradict themselves, and never throws on registers', () => {
    const register = fc.nat(0xffff)
    fc.assert(
      fc.property(fc.array(register, { maxLength: 14 }), (values) => {
        decodeIdentity(values)
        decodeEventBlock(values)
        decodeAcknowledgement(values)
        decodeDisplay(values)
        decodeLatch(values)
        decodePrompt(values)
        decodeNewAddress(values)
      }),
    )
    const block = encodeEventBlock({ boot: '00000001', latched: null, held: 0, not_taken: 0 })
    expect(decodeEventBlock(block.with(6, 1))).toBeNull()
    expect(decodeEventBlock(block.with(1, 0))).toBeNull()
    expect(decodeEventBlock(block.with(8, 0xffff))).toBeNull()
    expect(decodeEventBlock(block)).not.toBeNull()
  })

  it('gives a new address to whoever holds a key, in one broadcast', () => {
    const { broadcasts } = golden<{ broadcasts: { request: string; unit: number }[] }>(
      'rating-pad.json',
    )
    for (const { request, unit } of broadcasts) {
      const asked = writeRequest(0, 'address', encodeNewAddress(unit))
      expect(toHex(encodeModbusRequest(asked))).toBe(toHex(fromHex(request)))
      const [heard] = createModbusRequestDeframer().push(fromHex(request)).frames
      expect(heard).toMatchObject({ address: 0, start: places.address.start })
      expect(decodeNewAddress(valuesOf(heard!))).toBe(unit)
    }
    expect(decodeNewAddress([0x4857, 0])).toBeNull()
    expect(decodeNewAddress([0x4857, 248])).toBeNull()
    expect(decodeNewAddress([0x4858, 9])).toBeNull()
  })

  it('takes no prompt that contradicts itself', () => {
    const good = encodePrompt({ mode: 'asking', keys: 3, seconds: 20, request: 'a1' })
    expect(decodePrompt(good)).not.toBeNull()
    const broken: [number, number][] = [
      [0, 2],
      [1, 2],
      [1, 6],
      [2, 0],
      [2, 256],
      [3, 0x2020],
    ]
    for (const [at, value] of broken) expect(decodePrompt(good.with(at, value))).toBeNull()
  })

  it('knows what a display can show', () => {
    for (const good of ['1', 'A001', 'A-01 b!~']) expect(isDisplayable(good)).toBe(true)
    for (const bad of ['', 'A00100000', '号', ' A', 'A ', 'a\nb']) {
      expect(isDisplayable(bad)).toBe(false)
    }
  })
})

function isRead(place: Exchange['place']): place is ReadPlace {
  return place === 'identity' || place === 'latch' || place === 'event'
}

function requestFor(address: number, place: Exchange['place'], value: never): ModbusRequest {
  if (isRead(place)) return readRequest(address, place)
  const encode = {
    acknowledge: encodeAcknowledgement,
    display: encodeDisplay,
    prompt: encodePrompt,
  }
  return writeRequest(address, place, encode[place](value))
}

function valuesOf(frame: object): number[] {
  return 'values' in frame ? (frame.values as number[]) : []
}

function decode(place: Exchange['place'], frame: object): unknown {
  const read = {
    identity: decodeIdentity,
    latch: decodeLatch,
    event: decodeEventBlock,
    acknowledge: decodeAcknowledgement,
    display: decodeDisplay,
    prompt: decodePrompt,
  }
  return read[place](valuesOf(frame))
}
