/**
 * The 256-byte text block of a second-generation ID card, both directions: resident card and the
 * three later kinds told by the flag character at offset 248 (`J`, `I`, `Y`).
 * Text goes code unit by code unit (UTF-16LE), so rare names, lone surrogates and `·` come out as
 * they are on the card; only the padding U+0020 at the end is taken off.
 * Rules about numbers and codes warn and never refuse: a card in a hand outranks a table.
 * Holds personal data: callers keep the result in memory and print none of it.
 */
import { assert } from '../std/assert.ts'

export const text_block_bytes = 256

export type CardKind = 'resident' | 'permit' | 'foreigner_2017' | 'foreigner_2023'

/** Fields as on the card; dates are YYYYMMDD or `长期`; `reserved` is what no field covers. */
export type ResidentText = {
  kind: 'resident'
  name: string
  sex: string
  nation: string
  birth: string
  address: string
  number: string
  issuer: string
  valid_from: string
  valid_to: string
  reserved: string
}
/** Residence permit for Hong Kong, Macau and Taiwan. */
export type PermitText = Omit<ResidentText, 'kind' | 'nation'> & {
  kind: 'permit'
  pass_number: string
  issue_count: string
}
/** Foreigner's permanent-resident card of 2017. */
export type Foreigner2017Text = {
  kind: 'foreigner_2017'
  name_en: string
  sex: string
  number: string
  nationality: string
  name: string
  valid_from: string
  valid_to: string
  birth: string
  version: string
  authority: string
  reserved: string
}
/** Foreigner's permanent-resident card of 2023. The table rests on one source. */
export type Foreigner2023Text = {
  kind: 'foreigner_2023'
  name: string
  sex: string
  renewals: string
  birth: string
  name_en: string
  number: string
  valid_from: string
  valid_to: string
  nationality: string
  previous_link: string
  reserved: string
}
export type CardText = ResidentText | PermitText | Foreigner2017Text | Foreigner2023Text

export type CardWarning =
  | 'flag_unknown'
  | 'check_digit'
  | 'number_form'
  | 'sex_code'
  | 'nation_code'
  | 'birth_date'

type Spans = ReadonlyArray<readonly [offset: number, bytes: number]>
type Table = { flag: string; fields: Readonly<Record<string, Spans>> }

const flag_offset = 248

/** Offset and size in bytes of every field. A field in two spans is one text cut in two. */
const tables: Record<CardKind, Table> = {
  resident: {
    flag: ' ',
    fields: {
      name: [[0, 30]],
      sex: [[30, 2]],
      nation: [[32, 4]],
      birth: [[36, 16]],
      address: [[52, 70]],
      number: [[122, 36]],
      issuer: [[158, 30]],
      valid_from: [[188, 16]],
      valid_to: [[204, 16]],
      // The flag lies in here: an unknown one is kept with the rest.
      reserved: [[220, 36]],
    },
  },
  permit: {
    flag: 'J',
    fields: {
      name: [[0, 30]],
      sex: [[30, 2]],
      birth: [[36, 16]],
      address: [[52, 70]],
      number: [[122, 36]],
      issuer: [[158, 30]],
      valid_from: [[188, 16]],
      valid_to: [[204, 16]],
      pass_number: [[220, 18]],
      issue_count: [[238, 4]],
      reserved: [
        [32, 4],
        [242, 6],
        [250, 6],
      ],
    },
  },
  foreigner_2017: {
    flag: 'I',
    fields: {
      name_en: [[0, 120]],
      sex: [[120, 2]],
      number: [[122, 30]],
      nationality: [[152, 6]],
      name: [[158, 30]],
      valid_from: [[188, 16]],
      valid_to: [[204, 16]],
      birth: [[220, 16]],
      version: [[236, 4]],
      authority: [[240, 8]],
      reserved: [[250, 6]],
    },
  },
  foreigner_2023: {
    flag: 'Y',
    fields: {
      name: [[0, 30]],
      sex: [[30, 2]],
      renewals: [[32, 4]],
      birth: [[36, 16]],
      name_en: [
        [52, 70],
        [220, 22],
      ],
      number: [[122, 36]],
      valid_from: [[188, 16]],
      valid_to: [[204, 16]],
      nationality: [[242, 6]],
      previous_link: [[250, 6]],
      reserved: [[158, 30]],
    },
  },
}

const kinds = Object.keys(tables) as CardKind[]

