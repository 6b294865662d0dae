/** What a recording may hold of what went over a link: nothing of a person, whatever the link does. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, toHex } from '#devices/std/bytes.ts'
import { deviceTypes } from '#devices/types/index.ts'
import { decodeCardText, encodeCardText, warningsOf } from '#devices/wire/id-card-text.ts'
import {
  cardData,
  createReplyDeframer,
  encodeReply,
  encodeRequest,
  newAddressData,
  readCard,
  readCardWithFingerprint,
  readNewAddress,
  readSamId,
  replyOf,
  samCommands,
  samIdData,
} from '#devices/wire/sam.ts'
import { recordOf, toBase64 } from '#devices/wire/xfs4iot.ts'
import { blockText, createZt588Deframer, encodeZt588, promptText } from '#devices/wire/zt588.ts'
import { asItIs, type Piece, type Sanitiser } from '../../gateway/recording/sanitiser.ts'
import { sanitiserFor, treatments } from '../../gateway/recording/table.ts'
import { cutAt, withByte } from '../devices/support.ts'
import { searchFor } from '../replay/canaries.ts'
import { canaryCards, canaryPatterns } from '../replay/canary-cards.ts'

const cards = canaryCards()
const search = searchFor(canaryPatterns(cards))
const fingerprint = new Uint8Array(1024).fill(0xf1)

/** As a file holds it, and as whoever decodes the file sees it, entry by entry and in one. */
function found(pieces: readonly Piece[]): string[] {
  const bytes = pieces.map((piece) => ('bytes' in piece ? piece.bytes : new Uint8Array(0)))
  const lines = pieces.map((piece) =>
    'bytes' in piece ? toHex(piece.bytes) : JSON.stringify(piece),
  )
  return [...search(Buffer.from(lines.join('\n'))), ...search(concat(...bytes))]
}

function framesOf(pieces: readonly Piece[]): Uint8Array[] {
  return pieces.flatMap((piece) => ('bytes' in piece ? [piece.bytes] : []))
}

function bytesIn(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, p) => sum + ('bytes' in p ? p.bytes.length : p.length), 0)
}

/** All that a reader says of a card, with the question before each. */
const exchanges = cards.flatMap(({ text, photo, new_address }) => {
  const block = encodeCardText(text)
  const answer = (data: Uint8Array) => encodeReply(replyOf('success', data))
  return [
    { asked: samCommands.read, came: answer(cardData(block, photo!)) },
    {
      asked: samCommands.read_with_fingerprint,
      came: answer(cardData(block, photo!, fingerprint)),
    },
    { asked: samCommands.read_new_address, came: answer(newAddressData(new_address!)) },
    // Eight characters are as long as a module's id.
    { asked: samCommands.read_id, came: answer(newAddressData(new_address!.slice(0, 8))) },
    { asked: samCommands.find, came: answer(newAddressData(new_address!)) },
    { asked: samCommands.read, came: answer(cardData(block.subarray(0, 200), photo!)) },
  ]
})

