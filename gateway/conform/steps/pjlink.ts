/**
 * Steps for panels and projectors of PJLink, class 1 and 2. A panel stays as it is: what is set is what
 * it reported. The password leaves only as a digest.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Bench } from '../bench.ts'
import {
  type Bilingual,
  differs,
  type Finding,
  fail,
  notTried,
  pass,
  type Settings,
  type Step,
  silence,
  without,
} from '../kind.ts'

const both = (text: string): Bilingual => ({ zh: text, en: text })

const isLine = (came: Uint8Array) => came.includes(0x0d)
const bytesOf = (text: string) => Uint8Array.from(`${text}\r`, (c) => c.charCodeAt(0))

/** One line without its CR; null for silence. What is no ASCII becomes `?`. */
function lineOf(came: Uint8Array): string | null {
  if (came.length === 0) return null
  const end = came.indexOf(0x0d)
  const text = end < 0 ? came : came.subarray(0, end)
  const letters = Array.from(text, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?',
  )
  return end < 0 ? `${letters.join('')} (no CR)` : letters.join('')
}

async function ask(bench: Bench, line: string): Promise<string | null> {
  // A device closes after 30 s without a command: the next question begins anew, with its proof.
  const proof = (bench.fact('proof') as string | undefined) ?? ''
  bench.note('proof', '')
  return lineOf(await bench.ask(line, bytesOf(`${proof}${line}`), { complete: isLine }))
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex')
}

const serial: Query = {
  code: 'serial',
  name: 'SNUM',
  form: /^.{1,32}$/,
  title: { zh: '序列号', en: 'serial number' },
  class: '2',
}

export function pjlinkSteps(settings: Settings): Step[] {
  const { password } = settings
  const two = settings.class === '2'
  return [
    {
      code: 'greeting',
      title: { zh: '问候', en: 'greeting' },
      expected: {
        zh: 'PJLINK 0，或 PJLINK 1 与八位十六进制',
        en: 'PJLINK 0, or PJLINK 1 and eight hex digits',
      },
      run: greeting,
    },
    {
      code: 'wrong_digest_refused',
      title: { zh: '错误的口令摘要', en: 'a wrong digest' },
      expected: both('PJLINK ERRA'),
      run: wrongDigest,
    },
    {
      code: 'digest',
      title: { zh: '口令摘要', en: 'the digest' },
      expected: {
        zh: 'MD5（本次随机数 + 口令）被接受',
        en: 'MD5 of the salt sent and the password is taken',
      },
      run: (bench) => digest(bench, password),
    },
    ...(settings.security === 'sha256' ? [digest210Step(password)] : []),
    query({ code: 'class', name: 'CLSS', form: /^[12]$/, title: { zh: '等级', en: 'class' } }),
    query({ code: 'power', name: 'POWR', form: /^[0-3]$/, title: { zh: '电源', en: 'power' } }),
    query({
      code: 'errors',
      name: 'ERST',
      form: /^[0-2]{6}$/,
      title: { zh: '故障状态', en: 'error status' },
    }),
    query({
      code: 'input',
      name: 'INPT',
      form: /^[1-6][1-9A-Z]$|^ERR3$/,
      title: { zh: '信号源', en: 'input' },
    }),
    {
      code: 'unknown_refused',
      title: { zh: '未知命令', en: 'an unknown command' },
      expected: both('%1ZZZZ=ERR1'),
      run: (bench) => inTouch(bench, () => expectLine(bench, '%1ZZZZ ?', '%1ZZZZ=ERR1')),
    },
    {
      code: 'bad_parameter_refused',
      title: { zh: '错误的参数', en: 'a bad parameter' },
      expected: both('%1POWR=ERR2'),
      run: (bench) => inTouch(bench, () => expectLine(bench, '%1POWR 9', '%1POWR=ERR2')),
    },
    {
      code: 'power_same',
      title: { zh: '设为现有电源状态', en: 'set power to what it is' },
      expected: both('%1POWR=OK'),
      run: (bench) => inTouch(bench, () => powerSame(bench)),
    },
    ...(two ? [query(serial)] : []),
  ]
}

async function greet(bench: Bench): Promise<string | null> {
  await bench.connect()
  return lineOf(await bench.listen('greeting', { complete: isLine }))
}

function saltOf(line: string | null): string | null {
  return /^PJLINK 1 ([0-9a-fA-F]{8})$/.exec(line ?? '')?.[1] ?? null
}

async function greeting(bench: Bench): Promise<Finding> {
  const line = await greet(bench)
  if (line === null) return fail(silence)
  if (line === 'PJLINK 0') {
    bench.note('in touch')
    return pass('no password', '无口令')
  }
  const salt = saltOf(line)
  if (salt === null) return fail(both(line))
  bench.note('guarded')
  const again = saltOf(await greet(bench))
  if (again !== salt) return pass('with a password', '有口令')
  return fail({ zh: '两次连接随机数相同', en: 'two links got the same salt' })
}

async function wrongDigest(bench: Bench): Promise<Finding> {
  if (bench.fact('guarded') !== true) return notTried({ zh: '无口令', en: 'no password' })
  await greet(bench)
  bench.note('proof', md5('no such password'))
  const line = await ask(bench, '%1POWR ?')
  if (line === 'PJLINK ERRA') return pass()
  return line === null ? fail(silence) : fail(both(line))
}

