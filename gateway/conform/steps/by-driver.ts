/**
 * Steps for a class that has none of its own: our driver is let at the device, and says how it fares.
 * Nothing of the bytes is shown, as nobody said what of them may be: command, length and status only.
 */
import { silent } from '#devices/std/log.ts'
import type { DeviceType } from '#devices/types/machine.ts'
import { troubleWords } from '#devices/types/trouble-words.ts'
import { type DeviceView, Session } from '../../drivers/session.ts'
import type { Bench } from '../bench.ts'
import { type ConformKind, type Finding, fail, pass, type Step } from '../kind.ts'

export type AnyDeviceType = DeviceType<unknown, unknown, never, object, unknown, object>

const look_ms = 20

export function byDriverKind(type: AnyDeviceType): ConformKind {
  const step: Step = {
    code: 'driver_online',
    title: { zh: '驱动程序与之通信', en: 'our driver works with it' },
    expected: {
      zh: '在线；没有校验错误和不相符的应答',
      en: 'on line; no wrong checksum and no answer that does not belong',
    },
    run: (bench) => driven(bench, type),
  }
  return {
    type: type.name,
    settings: {},
    steps: () => [step],
    show: ({ came }) => ({ sent: '', came: `${came.length} bytes` }),
    synthetic: ({ came }) => ({ sent: '', came: `(${came.length} bytes left out)` }),
  }
}

async function driven(bench: Bench, type: AnyDeviceType): Promise<Finding> {
  await bench.release()
  const { transport, pace } = bench
  const parts = { transport, pace, random: Math.random, log: silent, wall_ms: () => 0 }
  const handlers = { onInput: () => undefined }
  await using session = new Session('bench', type, parts, { handlers })
  session.start()
  const end_ms = pace.now_ms() + bench.options.reply_ms
  while (session.view().state !== 'online' && pace.now_ms() < end_ms) await bench.rest(look_ms)
  return judge(session.view())
}

function judge({ state, reason, counters, identity }: DeviceView): Finding {
  const { bad_checksums, wrong_answers, discarded_bytes } = counters
  if (bad_checksums + wrong_answers > 0) {
    return fail({
      zh: `校验错误 ${bad_checksums} 次，不相符的应答 ${wrong_answers} 次`,
      en: `${bad_checksums} wrong checksums, ${wrong_answers} answers that do not belong`,
    })
  }
  if (state !== 'online') {
    const means = troubleWords(reason)
    return fail({
      zh: `没有在线：${state}，${means?.zh ?? reason}`,
      en: `not on line: ${state}, ${reason}${means === null ? '' : `: ${means.en}`}`,
    })
  }
  const who = identity ?? ''
  return discarded_bytes === 0
    ? pass(who, who)
    : fail({ zh: `${discarded_bytes} 个杂字节`, en: `${discarded_bytes} stray bytes` })
}
