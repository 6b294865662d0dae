/** Sealing: what leaves says nothing of the card, and only the controller's key opens it. */
import { inspect } from 'node:util'
import fc from 'fast-check'
import iconv from 'iconv-lite'
import { compactDecrypt, exportJWK, generateKeyPair } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { PublicKey } from '#devices/contract/enrolment.ts'
import { kinds } from '#devices/contract/record.ts'
import { Card } from '#devices/types/card.ts'
import {
  type CardText,
  decodeCardText,
  encodeCardText,
  type ResidentText,
} from '#devices/wire/id-card-text.ts'
import { describeCard } from '../../gateway/seal/describe.ts'
import { normaliseNumber } from '../../gateway/seal/number.ts'
import { createSealer, type Sealer } from '../../gateway/seal/sealer.ts'

const card: ResidentText = {
  kind: 'resident',
  // A rare character, one of a surrogate pair, one half of a pair alone, and the middle dot.
  name: '买买提·\u{20b9f}㐂\ud842',
  sex: '1',
  nation: '05',
  birth: '19491231',
  address: '新疆维吾尔自治区某某路一百二十三号院四单元',
  number: '11010519491231002X',
  issuer: '某某市公安局某某分局',
  valid_from: '20200101',
  valid_to: '长期',
  reserved: '',
}

const cardOf = (text: CardText) => new Card(1, { text, warnings: [] })

const hall_key = Buffer.alloc(32, 7)
let sealer: Sealer
let sealing_key: PublicKey
let privateKey: CryptoKey

beforeAll(async () => {
  const pair = await generateKeyPair('ECDH-ES+A256KW', { crv: 'P-256', extractable: true })
  privateKey = pair.privateKey
  const { kty, crv, x, y } = await exportJWK(pair.publicKey)
  sealing_key = PublicKey.parse({ kty, crv, x, y })
  sealer = await createSealer({ hall_key, sealing_key })
})

async function unseal(sealed: string): Promise<unknown> {
  const { plaintext } = await compactDecrypt(sealed, privateKey)
  return JSON.parse(new TextDecoder().decode(plaintext))
}

/** Every way a field could stand in a file: five encodings of text, hex, base64 at each offset. */
function shapesOf(field: string): string[] {
  const bytes = [
    Buffer.from(field, 'utf8'),
    Buffer.from(field, 'utf16le'),
    Buffer.from(field, 'utf16le').swap16(),
    iconv.encode(field, 'gb18030'),
  ]
  const based = bytes.flatMap((b) =>
    [0, 1, 2].flatMap((offset) => {
      // Only whole groups inside the text: the ends depend on what stands beside it.
      const text = Buffer.concat([Buffer.alloc(offset), b]).toString('base64')
      const inner = text.slice(offset === 0 ? 0 : 4, Math.floor((offset + b.length) / 3) * 4)
      return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')]
    }),
  )
  return [
    ...bytes.map((b) => b.toString('latin1')),
    ...bytes.flatMap((b) => [b.toString('hex'), b.toString('hex').toUpperCase()]),
    ...based.filter((text) => text.length >= 8),
    JSON.stringify(field).slice(1, -1),
  ]
}

describe('what leaves', () => {
  test('holds no field of the card in any encoding', async () => {
    const out = JSON.stringify(await sealer.seal(cardOf(card)))
    const decoded = out
      .split(/[".,:{}]/)
      .map((part) => Buffer.from(part, 'base64').toString('latin1'))
      .join('\n')
    const long = Object.values(card).filter((field) => field.length >= 4)
    expect(long.length).toBeGreaterThan(6)
    for (const shape of long.flatMap(shapesOf)) {
      expect(out).not.toContain(shape)
      expect(decoded).not.toContain(shape)
    }
  })

  test('the search above finds a field that is there', () => {
    for (const before of ['', '?', '??']) {
      for (const encoding of ['utf8', 'utf16le', 'gb18030']) {
        const leak = iconv.encode(`${before}${card.number}??`, encoding).toString('base64')
        expect(shapesOf(card.number).some((shape) => leak.includes(shape))).toBe(true)
      }
    }
  })

  test('is opened by the controller with every code unit as it was on the card', async () => {
    const { sealed } = await sealer.seal(cardOf(card))
    expect(await unseal(sealed)).toEqual({ v: 1, ...card })
  })

  test('from the block on the chip to the controller, whatever its 128 code units are', async () => {
    const flag = fc.constantFrom(0x20, 0x4a, 0x49, 0x59)
    const unit = fc.oneof(fc.nat(0xffff), fc.integer({ min: 0xd800, max: 0xdfff }))
    const units = fc.array(unit, { minLength: 128, maxLength: 128 })
    await fc.assert(
      fc.asyncProperty(units, flag, async (all, kind) => {
        all[124] = kind
        const block = new Uint8Array(Uint16Array.from(all).buffer)
        const { text } = decodeCardText(block)
        const opened = (await unseal((await sealer.seal(cardOf(text))).sealed)) as { v: number }
        const { v, ...fields } = opened
        expect(v).toBe(1)
        expect(encodeCardText(fields as unknown as CardText)).toEqual(block)
      }),
      { numRuns: 200 },
    )
  })

  test('fits the record, and its length says nothing about the card', async () => {
    const short = { ...card, number: '1', name: '丁', address: '', issuer: '' }
    const long = {
      ...card,
      name: '\u{2a700}'.repeat(7),
      address: '址'.repeat(35),
      issuer: '局'.repeat(15),
    }
    const all = await Promise.all([short, card, long].map((one) => sealer.seal(cardOf(one))))
    expect(new Set(all.map(({ sealed }) => sealed.length)).size).toBe(1)
    const { subject, sealed } = all[1]!
    const data = {
      counter: '1',
      ticket: null,
      card_type: 'resident',
      subject,
      sealed,
      warnings: [],
    }
    expect(kinds['card.verified'].safeParse(data).success).toBe(true)
  })

  test('differs each time but for the token', async () => {
    const [a, b] = await Promise.all([card, card].map((one) => sealer.seal(cardOf(one))))
    expect(a!.subject).toBe(b!.subject)
    expect(a!.sealed).not.toBe(b!.sealed)
  })

  test('a card beyond all sizes is refused without a word of it', async () => {
    const huge = cardOf({ ...card, address: '址'.repeat(9_000) })
    const refused = await sealer.seal(huge).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'too_large' })
    expect(inspect(refused, { depth: 9 })).not.toContain('址')
  })
})

