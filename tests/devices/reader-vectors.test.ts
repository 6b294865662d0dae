/**
 * The vectors of the reader's protocol, each from outside this code and each in both directions where
 * it has two. The table at the end says which are covered, by what mark they are believed, and how.
 */
import { createHash } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { fromHex, toHex } from '#devices/std/bytes.ts'
import { xor8 } from '#devices/std/crc.ts'
import {
  type CardText,
  checkCharacter,
  decodeCardText,
  encodeCardText,
  nationName,
} from '#devices/wire/id-card-text.ts'
import { miaxisReport, unwrapMiaxisRequest, wrapMiaxis } from '#devices/wire/miaxis-hid.ts'
import {
  cardData,
  createReplyDeframer,
  createRequestDeframer,
  encodeReply,
  encodeRequest,
  newAddressData,
  readCard,
  readCardWithFingerprint,
  readNewAddress,
  readSamId,
  replyOf,
  type SamCommand,
  type SamStatusName,
  samIdData,
  statusName,
} from '#devices/wire/sam.ts'
import { type BulkLayout, bulkTransfers, pickBulkLayout } from '#devices/wire/usb-bulk.ts'
import { golden } from './support.ts'

type Row = { part: string; what: string; mark: string; ways: 'both' | 'one'; check: () => void }
type Hex = { mark: string; hex: string }

const sam = golden<{
  requests: (Hex & { name: string; cmd: string; para: string; data: string })[]
  too_short_requests: (Hex & { name: string })[]
  replies: (Hex & { name: string; sw: string; data: string; sam_id?: string })[]
  statuses: (Hex & { sw3: string; name: string })[]
  card_replies: {
    command: string
    mark: string
    text: string
    chk: string
    total: number
    head: string
    fingerprint: number | null
    photo: 'zero' | 'pattern'
  }[]
  new_addresses: (Hex & { about: string; len: string | null; address: string | null })[]
}>('id-card-reader.json')
const texts = golden<{
  blocks: { kind: string; mark: string; xor: string; sha256: string; fields: object }[]
  check_characters: [string, string][]
  nations: Record<string, string>
}>('id-card-text.json')
const hid = golden<{ requests: { name: string; mark: string; sam: string; packet: string }[] }>(
  'miaxis-hid.json',
)
const bulk = golden<{
  request: string
  layouts: {
    name: string
    endpoints: number[]
    layout: BulkLayout
    out: { pipe: number; bytes: string }[]
  }[]
}>('usb-bulk.json')

const plain = (hex: string) => toHex(fromHex(hex))
const heard = (hex: string) => createReplyDeframer().push(fromHex(hex)).frames[0]!

function requests(): Row[] {
  return sam.requests.map(({ name, mark, hex, cmd, para, data }) => ({
    ...{ part: '1.2', what: name, mark, ways: 'both' },
    check() {
      const [c, p] = [cmd, para].map((byte) => Number.parseInt(byte, 16)) as [number, number]
      const command: SamCommand = { cmd: c, para: p, data: fromHex(data) }
      expect(toHex(encodeRequest(command))).toBe(plain(hex))
      expect(createRequestDeframer().push(fromHex(hex)).frames).toEqual([command])
    },
  }))
}

function shortRequests(): Row[] {
  return sam.too_short_requests.map(({ name, mark, hex }) => ({
    // A frame without PARA is not built here; the module's side answers it with 11.
    ...{ part: '1.2', what: `${name} (no PARA)`, mark, ways: 'one' },
    check: () =>
      expect(createRequestDeframer().push(fromHex(hex)).frames[0]).toEqual({
        refuse: 'length_error',
      }),
  }))
}

function replies(): Row[] {
  return sam.replies.map(({ name, mark, hex, sw, data, sam_id }) => ({
    ...{ part: '1.3', what: name, mark, ways: 'both' },
    check() {
      const [sw1, sw2, sw3] = fromHex(sw) as unknown as [number, number, number]
      const reply = { sw1, sw2, sw3, data: fromHex(data) }
      expect(toHex(encodeReply(reply))).toBe(plain(hex))
      expect(heard(hex)).toEqual(reply)
      if (sam_id === undefined) return
      expect(readSamId(reply)).toBe(sam_id)
      expect(toHex(samIdData(sam_id))).toBe(plain(data))
    },
  }))
}

function statuses(): Row[] {
  return sam.statuses.map(({ sw3, name, mark, hex }) => ({
    ...{ part: '1.4', what: `${sw3} ${name}`, mark, ways: name === 'unlisted' ? 'one' : 'both' },
    check() {
      expect(statusName(heard(hex).sw3)).toBe(name)
      if (name !== 'unlisted') {
        expect(toHex(encodeReply(replyOf(name as SamStatusName)))).toBe(plain(hex))
      }
    },
  }))
}

function cardReplies(): Row[] {
  return sam.card_replies.map(({ command, mark, text, chk, total, head, fingerprint, photo }) => ({
    ...{ part: '1.5', mark, ways: 'both' },
    what: `${command}, ${text}, photo ${photo}, fingerprint ${fingerprint ?? '-'}: CHK ${chk}`,
    check() {
      const block = blockOf(text)
      const picture = Uint8Array.from({ length: 1024 }, (_, at) => (photo === 'zero' ? 0 : at))
      const finger = fingerprint === null ? undefined : new Uint8Array(fingerprint)
      const frame = encodeReply(replyOf('success', cardData(block, picture, finger)))
      expect(toHex(frame)).toMatch(new RegExp(`^${plain(head)}.*${chk.toLowerCase()}$`))
      expect(frame).toHaveLength(total)
      const read = command === 'read' ? readCard : readCardWithFingerprint
      expect(read(heard(toHex(frame)))).toEqual({ text: block, photo: picture })
    },
  }))
}

