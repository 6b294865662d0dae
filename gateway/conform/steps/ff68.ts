/**
 * Steps for pads and raters of the `FF 68` protocol. They speak first and nothing can be asked of
 * them, so most steps begin with a key. Frames are made and judged without the codec.
 *
 *   FF 68 | L L | 68 | address command data | sum | 16
 */
import { whole } from '#devices/std/setting.ts'
import type { Bench } from '../bench.ts'
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
  type Step,
  showPlainly,
  without,
} from '../kind.ts'

type Frame = { address: number; command: number; data: Uint8Array; bytes: Uint8Array }
type Seen = { ok: true; frame: Frame } | { ok: false; says: Bilingual }

const sumOf = (body: ArrayLike<number>) =>
  Array.from(body).reduce((sum, byte) => sum + byte, 0) & 0xff

function frameOf(...body: readonly number[]): Uint8Array {
  return Uint8Array.of(0xff, 0x68, body.length, body.length, 0x68, ...body, sumOf(body), 0x16)
}

function sizeOf(bytes: Uint8Array): number {
  return bytes.length < 3 ? Number.POSITIVE_INFINITY : bytes[2]! + 7
}

const isWhole = (came: Uint8Array) => came.length >= sizeOf(came)

/** The first frame of what came: a pad repeats. */
function lookAt(came: Uint8Array): Seen {
  if (came.length === 0) return wrong('没有收到帧', 'no frame came')
  if (came[0] !== 0xff || came[1] !== 0x68 || (came[4] ?? 0x68) !== 0x68) {
    return wrong(`不以 FF 68 L L 68 开头：${hex(came)}`, `no FF 68 L L 68: ${hex(came)}`)
  }
  if (came[2] !== came[3]) return wrong('两个长度不同', 'the two lengths differ')
  const bytes = came.subarray(0, sizeOf(came))
  if (bytes.length < sizeOf(came)) return wrong('帧不完整', `half a frame: ${hex(came)}`)
  const body = bytes.subarray(5, -2)
  if (bytes.at(-2) !== sumOf(body)) {
    const [is, belongs] = [hex(bytes.subarray(-2, -1)), hex(Uint8Array.of(sumOf(body)))]
    return wrong(`校验和错误：${is}，应为 ${belongs}`, `wrong checksum: ${is}, not ${belongs}`)
  }
  if (bytes.at(-1) !== 0x16) return wrong('不以 16 结尾', 'it does not end with 16')
  const [address = 0, command = 0] = body
  return { ok: true, frame: { address, command, data: body.slice(2), bytes: bytes.slice() } }
}

function wrong(zh: string, en: string): Seen {
  return { ok: false, says: { zh, en } }
}

type Asked = {
  code: string
  hand: 'press' | 'rate'
  argument: string
  prompt: Bilingual
  /** Any key will do, also one that somebody presses by himself. */
  any?: true
  /** How the data of the key asked for ends. */
  last?: string
}

async function pressed(bench: Bench, asked: Asked): Promise<Seen | null> {
  const { hand, argument, prompt, code } = asked
  const done = await bench.hand(hand, prompt, argument)
  if (!done && asked.any === undefined) return null
  const ms = done ? bench.options.hand_ms : bench.options.repeat_ms
  const came = await bench.listen(code, { complete: isWhole, ms })
  if (!done && came.length === 0) return null
  bench.note('by itself', !done)
  const last = done ? asked.last : undefined
  return last === undefined ? lookAt(came) : await wantedOf(bench, came, { last, ms })
}

/**
 * The key asked for. Another one that somebody presses meanwhile is echoed, as a pad may say nothing else
 * before; it is returned only where the right one does not come at all.
 */
async function wantedOf(
  bench: Bench,
  first: Uint8Array,
  { last, ms }: { last: string; ms: number },
): Promise<Seen> {
  const end_ms = bench.now_ms() + ms
  const isOther = (seen: Seen) =>
    seen.ok && isKey(seen.frame) && !hex(seen.frame.data).endsWith(last)
  let came = first
  let other: Seen | null = null
  for (;;) {
    const frames = framesIn(came)
    const right = frames.find((seen) => !isOther(seen))
    if (right !== undefined) return right
    other = frames.at(-1) ?? other
    const left_ms = end_ms - bench.now_ms()
    if (other === null || left_ms <= 0) return other ?? lookAt(came)
    const options = { complete: isWhole, ms: left_ms }
    const [oldest] = frames
    came = oldest?.ok
      ? await bench.ask('echo of another key', oldest.frame.bytes, options)
      : await bench.listen('the key', options)
  }
}

