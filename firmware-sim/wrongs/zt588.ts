/** What wrong PIN pads do. */
import type { DeviceModel } from '../models/model.ts'
import { type Bilingual, type SimGiven, speaksWrongly } from '../sim-kind.ts'

export const pinPadFaults = {
  wrong_checksum: { zh: '校验字节错误', en: 'the checksum is wrong' },
  clear_digits: {
    zh: '忽略掩码，按键以明文数字送出',
    en: 'the mask is ignored: keys come as the digits they are',
  },
} as const satisfies Record<string, Bilingual>

export function pinPadOnWire(model: DeviceModel, wrong: SimGiven['wrong']): DeviceModel {
  return speaksWrongly(model, (bytes) => {
    const framed = bytes[0] === 0x02 && bytes.length > 1
    if (!framed || !wrong('wrong_checksum')) return [bytes]
    return [bytes.with(bytes.length - 1, bytes.at(-1) === 0x30 ? 0x31 : 0x30)]
  })
}
