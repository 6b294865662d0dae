/** What wrong ID-card readers do. */
import { xor8 } from '#devices/std/crc.ts'
import type { DeviceModel } from '../models/model.ts'
import { type Bilingual, type SimGiven, speaksWrongly } from '../sim-kind.ts'

export const readerFaults = {
  wrong_checksum: { zh: '校验字节错误', en: 'the checksum byte is wrong' },
  lengths_little_endian: {
    zh: '长度字段低位在前',
    en: 'lengths come low byte first: of the frame, and of text and photo',
  },
  block_lengths_little_endian: {
    zh: '仅文字与照片长度低位在前',
    en: 'only the lengths of text and photo come low byte first',
  },
  found_while_lying: {
    zh: '卡未移开又报找到卡',
    en: 'find answers for a card that was read and still lies there',
  },
  text_without_padding: {
    zh: '文字末尾不补空格，长度缩短',
    en: 'the text ends where its blanks would begin, with a length to match',
  },
  text_padded_with_zero: {
    zh: '文字用 0 而不是空格补齐',
    en: 'fields are padded with zero instead of blanks',
  },
} as const satisfies Record<string, Bilingual>

const head = 7
/** SW and the two lengths. */
const block = head + 7

/** Each piece sent is one whole reply. */
export function readerOnWire(model: DeviceModel, wrong: SimGiven['wrong']): DeviceModel {
  return speaksWrongly(model, (reply) => {
    let bytes: Uint8Array = reply
    if (isRead(bytes)) {
      if (wrong('text_without_padding')) bytes = withText(bytes, trimmed)
      if (wrong('text_padded_with_zero')) bytes = withText(bytes, zeroed)
      if (wrong('block_lengths_little_endian')) bytes = blockLengthsSwapped(bytes)
    }
    if (wrong('lengths_little_endian')) {
      bytes = swap(isRead(bytes) ? blockLengthsSwapped(bytes) : bytes, 5)
    }
    return [wrong('wrong_checksum') ? bytes.with(-1, bytes.at(-1)! ^ 0x5a) : bytes]
  })
}

function isRead(reply: Uint8Array): boolean {
  return reply.length === 1295 && reply[9] === 0x90
}

function swap(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at, bytes[at + 1]!).with(at + 1, bytes[at]!)
}

/** The XOR stays, as the same bytes are there. */
function blockLengthsSwapped(reply: Uint8Array): Uint8Array {
  return swap(swap(reply, head + 3), head + 5)
}

function withText(reply: Uint8Array, change: (text: Uint8Array) => Uint8Array): Uint8Array {
  const text = change(reply.subarray(block, block + 256))
  const rest = reply.subarray(block + 256, -1)
  const length = 3 + 4 + text.length + rest.length + 1
  const lengths = [text.length >> 8, text.length & 0xff, ...reply.subarray(head + 5, head + 7)]
  const counted = [length >> 8, length & 0xff, ...reply.subarray(head, head + 3), ...lengths]
  const body = Uint8Array.from([...counted, ...text, ...rest])
  return Uint8Array.from([...reply.subarray(0, 5), ...body, xor8(body)])
}

function trimmed(text: Uint8Array): Uint8Array {
  let end = text.length
  while (end > 0 && text[end - 2] === 0x20 && text[end - 1] === 0) end -= 2
  return text.slice(0, end)
}

function zeroed(text: Uint8Array): Uint8Array {
  const changed = text.slice()
  for (let at = 0; at < changed.length; at += 2) {
    if (changed[at] === 0x20 && changed[at + 1] === 0) changed[at] = 0
  }
  return changed
}