/** One behind the other, up to what is none. */
function framesIn(came: Uint8Array): Seen[] {
  const seen: Seen[] = []
  for (let at = 0; at < came.length; ) {
    const one = lookAt(came.subarray(at))
    seen.push(one)
    if (!one.ok) break
    at += one.frame.bytes.length
  }
  return seen
}

/** Whether this very frame is heard again within a repeat's time. What else is pressed meanwhile is no repeat. */
async function heardAgain(
  bench: Bench,
  label: string,
  frame: Uint8Array,
  ms = bench.options.repeat_ms,
): Promise<boolean> {
  const end_ms = bench.now_ms() + ms
  for (;;) {
    const left_ms = end_ms - bench.now_ms()
    if (left_ms <= 0) return false
    const came = await bench.listen(label, { complete: isWhole, ms: left_ms })
    if (came.length === 0) return false
    if (hex(came).includes(hex(frame))) return true
  }
}

/** Repeats under way, lost answers, the same key pressed once more: fewer than these in a row. */
const most_answers = 4

/**
 * Repeats that were under way when the answer left do not count, one answer may get lost, and somebody may
 * press the same key again: a pad that does not take the answer goes on after the last as well.
 */
async function stopsAfter(
  bench: Bench,
  label: string,
  { answer, of, ms }: { answer: Uint8Array; of: Frame; ms?: number | undefined },
): Promise<boolean> {
  for (let answers = 0; answers < most_answers; answers++) {
    await bench.ask(label, answer, { complete: isWhole, ms: bench.options.quiet_ms })
    if (!(await heardAgain(bench, `${label}: quiet`, of.bytes, ms))) return true
  }
  return false
}

type Key = { code: string; argument: string; last: string; zh: string; en: string }

const keys: readonly Key[] = [
  { code: 'key_recall', argument: 'recall', last: '0D', zh: '重呼', en: 'recall' },
  { code: 'key_rate', argument: 'rate', last: '0B', zh: '请评价', en: 'ask for a rating' },
  { code: 'key_cancel', argument: 'cancel', last: '0E', zh: '取消', en: 'cancel' },
  { code: 'key_pause', argument: 'pause', last: '12', zh: '暂停', en: 'pause' },
  {
    code: 'key_no_show',
    argument: 'no_show',
    last: '06 0F',
    zh: '6 加确认（过号）',
    en: '6 and enter (no-show)',
  },
]

function padSteps(address: number): Step[] {
  const next: Asked = {
    code: 'key next',
    hand: 'press',
    argument: 'next',
    prompt: { zh: '请按“下一位”键', en: 'press the key for the next ticket' },
    any: true,
    last: '0C',
  }
  return [
    {
      code: 'key_next',
      title: { zh: '按“下一位”', en: 'the key for the next ticket' },
      expected: {
        zh: `${hex(frameOf(address, 1, 0x0c))}（命令 01 为假定）`,
        en: `${hex(frameOf(address, 1, 0x0c))} (command 01 is assumed)`,
      },
      run: async (bench) => {
        const seen = await pressed(bench, next)
        if (seen === null) return notTried(nobody)
        if (!seen.ok) return fail(seen.says)
        const last = bench.fact('by itself') === true ? null : '0C'
        const like = likeKey(seen.frame, { address, last })
        // Another key was echoed already: nothing more can be learnt from it.
        if (like.verdict === 'pass' || !isKey(seen.frame)) bench.note('frame', seen.frame)
        return like
      },
    },
    repeatsStep('key_next'),
    {
      code: 'echo_taken',
      title: { zh: '回送即确认', en: 'the echo acknowledges' },
      expected: { zh: '回送同一帧后不再重发', en: 'the same frame back, and it is not sent again' },
      run: (bench) => echoTaken(bench),
    },
    ...keys.map(
      (key): Step => ({
        code: key.code,
        title: { zh: `按“${key.zh}”`, en: `key: ${key.en}` },
        expected: {
          zh: `数据末尾 ${key.last}（单一来源）`,
          en: `data ends with ${key.last} (one source)`,
        },
        run: (bench) => otherKey(bench, key, address),
      }),
    ),
    ...showSteps(address),
  ]
}

