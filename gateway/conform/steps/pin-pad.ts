/**
 * Steps for PIN pads ZT588. Texts are literal, frames are judged without the codec. No key is loaded
 * and none is wiped. The account number is the kit's own, zeros; a PIN block and the keys pressed are
 * neither shown nor kept: the prompt asks for a made-up PIN all the same.
 */
import { whole } from '#devices/std/setting.ts'
import type { Bench, Exchange } from '../bench.ts'
import {
  type Bilingual,
  type ConformKind,
  differs,
  type Finding,
  fail,
  hex,
  nobody,
  notTried,
  pass,
  type Settings,
  type Shown,
  type Step,
  silence,
  without,
} from '../kind.ts'

type Seen = { ok: true; text: string; keys: number[] } | { ok: false; says: Bilingual }

const stx = 0x02
const etx = 0x03
const account = '0000000000000000'

function frameOf(text: string): Uint8Array {
  const counted = `${String(text.length).padStart(3, '0')}${text}\x03`
  return Uint8Array.from(`\x02${counted}${sumOf(counted)}`, (c) => c.charCodeAt(0))
}

function sumOf(counted: string): string {
  let sum = 0
  for (const character of counted) sum ^= character.charCodeAt(0)
  return sum.toString(16).toUpperCase().padStart(2, '0')
}

function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
}

/** Where the frame begins; keys may stand before and behind it. */
function isWhole(came: Uint8Array): boolean {
  const at = came.indexOf(stx)
  if (at < 0 || came.length < at + 4) return false
  const length = Number(textOf(came.subarray(at + 1, at + 4)))
  return Number.isInteger(length) && came.length >= at + length + 7
}

function lookAt(came: Uint8Array): Seen {
  if (came.length === 0) return { ok: false, says: silence }
  const at = came.indexOf(stx)
  if (at < 0) return wrong('没有帧', 'no frame came')
  const digits = textOf(came.subarray(at + 1, at + 4))
  if (!/^\d{3}$/.test(digits)) return wrong('长度不是三位数字', 'the length is not three digits')
  const end = at + 4 + Number(digits)
  if (came.length < end + 3 || came[end] !== etx) return wrong('没有 03 结尾', 'no 03 at the end')
  const sum = textOf(came.subarray(end + 1, end + 3))
  const right = sumOf(textOf(came.subarray(at + 1, end + 1)))
  if (sum !== right) return wrong('校验错误', 'wrong checksum: not the XOR up to 03')
  const keys = [...came.subarray(0, at), ...came.subarray(end + 3)]
  return { ok: true, text: textOf(came.subarray(at + 4, end)), keys }
}

function wrong(zh: string, en: string): Seen {
  return { ok: false, says: { zh, en } }
}

async function ask(bench: Bench, label: string, text: string): Promise<Seen> {
  return lookAt(await bench.ask(label, frameOf(text), { complete: isWhole }))
}

/** What a refusal begins with; 0 for none. */
function errorOf(text: string): number {
  const code = text.charCodeAt(0)
  return code >= 0xe0 && code <= 0xef ? code : 0
}

async function expectYes(bench: Bench, label: string, text: string): Promise<Finding> {
  const seen = await ask(bench, label, text)
  if (!seen.ok) return fail(seen.says)
  const error = errorOf(seen.text)
  if (error !== 0) {
    const code = hex(Uint8Array.of(error))
    return differs({ zh: `拒绝：${code}`, en: `refused: ${code}` })
  }
  if (seen.text.length <= 4) return pass()
  return differs({ zh: `${seen.text.length} 个字符`, en: `${seen.text.length} characters came` })
}

function stepsOf(key: number): Step[] {
  const key_hex = hex(Uint8Array.of(key))
  return [
    {
      code: 'information',
      title: { zh: '设备信息', en: 'user information' },
      expected: {
        zh: '02 30 30 31 33 03 30 31 的应答：147 个字符',
        en: 'to 02 30 30 31 33 03 30 31: 147 characters',
      },
      run: information,
    },
    {
      code: 'wrong_sum_ignored',
      title: { zh: '校验错的命令', en: 'a command with a wrong checksum' },
      expected: { zh: '不应答（假定）', en: 'no answer (assumed)' },
      run: async (bench) => {
        const came = await bench.silent('wrong sum', '02 30 30 31 33 03 30 32')
        return came.length === 0 ? pass() : differs({ zh: '应答了', en: 'it answered' })
      },
    },
    {
      code: 'beep',
      title: { zh: '蜂鸣', en: 'beep' },
      expected: { zh: '短应答，不是 E0–EF（假定）', en: 'a short answer, none of E0-EF (assumed)' },
      run: (bench) => expectYes(bench, 'beep', '503D'),
    },
    {
      code: 'mask',
      title: { zh: '按键以 FF 代替', en: 'keys show as FF' },
      expected: { zh: '短应答，不是 E0–EF（假定）', en: 'a short answer, none of E0-EF (assumed)' },
      run: (bench) => expectYes(bench, 'mask', '53FF'),
    },
    {
      code: 'entry',
      title: { zh: '输入密码', en: 'entry of a PIN' },
      expected: {
        zh: '每键一个 FF，确认键 0D；明文数字即为不合格',
        en: 'FF for each key, 0D for enter; a digit in the clear fails',
      },
      run: (bench) => entry(bench, key_hex),
    },
    {
      code: 'block',
      title: { zh: '取密码块', en: 'get the block' },
      expected: {
        zh: '7、磁道 2 位、长度 2 位、16 位十六进制',
        en: '7, track in 2, length in 2, 16 hex digits',
      },
      run: block,
    },
    {
      code: 'cancel',
      title: { zh: '取消', en: 'cancel' },
      expected: { zh: '1B 或 80', en: '1B or 80' },
      run: (bench) => cancelled(bench, key_hex),
    },
  ]
}

