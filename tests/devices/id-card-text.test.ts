/** The text block of ID cards: golden blocks both ways, text that must survive, rules that warn. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '#devices/std/bytes.ts'
import { xor8 } from '#devices/std/crc.ts'
import {
  type CardText,
  checkCharacter,
  decodeCardText,
  encodeCardText,
  nationName,
  type ResidentText,
} from '#devices/wire/id-card-text.ts'
import { cardData, createReplyDeframer, encodeReply, replyOf } from '#devices/wire/sam.ts'
import { golden } from './support.ts'

type Golden = {
  blocks: {
    kind: CardText['kind']
    xor: string
    sha256: string
    fields: object
    spans: Record<string, string>
    warnings: string[]
  }[]
  undetected: { numbers: [string, string] }[]
  check_characters: [string, string][]
  nations: Record<string, string>
}

const vectors = golden<Golden>('id-card-text.json')

describe('the text block of an ID card', () => {
  for (const { kind, xor, sha256, fields, spans, warnings } of vectors.blocks) {
    it(`${kind} both ways`, () => {
      const text = { kind, ...fields } as CardText
      const block = encodeCardText(text)
      expect(xor8(block)).toBe(Number.parseInt(xor, 16))
      expect(createHash('sha256').update(block).digest('hex')).toBe(sha256)
      for (const [offset, hex] of Object.entries(spans)) {
        const bytes = fromHex(hex)
        const at = Number(offset)
        expect(toHex(block.subarray(at, at + bytes.length))).toBe(toHex(bytes))
      }
      expect(decodeCardText(block)).toEqual({ text, warnings })
    })
  }

  const resident = { kind: 'resident', ...vectors.blocks[0]!.fields } as ResidentText

  it('keeps rare names, surrogates, lone halves and the middle dot as they are', () => {
    for (const name of ['𠀀𪚥龘', '买买提·吐尔逊', '\ud840王', '王\udc00', '\u0000A']) {
      const { text } = decodeCardText(encodeCardText({ ...resident, name }))
      expect((text as ResidentText).name).toBe(name)
    }
  })

  it('gives any block back bit for bit, of a known kind or not', () => {
    const block = fc.uint8Array({ minLength: 256, maxLength: 256 })
    const flag = fc.constantFrom(0x20, 0x4a, 0x49, 0x59, 0x41)
    fc.assert(
      fc.property(block, flag, (bytes, kind) => {
        bytes[248] = kind
        bytes[249] = 0
        const { text, warnings } = decodeCardText(bytes)
        expect(warnings.includes('flag_unknown')).toBe(kind === 0x41)
        expect(toHex(encodeCardText(text))).toBe(toHex(bytes))
      }),
      { numRuns: 500 },
    )
  })

  it('treats an unknown flag as a resident card and keeps the reserved part', () => {
    const bytes = encodeCardText(resident)
    bytes[248] = 0x51
    const { text, warnings } = decodeCardText(bytes)
    expect(warnings).toEqual(['flag_unknown'])
    expect(text).toEqual({ ...resident, reserved: `${' '.repeat(14)}Q` })
  })

  it('joins an English name cut in two, with the blank at the cut', () => {
    const name_en = `${'A'.repeat(34)} ${'B'.repeat(10)}`
    const y = { kind: 'foreigner_2023', ...vectors.blocks[3]!.fields, name_en } as CardText
    expect(decodeCardText(encodeCardText(y)).text).toEqual(y)
  })

  it('warns about codes and numbers and refuses none', () => {
    const warned = (changes: Partial<ResidentText>) =>
      decodeCardText(encodeCardText({ ...resident, ...changes })).warnings
    expect(warned({ number: '110105194912310021' })).toEqual(['check_digit'])
    expect(warned({ number: '11010519491231002x' })).toEqual(['number_form'])
    expect(warned({ sex: '3' })).toEqual(['sex_code'])
    expect(warned({ nation: '57' })).toEqual(['nation_code'])
    expect(warned({ birth: '19490229' })).toEqual(['birth_date'])
    expect(warned({ birth: '20000229' })).toEqual([])
    const permit = { kind: 'permit', ...vectors.blocks[1]!.fields } as CardText
    const numbered = (text: CardText, number: string) =>
      decodeCardText(encodeCardText({ ...text, number } as CardText)).warnings
    expect(numbered(permit, '830000198512310020')).toEqual([])
    expect(numbered(permit, '810000199001010018')).toEqual(['check_digit'])
    expect(numbered(permit, '11010519491231002X')).toEqual(['number_form'])
    const later = { kind: 'foreigner_2023', ...vectors.blocks[3]!.fields } as CardText
    expect(numbered(later, '11010519491231002X')).toEqual(['number_form'])
    const foreigner = { kind: 'foreigner_2017', ...vectors.blocks[2]!.fields } as CardText
    const odd = { ...foreigner, number: 'US1100900101012' } as CardText
    expect(decodeCardText(encodeCardText(odd)).warnings).toEqual(['number_form'])
  })

  it('cannot tell two numbers apart whose check digit and XOR are the same, in either direction', () => {
    for (const { numbers } of vectors.undetected) {
      const frames = numbers.map((number) => {
        const text = { ...resident, number }
        const block = encodeCardText(text)
        expect(checkCharacter(number.slice(0, 17))).toBe(number[17])
        expect(decodeCardText(block)).toEqual({ text, warnings: [] })
        const data = cardData(block, new Uint8Array(1024))
        return { block, bytes: encodeReply(replyOf('success', data)) }
      })
      for (const [from, to] of [frames, frames.toReversed()]) {
        const changed = [...from!.bytes.keys()].filter((at) => from!.bytes[at] !== to!.bytes[at])
        expect(changed).toHaveLength(2)
        const damaged = from!.bytes.slice()
        // Its own checksum stays: it is the other's too.
        for (const at of changed) damaged[at] = to!.bytes[at]!
        const { frames: read, discarded } = createReplyDeframer().push(damaged)
        expect(discarded).toEqual([])
        expect(toHex(read[0]!.data.subarray(4, 260))).toBe(toHex(to!.block))
      }
    }
  })

  it('computes the check character of GB 11643', () => {
    for (const [digits, character] of vectors.check_characters) {
      expect(checkCharacter(digits)).toBe(character)
    }
  })

  it('names the nations of GB 3304', () => {
    for (const [code, name] of Object.entries(vectors.nations)) expect(nationName(code)).toBe(name)
    const codes = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0'))
    expect(codes.filter((code) => nationName(code) !== null)).toHaveLength(58)
  })
})