describe('the token', () => {
  test('is the same however the number was spelled, and another in another hall', async () => {
    const forms = [
      '11010519491231002x',
      ' 11010519491231002X ',
      '１１０１０５１９４９１２３１００２Ｘ',
    ]
    const { subject } = await sealer.seal(cardOf(card))
    for (const number of forms) {
      expect((await sealer.seal(cardOf({ ...card, number }))).subject).toBe(subject)
    }
    const other = await createSealer({ hall_key: Buffer.alloc(32, 8), sealing_key })
    expect((await other.seal(cardOf(card))).subject).not.toBe(subject)
  })

  test('differs for numbers that are broken in different ways', async () => {
    const broken = ['\ud84211010519491231002', '\ud84311010519491231002', '\ufffd11010519491231002']
    const tokens = await Promise.all(
      broken.map(async (number) => (await sealer.seal(cardOf({ ...card, number }))).subject),
    )
    expect(new Set(tokens).size).toBe(3)
  })

  test('is HMAC-SHA256 as others compute it', async () => {
    // printf 11010519491231002X | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707...07
    const { subject } = await sealer.seal(cardOf(card))
    expect(subject).toBe('e36da84fef3a1c6a3ea976b0ae4b9fe3dec7f484c700ccc7492e231095d58ec5')
  })

  test('normalising twice changes nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (number) => {
        const once = normaliseNumber(number)
        return normaliseNumber(once) === once
      }),
    )
  })

  test('keys that are none are refused', async () => {
    const short = createSealer({ hall_key: Buffer.alloc(31), sealing_key })
    await expect(short).rejects.toMatchObject({ code: 'invalid' })
    const off = { ...sealing_key, x: sealing_key.y, y: sealing_key.x }
    const bad = createSealer({ hall_key, sealing_key: off })
    await expect(bad).rejects.toMatchObject({ code: 'invalid' })
  })
})

test('a card in memory prints as [card] however it is printed', () => {
  const clear = cardOf(card)
  const error = new Error(`trouble with ${clear}`, { cause: { clear } })
  const printed = [
    JSON.stringify({ clear }),
    inspect({ deep: [clear] }, { depth: 10, showHidden: true }),
    inspect(error, { depth: 10 }),
    String(clear),
    `${clear}`,
    JSON.stringify(structuredClone({ clear })),
    JSON.stringify({ ...clear }),
    JSON.stringify(Object.entries(clear)),
  ].join('\n')
  for (const field of Object.values(card).filter((text) => text.length > 2)) {
    expect(printed).not.toContain(field)
  }
  expect(String(clear)).toBe('[card]')
})

test('what is odd about a card is said in the words of the record', () => {
  const about = (valid_to: string, ...warnings: Parameters<typeof describeCard>[1][number][]) =>
    describeCard({ kind: 'permit', valid_to }, warnings, '2026-01-05')
  expect(about('20260105')).toEqual({ card_type: 'hk_mo_tw', warnings: [] })
  expect(about('20260104').warnings).toEqual(['expired'])
  expect(about('长期', 'check_digit').warnings).toEqual(['check_digit'])
  expect(about('长期', 'flag_unknown')).toEqual({
    card_type: 'unknown',
    warnings: ['unknown_type'],
  })
})
