/**
 * A card's text block judged by its form: lengths, padding, plain characters. Decodes no field and
 * returns no text: what it says names offsets and counts only.
 */
import { type Bilingual, hex } from './kind.ts'
import { hexOf } from './sam-bytes.ts'

const text_bytes = 256
const photo_bytes = 1024

export type CardForm = { says: Bilingual } | null

/** What is wrong with the data of a read (30 01: two lengths; 30 10: three), null for nothing. */
export function wrongInRead(data: Uint8Array, lengths: 2 | 3): CardForm {
  const word = (at: number) => (data[at]! << 8) | data[at + 1]!
  const head = lengths * 2
  if (data.length < head) return wrong('没有长度字段', 'the lengths are missing')
  const text = word(0)
  const photo = word(2)
  const finger = lengths === 3 ? word(4) : 0
  const swapped = littleEndian({ text, photo, finger })
  if (swapped !== null) return swapped
  if (text < text_bytes && data.length === head + text + photo + finger) {
    return wrong(
      `文字未补齐：${text} 字节，应以空格补到 256 字节`,
      `text without padding: ${text} bytes, blanks to 256 are missing`,
    )
  }
  if (![0, 512, 1024].includes(finger)) {
    return wrong(
      `指纹长度 ${hexOf(finger)}，应为 00 00、02 00 或 04 00`,
      `fingerprint length ${hexOf(finger)}: 00 00, 02 00 or 04 00 belongs there`,
    )
  }
  if (text !== text_bytes || photo !== photo_bytes) {
    return wrong(
      `文字长度 ${hexOf(text)}、照片长度 ${hexOf(photo)}，应为 01 00、04 00`,
      `text length ${hexOf(text)}, photo length ${hexOf(photo)}: 01 00 and 04 00 belong there`,
    )
  }
  const short = head + text + photo + finger - data.length
  if (short > 0 && short < text_bytes) {
    return wrong(
      `数据比长度字段少 ${short} 字节：文字未补齐，或照片被截短`,
      `text without padding, or a cut photo: ${short} bytes fewer than the lengths say`,
    )
  }
  if (short !== 0) {
    return wrong(
      `长度字段之和为 ${head + text + photo + finger}，数据为 ${data.length} 字节`,
      `the lengths make ${head + text + photo + finger}, the data has ${data.length} bytes`,
    )
  }
  return wrongInText(data.subarray(head, head + text_bytes))
}

type Lengths = { text: number; photo: number; finger: number }

/** 01 00, 04 00 and 02 00 the wrong way round are 00 01, 00 04 and 00 02. */
function littleEndian({ text, photo, finger }: Lengths): CardForm {
  const swapped = [
    ...(text === 0x0001 ? [{ zh: '文字', en: 'text', came: text }] : []),
    ...(photo === 0x0004 ? [{ zh: '照片', en: 'photo', came: photo }] : []),
    ...(finger === 0x0002 || finger === 0x0004
      ? [{ zh: '指纹', en: 'fingerprint', came: finger }]
      : []),
  ]
  if (swapped.length === 0) return null
  const came = swapped.map((length) => hexOf(length.came))
  const belongs = swapped.map((length) => hexOf(length.came << 8))
  return wrong(
    `${swapped.map(({ zh }) => zh).join('与')}长度低位在前：${came.join('、')}，应为 ${belongs.join('、')}`,
    `the length of ${swapped.map(({ en }) => en).join(' and ')} is little-endian: ${came.join(', ')} where ${belongs.join(', ')} belongs`,
  )
}

/** What devices put where a blank belongs, low byte first: zero, a blank turned round, erased memory. */
const no_blanks = ['00 00', '00 20', 'FF FF']

function wrongInText(text: Uint8Array): CardForm {
  for (const pad of no_blanks) {
    const places = Array.from({ length: text.length / 2 }, (_, i) =>
      text.subarray(i * 2, i * 2 + 2),
    )
    const found = places.filter((unit) => hex(unit) === pad).length
    if (found === 0) continue
    return wrong(
      `文字没有按规定补齐：${found} 处为 ${pad}，应为空格 20 00`,
      `text without padding: ${found} places hold ${pad} where blanks, 20 00, belong`,
    )
  }
  // In every card type the two dates stand here, as digits.
  for (let at = 188; at < 204; at += 2) {
    if (text[at]! >= 0x30 && text[at]! <= 0x39 && text[at + 1] === 0) continue
    return wrong(
      '偏移 188 处不是八位数字日期：字段未补齐或位置不符',
      'no date of eight digits at offset 188: text without padding, or fields that do not stand where they belong',
    )
  }
  return null
}

function wrong(zh: string, en: string): CardForm {
  return { says: { zh, en } }
}
