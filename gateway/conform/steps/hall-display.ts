/** Hall displays: PJLink or Samsung MDC, as `--set protocol=` says. A proof of a password is not shown. */
import { oneOf, whole } from '#devices/std/setting.ts'
import type { Exchange } from '../bench.ts'
import { type ConformKind, hex, type Settings, type Shown } from '../kind.ts'
import { mdcSteps } from './mdc.ts'
import { pjlinkSteps } from './pjlink.ts'

function show({ sent, came }: Exchange): Shown {
  if ((sent[0] ?? came[0]) === 0xaa) return { sent: hex(sent), came: hex(came) }
  return { sent: textOf(sent), came: textOf(came) }
}

/** A proof in front of a command is a digest of the password: not shown, not given away. */
function textOf(bytes: Uint8Array): string {
  const letters = Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : byte === 0x0d ? '␍' : '?',
  )
  return letters.join('').replace(/^[0-9a-f]{32}([0-9a-f]{64})?(?=%)/, '(proof)')
}

export const hallDisplayKind: ConformKind = {
  type: 'hall_display',
  settings: {
    protocol: {
      zh: 'pjlink（默认）或 mdc',
      en: 'pjlink (default) or mdc',
      fits: oneOf('pjlink', 'mdc'),
    },
    password: { zh: 'PJLink 口令', en: 'PJLink password' },
    class: {
      zh: 'PJLink 等级：1（默认）或 2',
      en: 'PJLink class: 1 (default) or 2',
      fits: oneOf('1', '2'),
    },
    security: {
      zh: 'sha256：另试 PJLink 2.10',
      en: 'sha256: PJLink 2.10 is tried too',
      fits: oneOf('sha256'),
    },
    id: {
      zh: 'MDC 编号 0 到 253，默认 1',
      en: 'MDC id, 0 to 253, 1 by default',
      fits: whole(0, 253),
    },
  },
  steps: (settings: Settings) =>
    settings.protocol === 'mdc' ? mdcSteps(Number(settings.id ?? 1)) : pjlinkSteps(settings),
  show,
  synthetic: show,
}
