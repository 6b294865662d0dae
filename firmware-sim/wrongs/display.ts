/** What wrong hall displays do. */
import { oneOf, type Settings, whole } from '#devices/std/setting.ts'
import type { DeviceModel } from '../models/model.ts'
import { type Bilingual, type SimGiven, speaksWrongly } from '../sim-kind.ts'

export const displayFaults = {
  wrong_checksum: { zh: 'MDC 校验和错误', en: 'MDC: the sum is wrong' },
  digest_of_wrong_salt: {
    zh: 'PJLink：按上一次连接的随机数核对口令摘要',
    en: 'PJLink: the digest is checked with the wrong salt, that of the link before',
  },
  broadcast_answered: {
    zh: 'MDC：对广播也应答',
    en: 'MDC: a broadcast is acknowledged',
  },
} as const satisfies Record<string, Bilingual>

export const displaySettings = {
  protocol: {
    zh: 'pjlink（默认）或 mdc',
    en: 'pjlink (default) or mdc',
    fits: oneOf('pjlink', 'mdc'),
  },
  class: {
    zh: 'PJLink 等级：1（默认）或 2',
    en: 'PJLink class: 1 (default) or 2',
    fits: oneOf('1', '2'),
  },
  password: { zh: 'PJLink 口令', en: 'PJLink password' },
  security: {
    zh: 'sha256：懂 PJLINK 2',
    en: 'sha256: PJLINK 2 is understood',
    fits: oneOf('sha256'),
  },
  warm_ms: {
    zh: '开机预热毫秒数，0 到 600000',
    en: 'milliseconds from power on to a picture, 0 to 600000',
    fits: whole(0, 600_000),
  },
} as const satisfies Settings

/** Each piece sent is one whole frame. */
export function mdcOnWire(model: DeviceModel, wrong: SimGiven['wrong']): DeviceModel {
  return speaksWrongly(model, (frame) => [
    wrong('wrong_checksum') ? frame.with(-1, frame.at(-1)! ^ 0x5a) : frame,
  ])
}
