/**
 * Synthetic cards of every kind. Every text field is a canary: it names its person, is found nowhere else,
 * and belongs to nobody. Numbers have a region code that was never given out, so they pass the check
 * digit and can be no real person's.
 */
import {
  type CardKind,
  type CardText,
  checkCharacter,
  type ResidentText,
} from '#devices/wire/id-card-text.ts'
import { below, seeded } from './seeded.ts'

const surnames = '赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏'
const streets = '青松碧桃白杨紫藤银杏红枫翠柏丹桂玉兰海棠'
/** Digits as characters that stand in no text of ours. */
const marks = '零壹贰叁肆伍陆柒捌玖'

/** `world` keeps the people of two runs apart; `person` from 0 to 9 999 999. */
export function cardOf(world: string, person: number): ResidentText {
  const random = seeded('card', world, person)
  const mark = [...String(person).padStart(7, '0')].map((digit) => marks[Number(digit)]).join('')
  const surname = surnames[below(random, surnames.length)]!
  const year = 1940 + below(random, 60)
  const month = String(1 + below(random, 12)).padStart(2, '0')
  const day = String(1 + below(random, 28)).padStart(2, '0')
  const birth = `${year}${month}${day}`
  const region = `99${String(person % 10_000).padStart(4, '0')}`
  const digits = `${region}${birth}${String(Math.floor(person / 10_000)).padStart(3, '0')}`
  const street = streets[below(random, streets.length / 2) * 2]!
  return {
    kind: 'resident',
    name: `${surname}${mark}`,
    sex: String(1 + below(random, 2)),
    nation: '01',
    birth,
    address: `虚构市${street}林路${mark}号${100 + below(random, 900)}室`,
    number: digits + checkCharacter(digits),
    issuer: `虚构公安${mark}`,
    valid_from: '20200101',
    valid_to: '20400101',
    reserved: '',
  }
}

export const cardKinds = ['resident', 'permit', 'foreigner_2017', 'foreigner_2023'] as const

/** The same person with another kind of card. Regions and countries in the numbers are none. */
export function cardOfKind(kind: CardKind, world: string, person: number): CardText {
  const resident = cardOf(world, person)
  const { name, sex, birth, valid_from, valid_to } = resident
  const serial = String(person).padStart(7, '0')
  const dates = { sex, birth, valid_from, valid_to, reserved: '' }
  // Letters for digits, so that also the English name is found nowhere else.
  const letters = [...serial].map((digit) => 'QZXJVWKYUF'[Number(digit)]).join('')
  const name_en = `CANARY, ${letters}`
  switch (kind) {
    case 'resident':
      return resident
    case 'permit': {
      const { address, issuer } = resident
      const number = checked(`810000${birth}${serial.slice(-3)}`)
      const pass_number = `H${serial}9`
      return { kind, name, address, issuer, number, pass_number, issue_count: '01', ...dates }
    }
    case 'foreigner_2017': {
      const number = `ZZZ99${serial}000`
      const rest = { nationality: 'ZZZ', version: '01', authority: '9999' }
      return { kind, name, name_en, number, ...rest, ...dates }
    }
    case 'foreigner_2023': {
      const number = checked(`999${serial.slice(0, 4)}${birth.slice(2)}${serial.slice(-4)}`)
      const rest = { nationality: 'ZZZ', renewals: '01', previous_link: '' }
      return { kind, name, name_en, number, ...rest, ...dates }
    }
  }
}

function checked(digits: string): string {
  return digits + checkCharacter(digits)
}

/** The fields that name a person: what must be found nowhere after a run. */
export function canariesOf(card: CardText): string[] {
  const { name, number } = card
  const { address = '', issuer = '', ...rest } = card as Partial<ResidentText>
  const { name_en = '', pass_number = '' } = rest as { name_en?: string; pass_number?: string }
  const all = [name, number, address, issuer, name_en, pass_number]
  return all.filter((field) => field !== '')
}
