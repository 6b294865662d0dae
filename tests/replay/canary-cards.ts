/**
 * Cards of every kind on which every field is a canary: texts of rare characters, no character of which
 * stands in another field or in any text of ours. Only numbers and dates keep their form, with digits
 * found nowhere else.
 */
import type { CardText } from '#devices/wire/id-card-text.ts'
import { checkCharacter } from '#devices/wire/id-card-text.ts'
import type { LaidCard } from '../../firmware-sim/models/id-card-reader.ts'
import { dressesOf, dressesOfBytes, type Pattern } from './canaries.ts'

/** CJK extension A: characters of no name and no address in these programs. */
const rare_block = { first: 0x3400, size: 6592 }
/** Odd steps, so that no text is a row of numbers that grow by one. */
const step = 2659

/** Texts of rare characters, none twice. */
function rareTexts(): (length: number) => string {
  let next = 0
  const unit = () => {
    next += step
    return rare_block.first + (next % rare_block.size)
  }
  return (length) => String.fromCharCode(...Array.from({ length }, unit))
}

export function canaryCards(): LaidCard[] {
  const rare = rareTexts()
  const number = (region: string, birth: string, serial: string) => {
    const digits = `${region}${birth}${serial}`
    return digits + checkCharacter(digits)
  }
  const dates = () => ({ valid_from: rare(8), valid_to: rare(8) })
  const texts: CardText[] = [
    {
      kind: 'resident',
      ...{ name: rare(15), sex: rare(1), nation: rare(2), birth: '18440229' },
      ...{ address: rare(35), number: number('998877', '18440229', '731'), issuer: rare(15) },
      ...{ ...dates(), reserved: rare(14) },
    },
    {
      kind: 'permit',
      ...{ name: rare(7), sex: rare(1), birth: '18480229', address: rare(20) },
      ...{ number: number('810000', '18480229', '517'), issuer: rare(9), ...dates() },
      ...{ pass_number: 'HQZX7J9VK', issue_count: rare(2), reserved: rare(2) },
    },
    {
      kind: 'foreigner_2017',
      ...{ name_en: 'CANARY, QZXJVWKYUF', sex: rare(1), number: 'ZQX990718273645' },
      ...{ nationality: rare(3), name: rare(4), ...dates(), birth: '18520229' },
      ...{ version: rare(2), authority: rare(4), reserved: rare(3) },
    },
    {
      kind: 'foreigner_2023',
      ...{ name: rare(6), sex: rare(1), renewals: rare(2), birth: '18560229' },
      ...{ name_en: 'QVOLE JIXWYZ', number: number('999213', '18560229', '846'), ...dates() },
      ...{ nationality: rare(3), previous_link: rare(3), reserved: rare(15) },
    },
  ]
  return texts.map((text, at) => ({
    text,
    photo: photoOf(at),
    fingerprint_bytes: 1024,
    new_address: rare(20),
  }))
}

const grain_bytes = 16
const piece_length = 4

/** The same sixteen bytes over and over, so that any piece of it is known again. */
function photoOf(card: number): Uint8Array {
  return Uint8Array.from(
    { length: 1024 },
    (_, at) => 0x61 ^ (((at % grain_bytes) * 37 + card * 91) & 0xff),
  )
}

/** What no file may hold of these cards. */
export function canaryPatterns(cards: readonly LaidCard[]): Pattern[] {
  const texts = cards.flatMap(({ text, new_address = '' }) => {
    const { kind, birth, ...fields } = text
    const whole = [...Object.values(fields), new_address]
    return [...whole, ...born(birth), ...whole.flatMap(piecesOf)]
  })
  const photos = cards.map(({ photo }) => Buffer.from(photo!.subarray(0, grain_bytes)))
  const finger = Buffer.alloc(grain_bytes, 0xf1)
  const pictures = [...photos, finger].flatMap((bytes) => dressesOfBytes(bytes, 'bytes'))
  return [
    ...texts.filter((text) => text !== '').flatMap(dressesOf),
    ...pictures.map((dress) => ({ canary: 'a picture', ...dress })),
  ]
}

/** A field that was cut is one all the same: every piece of a few rare characters. */
function piecesOf(text: string): string[] {
  if (text.length < 2 * piece_length || /[ -~]/.test(text)) return []
  const count = Math.floor(text.length / piece_length)
  return Array.from({ length: count }, (_, at) =>
    text.slice(at * piece_length, (at + 1) * piece_length),
  )
}

/** Eight digits alone might stand in any number: as a field of its own, and as people write it. */
function born(birth: string): string[] {
  const dashed = birth.replace(/(....)(..)(..)/, '$1-$2-$3')
  return [`"${birth}"`, `:${birth}`, dashed]
}