async function information(bench: Bench): Promise<Finding> {
  const seen = await ask(bench, 'information', '3')
  if (!seen.ok) return fail(seen.says)
  if (seen.text.length !== 147) {
    return differs({
      zh: `${seen.text.length} 个字符`,
      en: `${seen.text.length} characters, 147 were expected`,
    })
  }
  const blank = (Number.parseInt(seen.text.slice(99, 101), 16) & 1) === 1
  bench.note('blank', blank)
  if (!blank) return pass()
  return pass('no key was ever loaded', '从未装过密钥')
}

async function begin(bench: Bench, key: string): Promise<Finding | null> {
  const seen = await ask(bench, 'prompt', `6${key} 006${account}`)
  if (!seen.ok) return fail(seen.says)
  const error = errorOf(seen.text)
  if (error === 0) return null
  const code = hex(Uint8Array.of(error))
  return fail({ zh: `不能开始输入：${code}`, en: `the entry did not begin: ${code}` })
}

async function entry(bench: Bench, key: string): Promise<Finding> {
  const refused = await begin(bench, key)
  if (refused !== null) return refused
  const prompt = {
    zh: '请输入 123456 并按确认（不要输入真实密码）',
    en: 'type 123456 and enter (no real PIN)',
  }
  if (!(await bench.hand('type_pin', prompt, '123456'))) {
    await ask(bench, 'input off', '5032')
    return notTried(nobody)
  }
  const came = await bench.listen('keys', {
    complete: (keys) => keys.includes(0x0d) || keys.some(isDigit) || keys.length >= 6,
    ms: bench.options.hand_ms,
    quiet_ms: bench.options.hand_ms,
  })
  if (came.some(isDigit)) {
    await ask(bench, 'input off', '5032')
    return fail({
      zh: '按键以明文数字送出：此设备不可用',
      en: 'keys come as the digits they are, in the clear: this pad must not be used',
    })
  }
  const masked = came.filter((byte) => byte === 0xff).length
  if (masked === 6) return pass()
  return fail({ zh: `${masked} 个 FF，应为 6`, en: `${masked} times FF, 6 were expected` })
}

async function block(bench: Bench): Promise<Finding> {
  if (bench.fact('step entry') !== 'pass') return without('entry')
  const seen = await ask(bench, 'block', '7')
  if (!seen.ok) return fail(seen.says)
  if (/^7\d{2}06[0-9A-F]{16}$/.test(seen.text)) return pass('16 hex digits', '16 位十六进制')
  return fail({
    zh: `${seen.text.length} 个字符，形式不符`,
    en: `${seen.text.length} characters of another form`,
  })
}

async function cancelled(bench: Bench, key: string): Promise<Finding> {
  const refused = await begin(bench, key)
  if (refused !== null) return refused
  const prompt = { zh: '请按取消键', en: 'press cancel' }
  const done = await bench.hand('cancel', prompt)
  const came = done
    ? await bench.listen('cancel', {
        complete: (keys) => keys.length > 0,
        ms: bench.options.hand_ms,
      })
    : new Uint8Array(0)
  await ask(bench, 'input off', '5032')
  if (!done) return notTried(nobody)
  if (came.includes(0x1b) || came.includes(0x80)) return pass()
  return fail({ zh: '没有取消键', en: 'no cancel came' })
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

const open = new Set(['information', 'beep', 'mask', 'wrong sum', 'prompt'])

/** A whole answer to a question without secrets, and no key beside it. */
function isOpen({ label, came }: Exchange): boolean {
  const seen = lookAt(came)
  return came.length === 0 || (open.has(label) && seen.ok && seen.keys.length === 0)
}

function show(exchange: Exchange): Shown {
  const { sent, came } = exchange
  return {
    sent: hex(sent),
    came: isOpen(exchange) ? hex(came) : `${came.length} bytes (not shown)`,
  }
}

/** Keys as the mask, a block as zeros, with the checksum made again. */
function synthetic(exchange: Exchange): Shown {
  const { label, sent, came } = exchange
  if (isOpen(exchange)) return { sent: hex(sent), came: hex(came, came.length) }
  const seen = label === 'block' ? lookAt(came) : null
  if (seen?.ok) {
    return { sent: hex(sent), came: hex(frameOf(`${seen.text.slice(0, 5)}${'0'.repeat(16)}`)) }
  }
  const masked = came.map((byte) => (isDigit(byte) ? 0xff : byte))
  const keysOnly = masked.every((byte) => [0xff, 0x0d, 0x1b, 0x80, 0x08].includes(byte))
  return { sent: hex(sent), came: keysOnly ? hex(masked) : `(${came.length} bytes left out)` }
}

export const pinPadKind: ConformKind = {
  type: 'pin_pad',
  settings: {
    key: {
      zh: '密钥号 0 到 255，默认 64',
      en: 'number of the PIN key, 0 to 255, 64 by default',
      fits: whole(0, 255),
    },
  },
  steps: (settings: Settings) => stepsOf(Number(settings.key ?? 64)),
  show,
  synthetic,
}