async function digest(bench: Bench, password: string | undefined): Promise<Finding> {
  if (bench.fact('guarded') !== true) return notTried({ zh: '无口令', en: 'no password' })
  if (password === undefined) {
    return notTried({ zh: '需要 --set password=…', en: 'needs --set password=...' })
  }
  const salt = saltOf(await greet(bench))
  if (salt === null) return fail({ zh: '没有随机数', en: 'no salt came' })
  const line = await prove(bench, salt + password)
  if (line?.startsWith('%1POWR=')) {
    bench.note('in touch')
    return pass()
  }
  if (line !== 'PJLINK ERRA') return line === null ? fail(silence) : fail(both(line))
  return fail((await wrongSaltOf(bench, salt, password)) ?? refused)
}

const refused: Bilingual = {
  zh: '摘要被拒：口令不对，或设备按另一个随机数核对（不是本次发出的）',
  en: 'the digest was refused: the password is wrong, or it is checked with the wrong salt, not the one sent',
}

async function prove(bench: Bench, text: string): Promise<string | null> {
  bench.note('proof', md5(text))
  return ask(bench, '%1POWR ?')
}

/** A salt that is taken in place of the one sent tells the mistake from a wrong password. */
async function wrongSaltOf(
  bench: Bench,
  before: string,
  password: string,
): Promise<Bilingual | null> {
  await greet(bench)
  if ((await prove(bench, before + password))?.startsWith('%1POWR=')) {
    bench.note('in touch')
    return {
      zh: '按错误的随机数核对摘要：认的是上一次连接的随机数',
      en: 'the digest is checked with the wrong salt: that of the link before is taken',
    }
  }
  const salt = saltOf(await greet(bench)) ?? ''
  const other = salt === salt.toLowerCase() ? salt.toUpperCase() : salt.toLowerCase()
  if (other === salt || !(await prove(bench, other + password))?.startsWith('%1POWR=')) return null
  bench.note('in touch')
  return {
    zh: '按错误的随机数核对摘要：字母大小写与发出的不同',
    en: 'the digest is checked with the wrong salt: in other letters than it was sent',
  }
}

function digest210Step(password: string | undefined): Step {
  return {
    code: 'digest_2_10',
    title: { zh: '2.10 版的口令摘要', en: 'the digest of version 2.10' },
    expected: {
      zh: 'PJLINK 2 后得三十二位随机数；SHA-256 摘要被接受（单一来源）',
      en: '32 digits after PJLINK 2, and the SHA-256 digest is taken (one source)',
    },
    run: (bench) => digest210(bench, password),
  }
}

async function digest210(bench: Bench, password: string | undefined): Promise<Finding> {
  if (bench.fact('guarded') !== true) return notTried({ zh: '无口令', en: 'no password' })
  if (password === undefined) {
    return notTried({ zh: '需要 --set password=…', en: 'needs --set password=...' })
  }
  await greet(bench)
  const line = await ask(bench, 'PJLINK 2')
  const salt = /^PJLINK 2 ([0-9a-fA-F]{32})$/.exec(line ?? '')?.[1]
  if (salt === undefined) return differs(line === null ? silence : both(line))
  bench.note('proof', proof210(salt, randomBytes(16).toString('hex'), password))
  const answer = await ask(bench, '%1POWR ?')
  if (answer?.startsWith('%1POWR=')) return pass()
  return differs(answer === null ? silence : both(answer))
}

/** Own digits, then SHA-256 over both numbers XORed, as hex text, and the password. */
export function proof210(salt: string, own: string, password: string): string {
  const mixed = Array.from(own, (digit, at) =>
    (Number.parseInt(digit, 16) ^ Number.parseInt(salt[at]!, 16)).toString(16),
  )
  return (
    own +
    createHash('sha256')
      .update(`${mixed.join('')}${password}`)
      .digest('hex')
  )
}

function inTouch(bench: Bench, run: () => Promise<Finding>): Promise<Finding> {
  if (bench.fact('in touch') === true) return run()
  return Promise.resolve(without(bench.fact('guarded') === true ? 'digest' : 'greeting'))
}

type Query = { code: string; name: string; form: RegExp; title: Bilingual; class?: '1' | '2' }

/** ERR1 is a panel that does not know it: its right, and said. */
function query({ code, name, form, title, class: kind = '1' }: Query): Step {
  const begin = `%${kind}${name}=`
  return {
    code,
    title,
    expected: both(`${begin}…`),
    run: (bench) =>
      inTouch(bench, async () => {
        const line = await ask(bench, `%${kind}${name} ?`)
        if (line === null) return fail(silence)
        if (!line.startsWith(begin)) return fail(both(line))
        const value = line.slice(begin.length)
        bench.note(code, value)
        if (value === 'ERR1') return differs({ zh: '不支持', en: 'not supported' })
        return form.test(value) ? pass(value, value) : fail(both(line))
      }),
  }
}

async function expectLine(bench: Bench, question: string, wanted: string): Promise<Finding> {
  const line = await ask(bench, question)
  if (line === wanted) return pass()
  return line === null ? fail(silence) : differs(both(line))
}

async function powerSame(bench: Bench): Promise<Finding> {
  const power = bench.fact('power')
  if (power !== '0' && power !== '1') return notTried({ zh: '正在变化', en: 'it is changing' })
  return expectLine(bench, `%1POWR ${power}`, '%1POWR=OK')
}