function newAddresses(): Row[] {
  return sam.new_addresses.map(({ about, mark, hex, len, address }) => ({
    ...{ part: '1.5', what: `30 03, ${about}`, mark, ways: 'both' },
    check() {
      const taken = readNewAddress(heard(hex))
      if (len !== null) expect(toHex(fromHex(hex).subarray(5, 7))).toBe(plain(len))
      if (address === null) {
        expect(taken).toBe('no_such_item')
        expect(toHex(encodeReply(replyOf('no_such_item')))).toBe(plain(hex))
        return
      }
      expect(taken).toEqual({ address })
      const data = newAddressData(len === null ? address : address.padEnd(35, ' '))
      expect(toHex(encodeReply(replyOf('success', data)))).toBe(plain(hex))
    },
  }))
}

function blockOf(kind: string): Uint8Array {
  const { fields } = texts.blocks.find((block) => block.kind === kind)!
  return encodeCardText({ kind, ...fields } as CardText)
}

function blocks(): Row[] {
  return texts.blocks.map(({ kind, mark, xor, sha256, fields }) => ({
    ...{ part: '1.8', what: `text block, ${kind}: XOR ${xor}`, mark, ways: 'both' },
    check() {
      // The hash stands for all 256 bytes, so what is decoded here are the bytes from outside.
      const block = blockOf(kind)
      expect(createHash('sha256').update(block).digest('hex')).toBe(sha256)
      expect(xor8(block)).toBe(Number.parseInt(xor, 16))
      expect(decodeCardText(block)).toEqual({ text: { kind, ...fields }, warnings: [] })
    },
  }))
}

function tables(): Row[] {
  const digits = texts.check_characters.map(
    ([digits, character]): Row => ({
      ...{ part: '1.7', what: `GB 11643 ${digits} → ${character}`, mark: 'V2 D', ways: 'one' },
      check: () => expect(checkCharacter(digits)).toBe(character),
    }),
  )
  const nations: Row = {
    ...{ part: '1.7', what: 'GB 3304, 56 nations and codes 97, 98', mark: 'V2', ways: 'one' },
    check() {
      expect(Object.keys(texts.nations)).toHaveLength(56)
      for (const [code, name] of Object.entries(texts.nations)) expect(nationName(code)).toBe(name)
      expect(nationName('97') && nationName('98')).toBeTruthy()
      expect(nationName('57')).toBeNull()
    },
  }
  return [...digits, nations]
}

function links(): Row[] {
  const wrapped = hid.requests.map(({ name, mark, sam: frame, packet }) => ({
    ...{ part: '1.10', what: `${name} in a Miaxis report`, mark, ways: 'both' as const },
    check() {
      expect(toHex(wrapMiaxis(fromHex(frame)))).toBe(plain(packet))
      const taken = unwrapMiaxisRequest(miaxisReport(fromHex(packet)))
      expect(taken).toEqual({ kind: 'part', bytes: fromHex(frame) })
    },
  }))
  const pipes = bulk.layouts.map(({ name, endpoints, layout, out }) => ({
    ...{ part: '1.10', what: `bulk pipes, ${name}`, mark: 'V2', ways: 'both' as const },
    check() {
      expect(pickBulkLayout(endpoints)).toEqual(layout)
      const sent = bulkTransfers(layout, fromHex(bulk.request))
      expect(sent.map(({ pipe, bytes }) => [pipe, toHex(bytes)])).toEqual(
        out.map(({ pipe, bytes }) => [pipe, plain(bytes)]),
      )
    },
  }))
  return [...wrapped, ...pipes]
}

const rows: Row[] = [
  ...requests(),
  ...shortRequests(),
  ...replies(),
  ...statuses(),
  ...cardReplies(),
  ...newAddresses(),
  ...tables(),
  ...blocks(),
  ...links(),
]

describe('vectors of the ID-card reader', () => {
  const covered: Row[] = []

  for (const row of rows) {
    it(`${row.part} ${row.what} [${row.mark}]`, () => {
      row.check()
      covered.push(row)
    })
  }

  it('are all there: as many of each part as the sources give', () => {
    const count = (part: string) => rows.filter((row) => row.part === part).length
    // 12 commands with the five baud rates for one, the foreign module's, two without PARA.
    expect(count('1.2')).toBe(12 + 4 + 1 + 2)
    // 11 situations and the printed SAM id.
    expect(count('1.3')).toBe(12)
    expect(count('1.4')).toBe(18 + 1)
    // Four cards and a second photo, three lengths of fingerprints; the newest address thrice.
    expect(count('1.5')).toBe(5 + 3 + 3)
    expect(count('1.7')).toBe(6 + 1)
    expect(count('1.8')).toBe(4)
    expect(count('1.10')).toBeGreaterThanOrEqual(1 + 2)
  })

  afterAll(() => {
    const parts = [...new Set(rows.map(({ part }) => part))]
    const lines = parts.map((part) => {
      const of = rows.filter((row) => row.part === part)
      const done = of.filter((row) => covered.includes(row))
      const marks = [...new Set(of.map(({ mark }) => mark))].sort().join(' ')
      const both = done.filter(({ ways }) => ways === 'both').length
      const cells = [part, of.length, done.length, both, marks]
      return cells.map((cell, i) => String(cell).padEnd([8, 9, 9, 12, 0][i]!)).join('')
    })
    console.log(
      ['part    vectors  covered  both ways   marks', ...lines].map((l) => l.trimEnd()).join('\n'),
    )
  })
})
