/**
 * Steps for service-password pads: 82, six digits, 83, all in the clear and only when somebody typed
 * them. No digit is shown, kept or given away: lengths only.
 */
import type { Bench, Exchange } from '../bench.ts'
import {
  type ConformKind,
  type Finding,
  fail,
  nobody,
  notTried,
  pass,
  type Shown,
  type Step,
  without,
} from '../kind.ts'

const begin = 0x82
const end = 0x83

const steps: readonly Step[] = [
  {
    code: 'password',
    title: { zh: '输入服务密码', en: 'a service password' },
    expected: { zh: '82、六位 ASCII 数字、83', en: '82, six ASCII digits, 83' },
    run: password,
  },
  {
    code: 'quiet',
    title: { zh: '此后无人按键', en: 'nobody types afterwards' },
    expected: { zh: '什么也不发', en: 'nothing comes' },
    run: async (bench) => {
      if (bench.fact('step password') === 'not_tried') return without('password')
      // Somebody types as he likes.
      if (bench.fact('by itself') === true) return notTried(nobody)
      const came = await bench.listen('quiet', { ms: bench.options.silence_ms })
      if (came.length === 0) return pass()
      // The one asked for, said again, is the pad's own doing; another was typed.
      if (passwordsIn(came)?.every((digits) => digits !== asked_for) === true) {
        return notTried({ zh: '有人又输入了密码', en: 'somebody typed again' })
      }
      return fail({ zh: `来了 ${came.length} 字节`, en: `${came.length} bytes came` })
    },
  },
]

/** What the prompt names, so no secret. */
const asked_for = '135790'

/** The digits of whole ones, one behind the other; null where anything else stands between. */
function passwordsIn(came: Uint8Array): string[] | null {
  const text = String.fromCharCode(...came)
  return /^(?:\x82\d{6}\x83)+$/.test(text) ? (text.match(/\d{6}/g) as string[]) : null
}

async function password(bench: Bench): Promise<Finding> {
  const prompt = {
    zh: `请输入 ${asked_for}（不要用真实密码）`,
    en: `type ${asked_for} (no real password)`,
  }
  const done = await bench.hand('type_password', prompt, asked_for)
  const came = await bench.listen('password', {
    complete: (bytes) => bytes.includes(end),
    ms: done ? bench.options.hand_ms : bench.options.repeat_ms,
  })
  if (!done && came.length === 0) return notTried(nobody)
  bench.note('by itself', !done)
  if (came.length === 0) return fail({ zh: '什么也没有来', en: 'nothing came' })
  if (came[0] !== begin) return fail({ zh: '不以 82 开头', en: 'it does not begin with 82' })
  const digits = came.filter((byte) => byte >= 0x30 && byte <= 0x39).length
  if (came.at(-1) !== end) {
    return fail({
      zh: `${came.length} 字节，不以 83 结尾`,
      en: `${came.length} bytes, no 83 at the end`,
    })
  }
  const typed = passwordsIn(came)
  // Two at once are two that were typed, unless they are the same.
  if (typed !== null && new Set(typed).size === typed.length) return pass()
  return fail({ zh: `${digits} 位数字，应为 6`, en: `${digits} digits, 6 were expected` })
}

/** A whole one becomes six zeros; anything else is left out. */
function synthetic({ came }: Exchange): Shown {
  if (came.length === 0) return { sent: '', came: '' }
  const whole = came.length === 8 && came[0] === begin && came[7] === end
  return { sent: '', came: whole ? '82 30 30 30 30 30 30 83' : `(${came.length} bytes left out)` }
}

export const servicePasswordPadKind: ConformKind = {
  type: 'service_password_pad',
  settings: {},
  steps: () => steps,
  show: ({ came }) => ({
    sent: '',
    came: came.length === 0 ? '' : `${came.length} bytes (not shown)`,
  }),
  synthetic,
}