/** `block` is exactly 256 bytes: the SAM codec has checked that. */
export function decodeCardText(block: Uint8Array): { text: CardText; warnings: CardWarning[] } {
  assert(block.length === text_block_bytes, 'a text block has 256 bytes')
  const flag = readUnits(block, flag_offset, 2)
  const kind = kinds.find((candidate) => tables[candidate].flag === flag)
  const fields: Record<string, string> = { kind: kind ?? 'resident' }
  for (const [name, spans] of Object.entries(tables[kind ?? 'resident'].fields)) {
    const units = spans.map(([offset, bytes]) => readUnits(block, offset, bytes)).join('')
    fields[name] = units.replace(/ +$/, '')
  }
  const text = fields as CardText
  const warnings = warningsOf(text)
  return { text, warnings: kind === undefined ? ['flag_unknown', ...warnings] : warnings }
}

/** Fields longer than their place are a mistake of the caller. */
export function encodeCardText(text: CardText): Uint8Array {
  const block = new Uint8Array(text_block_bytes)
  writeUnits(block, 0, ' '.repeat(text_block_bytes / 2))
  const { flag, fields } = tables[text.kind]
  writeUnits(block, flag_offset, flag)
  const values: Readonly<Record<string, string>> = text
  for (const [name, spans] of Object.entries(fields)) {
    let rest = values[name] ?? ''
    for (const [offset, bytes] of spans) {
      writeUnits(block, offset, rest.slice(0, bytes / 2).padEnd(bytes / 2, ' '))
      rest = rest.slice(bytes / 2)
    }
    assert(rest === '', `${name} fits its place`)
  }
  return block
}

function readUnits(block: Uint8Array, offset: number, bytes: number): string {
  let text = ''
  for (let at = offset; at < offset + bytes; at += 2) {
    text += String.fromCharCode(block[at]! | (block[at + 1]! << 8))
  }
  return text
}

function writeUnits(block: Uint8Array, offset: number, text: string): void {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    block[offset + i * 2] = unit & 0xff
    block[offset + i * 2 + 1] = unit >> 8
  }
}

/**
 * What numbers look like. Assumed: that a permit's number keeps the check rule of GB 11643 (U), that
 * the 2017 card has three letters and twelve digits (of the source only the 15 characters; its check
 * rule is not known), that the 2023 card begins with 9 (V1).
 */
const numberForms: Readonly<Record<CardKind, RegExp>> = {
  resident: /^\d{17}[\dX]$/,
  permit: /^8[123]0000\d{11}[\dX]$/,
  foreigner_2017: /^[A-Z]{3}\d{12}$/,
  foreigner_2023: /^9\d{16}[\dX]$/,
}

/** What a rule finds odd; the card is used all the same. */
export function warningsOf(text: CardText): CardWarning[] {
  const warnings: CardWarning[] = []
  if (!numberForms[text.kind].test(text.number)) warnings.push('number_form')
  else if (
    text.kind !== 'foreigner_2017' &&
    checkCharacter(text.number.slice(0, 17)) !== text.number[17]
  ) {
    warnings.push('check_digit')
  }
  if (!['0', '1', '2', '9'].includes(text.sex)) warnings.push('sex_code')
  if (text.kind === 'resident' && nationName(text.nation) === null) warnings.push('nation_code')
  if (!isDate(text.birth)) warnings.push('birth_date')
  return warnings
}

const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2] as const

/** GB 11643: the 18th character of a citizen number from its first 17 digits. */
export function checkCharacter(digits: string): string {
  let sum = 0
  for (const [i, weight] of weights.entries()) sum += Number(digits[i]) * weight
  return '10X98765432'[sum % 11]!
}

function isDate(text: string): boolean {
  const match = /^(\d{4})(\d\d)(\d\d)$/.exec(text)
  if (match === null) return false
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number]
  if (month < 1 || month > 12) return false
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]!
  return day >= 1 && day <= days
}

/** GB 3304, in order of the codes 01 to 56. */
const nations =
  '汉 蒙古 回 藏 维吾尔 苗 彝 壮 布依 朝鲜 满 侗 瑶 白 土家 哈尼 哈萨克 傣 黎 傈僳 佤 畲 高山 拉祜 水 东乡 纳西 景颇 柯尔克孜 土 达斡尔 仫佬 羌 布朗 撒拉 毛南 仡佬 锡伯 阿昌 普米 塔吉克 怒 乌孜别克 俄罗斯 鄂温克 德昂 保安 裕固 京 塔塔尔 独龙 鄂伦春 赫哲 门巴 珞巴 基诺'.split(
    ' ',
  )

/** The name of a GB 3304 code of two digits, or null for a code the table does not have. */
export function nationName(code: string): string | null {
  if (code === '97') return '其他'
  if (code === '98') return '外国血统中国籍人士'
  if (!/^\d\d$/.test(code)) return null
  return nations[Number(code) - 1] ?? null
}