describe('an ID-card reader’s recording', () => {
  it('holds no field, photo or fingerprint of a card; the bytes as they are would', () => {
    for (const { asked, came } of exchanges) {
      const reader = sanitiserFor('id_card_reader')
      const pieces = [...reader.out(encodeRequest(asked)), ...reader.in(came), ...reader.closed()]
      expect(found(pieces)).toEqual([])
      expect(found(asItIs.in(came))).not.toEqual([])
    }
  })

  it('neither where the line cuts, damages, doubles or mixes what it carries', () => {
    const exchange = fc.constantFrom(...exchanges)
    const damage = fc.record({ at: fc.nat(), change: fc.nat(255), cuts: fc.array(fc.nat()) })
    fc.assert(
      fc.property(fc.array(fc.tuple(exchange, exchange, damage), { maxLength: 6 }), (runs) => {
        const reader = sanitiserFor('id_card_reader')
        const pieces: Piece[] = []
        for (const [{ asked }, { came }, { at, change, cuts }] of runs) {
          pieces.push(...reader.out(encodeRequest(asked)))
          const damaged = withByte(came, at % came.length, change)
          for (const chunk of cutAt(damaged, cuts)) pieces.push(...reader.in(chunk))
        }
        pieces.push(...reader.closed())
        expect(found(pieces)).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('holds frames of the same length with right checksums, that read as cards of nobody', () => {
    const reader = sanitiserFor('id_card_reader')
    for (const { text, photo } of cards) {
      const block = encodeCardText(text)
      for (const finger of [undefined, fingerprint]) {
        const came = encodeReply(replyOf('success', cardData(block, photo!, finger)))
        const [kept] = framesOf(reader.in(came))
        expect(kept).toHaveLength(came.length)
        const { frames, discarded } = createReplyDeframer().push(kept!)
        expect(discarded).toEqual([])
        const read =
          finger === undefined ? readCard(frames[0]!) : readCardWithFingerprint(frames[0]!)
        const decoded = decodeCardText(read!.text)
        expect(decoded.warnings).toEqual([])
        expect(decoded.text.kind).toBe(text.kind)
        expect(read!.photo.every((byte) => byte === 0)).toBe(true)
      }
    }
  })

  it('has the same synthetic card for the same real one, and another for another', () => {
    const reader = sanitiserFor('id_card_reader')
    const synthetic = (card: number, edit = '') => {
      const { text, photo } = cards[card]!
      const block = encodeCardText({ ...text, name: text.name.slice(1) + edit })
      const [kept] = framesOf(reader.in(encodeReply(replyOf('success', cardData(block, photo!)))))
      return decodeCardText(readCard(createReplyDeframer().push(kept!).frames[0]!)!.text).text
    }
    expect(synthetic(1)).toEqual(synthetic(1))
    const edits = Array.from({ length: 2000 }, (_, at) =>
      synthetic(1, String.fromCharCode(0x4e00 + at)),
    )
    expect(new Set(edits.map(({ number }) => number)).size).toBe(2000)
    expect(edits.flatMap(warningsOf)).toEqual([])
    expect(synthetic(1).name).not.toBe(edits[0]!.name)
    expect(synthetic(0).number).not.toBe(synthetic(1).number)
  })

  it('keeps a module’s id, statuses and a newest address that is nobody’s', () => {
    const reader = sanitiserFor('id_card_reader')
    const id = '05.01-20101129-0001228293-0296863149'
    const whole = encodeReply(replyOf('success', samIdData(id)))
    const reply = createReplyDeframer().push(framesOf(reader.in(whole))[0]!).frames[0]!
    expect(readSamId(reply)).toBe(id)
    const lifted = encodeReply(replyOf('find_failed'))
    expect(framesOf(reader.in(lifted))).toEqual([lifted])
    reader.out(encodeRequest(samCommands.read_new_address))
    const moved = encodeReply(replyOf('success', newAddressData(cards[0]!.new_address!)))
    const [kept] = framesOf(reader.in(moved))
    expect(kept).toHaveLength(moved.length)
    const address = readNewAddress(createReplyDeframer().push(kept!).frames[0]!)
    expect(address).toEqual({ address: expect.stringContaining('虚构市') })
  })
})

describe('a PIN pad’s recording', () => {
  const prompt = {
    key: 64,
    format: 'iso0',
    hint: 0,
    digits: 6,
    account: '6222020200112230',
  } as const
  const block = { track: 0, digits: 6, block: '39AC62EF75BD1084' }

  it('has no key, no block and another account', () => {
    const pad = sanitiserFor('pin_pad')
    const pieces = [
      ...pad.out(encodeZt588(promptText(prompt))),
      ...pad.in(encodeZt588('\x01')),
      ...pad.in(Uint8Array.from([0x31, 0x39, 0xff, 0xff, 0x41, 0x0d])),
      ...pad.in(encodeZt588(blockText('7', block))),
    ]
    const said = Buffer.concat(framesOf(pieces)).toString('latin1')
    expect(said).not.toContain(prompt.account)
    expect(said).not.toContain(block.block)
    expect(said).toMatch(/640 006\d{16}/)
    expect(said).toContain('0'.repeat(16))
    const keys = pieces.flatMap((piece) => ('what' in piece ? [piece.what] : []))
    expect(keys).toEqual(['key', 'key', 'key', 'key', 'key', 'enter'])
  })

  it('not even where a block lost its beginning, its end or a byte', () => {
    const came = encodeZt588(blockText('7', block))
    for (const at of came.keys()) {
      for (const damaged of [came.subarray(at), came.subarray(0, at), withByte(came, at, 0x11)]) {
        const pad = sanitiserFor('pin_pad')
        const pieces = [...pad.in(damaged), ...pad.closed()]
        expect(bytesIn(pieces)).toBe(damaged.length)
        for (const frame of framesOf(pieces)) {
          expect(Buffer.from(frame).toString('latin1')).not.toMatch(/[1-9A-F]{4}/)
        }
      }
    }
  })

  it('and the frames it has are whole', () => {
    const pad = sanitiserFor('pin_pad')
    const kept = concat(...framesOf(pad.in(encodeZt588(blockText('7', block)))))
    expect(createZt588Deframer().push(kept)).toMatchObject({
      frames: [{ kind: 'frame' }],
      discarded: [],
    })
  })
})

it('a service password is a length, whole, halved or damaged', () => {
  for (const text of ['\x82918273\x83', '\x829182', '918273\x83', '\x82918273918273\x83']) {
    const pad = sanitiserFor('service_password_pad')
    const came = Buffer.from(text, 'latin1')
    const pieces = [...pad.in(came), ...pad.closed()]
    expect(framesOf(pieces)).toEqual([])
    expect(bytesIn(pieces)).toBe(came.length)
  }
})

describe('a kiosk service’s recording', () => {
  const track = '6222020200112230=26122010000012345678'
  const message = (name: string, type: string, payload: unknown) =>
    recordOf(JSON.stringify({ header: { name, type, requestId: 7, version: '2.0' }, payload }))
  const kept = (came: Uint8Array, dir: 'in' | 'out' = 'in') => {
    const pieces = sanitiserFor('xfs4iot')[dir](came)
    return pieces.map((p) => ('bytes' in p ? Buffer.from(p.bytes).toString() : '')).join('')
  }

  it('has what was read off a card and what was printed as zeros of that length', () => {
    const data = toBase64(Buffer.from(track))
    const read = kept(
      message('CardReader.ReadRawData', 'completion', {
        track2: { status: 'ok', data },
        chip: [{ status: 'ok', data, atr: track }],
        holder: track,
      }),
    )
    expect(read).not.toContain(data.slice(0, 8))
    expect(read).not.toContain(track.slice(0, 8))
    expect(JSON.parse(read.slice(1)).payload.track2.data).toHaveLength(data.length)
    expect(JSON.parse(read.slice(1)).payload.track2.status).toBe('ok')
    const printed = kept(message('Printer.PrintRaw', 'command', { inputData: 'no', data }), 'out')
    expect(printed).not.toContain(data.slice(0, 8))
  })

  it('has of messages it does not know the header only, and of strange headers nothing', () => {
    const event = message('CardReader.TrackDetectedEvent', 'event', { track2: track })
    expect(kept(event)).toContain('TrackDetectedEvent')
    expect(kept(event)).not.toContain(track)
    expect(kept(message(`Card.${track}`, 'event', {}))).toBe('')
    // A card's number in the place of a code.
    const number = '6222021234567890123'
    for (const code of [{ completionCode: number }, { status: number }]) {
      const header = { name: 'Printer.PrintRaw', type: 'completion', requestId: 7, ...code }
      expect(kept(recordOf(JSON.stringify({ header, payload: {} })))).toBe('')
    }
    for (const payload of [{ errorCode: number }, { track2: { status: number } }]) {
      expect(kept(message('CardReader.ReadRawData', 'completion', payload))).not.toContain(number)
    }
    const status = message('Common.Status', 'completion', { common: { device: 'online' } })
    expect(kept(status)).toContain('"device":"online"')
  })
})

it('the proof of a display’s password is not kept', () => {
  const proof = 'ab12'.repeat(8)
  for (const hex of [proof, proof.repeat(3)]) {
    const [piece] = sanitiserFor('hall_display').out(Buffer.from(`${hex}%1POWR ?\r`))
    const said = Buffer.from((piece as { bytes: Uint8Array }).bytes).toString()
    expect(said).toBe(`${'0'.repeat(hex.length)}%1POWR ?\r`)
  }
})

describe('every type', () => {
  it('of this house is in the table, and one that is not is recorded as lengths only', () => {
    const house = [
      ...['id_card_reader', 'call_pad', 'ticket_panel', 'ticket_printer', 'ff68_pad', 'ff68_rater'],
      ...[
        'hall_display',
        'pin_pad',
        'service_password_pad',
        'rating_pad',
        'counter_display',
        'xfs4iot',
      ],
    ]
    for (const type of house) expect([type, treatments.has(type)]).toEqual([type, true])
    for (const type of treatments.keys()) expect(Object.hasOwn(deviceTypes, type)).toBe(true)
    const stranger: Sanitiser = sanitiserFor('thermometer')
    expect(stranger.in(Uint8Array.of(1, 2, 3))).toEqual([{ dir: 'in', length: 3, what: 'unknown' }])
  })

  it('that may carry cards has a sanitiser', () => {
    for (const { name, carries_cards } of Object.values(deviceTypes)) {
      if (carries_cards) expect([name, treatments.get(name)?.as]).toEqual([name, 'sanitised'])
    }
  })

  it('takes any bytes, in any pieces, and loses none of those whose length it keeps', () => {
    const chunk = fc.tuple(fc.constantFrom('in' as const, 'out' as const), fc.uint8Array())
    for (const type of treatments.keys()) {
      fc.assert(
        fc.property(fc.array(chunk, { maxLength: 20 }), (chunks) => {
          const sanitiser = sanitiserFor(type)
          const pieces = chunks.flatMap(([dir, bytes]) => sanitiser[dir](bytes))
          const all = [...pieces, ...sanitiser.closed()]
          const sum = chunks.reduce((size, [, bytes]) => size + bytes.length, 0)
          if (type !== 'id_card_reader') expect([type, bytesIn(all)]).toEqual([type, sum])
        }),
        { numRuns: 60 },
      )
    }
  })
})