/** `last` null: any key that is known. */
function likeKey(frame: Frame, wanted: { address: number; last: string | null }): Finding {
  if (frame.address !== wanted.address) {
    return fail({
      zh: `地址 ${frame.address}，应为 ${wanted.address}`,
      en: `address ${frame.address}, ${wanted.address} was expected`,
    })
  }
  const data = hex(frame.data)
  const known = wanted.last === null ? isKey(frame) : data.endsWith(wanted.last)
  if (frame.command === 0x01 && known) return pass()
  const came = `command ${hex(Uint8Array.of(frame.command))}, data ${hex(frame.data)}`
  return differs({ zh: `收到 ${came}`, en: `${came} came` })
}

const lasts = ['0B', '0C', '0D', '0E', '12', '13', '06 0F', '00 0F', '03 0F']

function isKey({ command, data }: Frame): boolean {
  return command === 0x01 && lasts.some((last) => hex(data).endsWith(last))
}

/** Keys pressed meanwhile, and nothing else. */
function onlyKeys(came: Uint8Array): boolean {
  return framesIn(came).every((seen) => seen.ok && isKey(seen.frame))
}

function repeatsStep(of: string): Step {
  return {
    code: 'repeats',
    title: { zh: '未应答时重发', en: 'it is sent again while unanswered' },
    expected: { zh: '同一帧再来（假定）', en: 'the same frame again (assumed)' },
    run: async (bench) => {
      const frame = bench.fact('frame') as Frame | undefined
      if (frame === undefined) return without(of)
      const began_ms = bench.now_ms()
      const again = await heardAgain(bench, 'repeat', frame.bytes)
      bench.note('repeats', again)
      bench.note('every_ms', bench.now_ms() - began_ms)
      if (again) return pass()
      return differs({
        zh: '没有重发：应答前断线的按键会丢失',
        en: 'it is not sent again: a press during a lost link is lost',
      })
    },
  }
}

async function echoTaken(bench: Bench): Promise<Finding> {
  const frame = bench.fact('frame') as Frame | undefined
  if (frame === undefined) return without('key_next')
  const ms = bench.fact('by itself') === true ? repeatsWithin(bench) : undefined
  const stops = await stopsAfter(bench, 'echo', { answer: frame.bytes, of: frame, ms })
  if (!stops) return fail(echo_missing)
  return bench.fact('repeats') === true
    ? pass()
    : notTried({ zh: '它从不重发', en: 'it never repeats' })
}

const echo_missing: Bilingual = {
  zh: '回送后仍在重发：设备不认回送',
  en: 'echo missing to the pad: the key is sent again although it was echoed',
}

/** What repeats does so again within; where somebody uses it meanwhile, the less is waited the better. */
function repeatsWithin(bench: Bench): number {
  const { quiet_ms, repeat_ms } = bench.options
  const every_ms = (bench.fact('every_ms') as number | undefined) ?? repeat_ms
  return Math.min(repeat_ms, every_ms * 1.5 + quiet_ms)
}

async function otherKey(bench: Bench, key: Key, address: number): Promise<Finding> {
  const deaf = bench.fact('echo missing in') as string | undefined
  if (deaf !== undefined) return without(deaf)
  if (bench.fact('step echo_taken') === 'fail') return without('echo_taken')
  const prompt = { zh: `请按“${key.zh}”键`, en: `press: ${key.en}` }
  const seen = await pressed(bench, {
    code: key.code,
    hand: 'press',
    argument: key.argument,
    prompt,
    last: key.last,
  })
  if (seen === null) return notTried(nobody)
  if (!seen.ok) return fail(seen.says)
  const like = likeKey(seen.frame, { address, last: key.last })
  const answer = seen.frame.bytes
  const ms = repeatsWithin(bench)
  if (await stopsAfter(bench, 'echo', { answer, of: seen.frame, ms })) return like
  // It may say nothing but this key from now on.
  bench.note('echo missing in', key.code)
  return fail(echo_missing)
}

type Shows = { code: string; title: Bilingual; frame: Uint8Array; sees: Bilingual }

function showSteps(address: number): Step[] {
  const silentTo = ({ code, title, frame, sees }: Shows): Step => ({
    code,
    title,
    expected: {
      zh: `发送 ${hex(frame)}，不应答（假定）`,
      en: `after ${hex(frame)} no answer (assumed)`,
    },
    run: async (bench) => {
      const came = await bench.silent(code, frame)
      if (!onlyKeys(came)) {
        return differs({ zh: `应答了 ${hex(came)}`, en: `it answered ${hex(came)}` })
      }
      const seen = await bench.sees(sees)
      return seen === false ? fail({ zh: '没有看到', en: 'nothing of it was seen' }) : pass()
    },
  })
  const nothing = [10, 10, 10]
  return [
    silentTo({
      code: 'show',
      title: { zh: '显示 012', en: 'show 012' },
      frame: frameOf(address, 2, ...nothing, 0, 1, 2),
      sees: { zh: '是否显示 012，等候人数不亮？', en: 'does it show 012, and no waiting count?' },
    }),
    silentTo({
      code: 'show_blank',
      title: { zh: '全部熄灭', en: 'show nothing' },
      frame: frameOf(address, 2, ...nothing, ...nothing),
      sees: { zh: '是否全部熄灭？', en: 'is it dark?' },
    }),
    silentTo({
      code: 'beep',
      title: { zh: '蜂鸣', en: 'beep' },
      frame: frameOf(address, 3),
      sees: { zh: '是否听到蜂鸣？', en: 'did it beep?' },
    }),
  ]
}

function raterSteps(address: number): Step[] {
  return [
    {
      code: 'rating',
      title: { zh: '评价', en: 'a rating' },
      expected: {
        zh: `命令 11，如 ${hex(frameOf(address, 0x11, 1))}`,
        en: `command 11, such as ${hex(frameOf(address, 0x11, 1))}`,
      },
      run: async (bench) => {
        const prompt = { zh: '请按第一个评价键', en: 'press the first rating key' }
        const asked = { code: 'rating', hand: 'rate', argument: '1', prompt, any: true } as const
        const seen = await pressed(bench, asked)
        if (seen === null) return notTried(nobody)
        if (!seen.ok) return fail(seen.says)
        bench.note('frame', seen.frame)
        if (seen.frame.command === 0x11) return pass()
        const command = hex(Uint8Array.of(seen.frame.command))
        return differs({ zh: `命令 ${command}`, en: `command ${command} came` })
      },
    },
    repeatsStep('rating'),
    {
      code: 'answer_taken',
      title: { zh: '应答即确认', en: 'the answer acknowledges' },
      expected: {
        zh: '命令 01、同样数据、校验和减 10（十六进制），此后不再重发',
        en: 'command 01, the same data, the sum lowered by hex 10, and it is not sent again',
      },
      run: (bench) => answerTaken(bench),
    },
  ]
}

async function answerTaken(bench: Bench): Promise<Finding> {
  const frame = bench.fact('frame') as Frame | undefined
  if (frame === undefined) return without('rating')
  const answer = frameOf(frame.address, 0x01, ...frame.data)
  const ms = bench.fact('by itself') === true ? repeatsWithin(bench) : undefined
  if (await stopsAfter(bench, 'answer', { answer, of: frame, ms })) {
    if (bench.fact('repeats') === true) return pass()
    return notTried({ zh: '它从不重发', en: 'it never repeats' })
  }
  const unlowered = answer.with(answer.length - 2, frame.bytes.at(-2)!)
  if (await stopsAfter(bench, 'answer, sum not lowered', { answer: unlowered, of: frame, ms })) {
    return fail({
      zh: '只认校验和未减 10 的应答',
      en: 'rating sum not lowered: only an answer with the sum of the rating itself is taken',
    })
  }
  if (await stopsAfter(bench, 'echo', { answer: frame.bytes, of: frame, ms })) {
    return fail({
      zh: '只认原帧回送（命令 11，校验和未减 10）',
      en: 'rating sum not lowered: only the rating itself is taken back, command 11 with its own sum',
    })
  }
  return fail({
    zh: '应答后仍在重发',
    en: 'the rating is sent again although it was answered',
  })
}

function kindOf(type: string, steps: (address: number) => Step[]): ConformKind {
  return {
    type,
    settings: {
      address: {
        zh: '设备地址 0 到 255，默认 1',
        en: 'address of the device, 0 to 255, 1 by default',
        fits: whole(0, 255),
      },
    },
    steps: (settings: Settings) => steps(Number(settings.address ?? 1)),
    show: showPlainly,
    synthetic: showPlainly,
  }
}

export const ff68PadKind = kindOf('ff68_pad', padSteps)
export const ff68RaterKind = kindOf('ff68_rater', raterSteps)
