/** Steps for panels of Samsung MDC. A panel stays as it is: what is set is what it reported. */
import type { Bench } from '../bench.ts'
import {
  type Bilingual,
  differs,
  type Finding,
  fail,
  hex,
  pass,
  type Step,
  silence,
  without,
} from '../kind.ts'

type Seen =
  | { ok: true; id: number; accepted: boolean; command: number; data: Uint8Array }
  | { ok: false; says: Bilingual }

const broadcast = 0xfe
const both = (text: string): Bilingual => ({ zh: text, en: text })

/** `AA command id length data… sum`, the sum over all behind AA. */
function frameOf(command: number, id: number, ...data: readonly number[]): Uint8Array {
  const body = [command, id, data.length, ...data]
  return Uint8Array.of(0xaa, ...body, sumOf(body))
}

function sumOf(body: ArrayLike<number>): number {
  return Array.from(body).reduce((sum, byte) => sum + byte, 0) & 0xff
}

function isWhole(came: Uint8Array): boolean {
  return came.length >= 4 && came.length >= came[3]! + 5
}

/** `AA FF id length 41|4E command data… sum`. */
function lookAt(came: Uint8Array): Seen {
  if (came.length === 0) return { ok: false, says: silence }
  if (came[0] !== 0xaa || came[1] !== 0xff)
    return wrong('不以 AA FF 开头', 'it does not begin with AA FF')
  if (!isWhole(came) || came.length !== came[3]! + 5) {
    return wrong(`长度不符：${hex(came)}`, `the length is wrong: ${hex(came)}`)
  }
  const right = sumOf(came.subarray(1, -1))
  if (came.at(-1) !== right) {
    const [is, belongs] = [hex(came.subarray(-1)), hex(Uint8Array.of(right))]
    return wrong(`校验和错误：${is}，应为 ${belongs}`, `wrong checksum: ${is}, not ${belongs}`)
  }
  if (came[4] !== 0x41 && came[4] !== 0x4e) return wrong('既非 41 也非 4E', 'neither 41 nor 4E')
  return {
    ok: true,
    id: came[2]!,
    accepted: came[4] === 0x41,
    command: came[5]!,
    data: came.subarray(6, -1),
  }
}

function wrong(zh: string, en: string): Seen {
  return { ok: false, says: { zh, en } }
}

async function ask(bench: Bench, label: string, frame: Uint8Array): Promise<Seen> {
  return lookAt(await bench.ask(label, frame, { complete: isWhole }))
}

type Belonging = { id: number; command: number; length: number | null }
type Question = { code: string; command: number; length: number | null; title: Bilingual }

function expectOf(seen: Seen, { id, command, length }: Belonging): Finding {
  if (!seen.ok) return fail(seen.says)
  if (seen.id !== id || seen.command !== command) {
    const came = `id ${seen.id}, command ${hex(Uint8Array.of(seen.command))}`
    return fail({ zh: `应答属于别的：${came}`, en: `the answer belongs to ${came}` })
  }
  if (!seen.accepted) {
    return differs({
      zh: `拒绝（4E），码 ${hex(seen.data)}`,
      en: `refused (4E), code ${hex(seen.data)}`,
    })
  }
  if (length === null || seen.data.length === length) return pass(hex(seen.data), hex(seen.data))
  return fail({
    zh: `${seen.data.length} 个数据字节，应为 ${length}`,
    en: `${seen.data.length} data bytes, ${length} were expected`,
  })
}

export function mdcSteps(id: number): Step[] {
  const asked = (question: Question): Step => ({
    ...question,
    expected: both(`AA FF ${hex(Uint8Array.of(id))} … 41 ${hex(Uint8Array.of(question.command))}`),
    run: async (bench) => {
      const { code, command, length } = question
      return expectOf(await ask(bench, code, frameOf(command, id)), { id, command, length })
    },
  })
  const other = id === 0 ? 1 : id - 1
  return [
    asked({ code: 'status', command: 0x00, length: 7, title: { zh: '状态', en: 'status' } }),
    {
      ...asked({ code: 'power', command: 0x11, length: 1, title: { zh: '电源', en: 'power' } }),
      run: async (bench) => {
        const seen = await ask(bench, 'power', frameOf(0x11, id))
        if (seen.ok && seen.accepted) bench.note('power', seen.data[0])
        return expectOf(seen, { id, command: 0x11, length: 1 })
      },
    },
    asked({ code: 'input', command: 0x14, length: 1, title: { zh: '信号源', en: 'input' } }),
    asked({
      code: 'error_status',
      command: 0x0d,
      length: 6,
      title: { zh: '故障状态', en: 'error status' },
    }),
    asked({
      code: 'serial_number',
      command: 0x0b,
      length: null,
      title: { zh: '序列号', en: 'serial number' },
    }),
    {
      code: 'power_same',
      title: { zh: '设为现有电源状态', en: 'set power to what it is' },
      expected: { zh: '41，返回所设的值', en: '41 with the value set' },
      run: (bench) => powerSame(bench, id),
    },
    {
      code: 'unlisted_refused',
      title: { zh: '未列出的命令', en: 'an unlisted command' },
      expected: both('4E 77'),
      run: async (bench) => {
        const seen = await ask(bench, 'command 77', frameOf(0x77, id))
        if (!seen.ok) return seen.says === silence ? differs(silence) : fail(seen.says)
        return seen.accepted ? differs({ zh: '被接受', en: 'it was accepted' }) : pass()
      },
    },
    silentTo('wrong_sum_ignored', damaged(frameOf(0x11, id)), {
      zh: '校验和错误的命令',
      en: 'a command with a wrong sum',
    }),
    silentTo('other_id_ignored', frameOf(0x11, other), {
      zh: '别的编号的命令',
      en: 'a command for another id',
    }),
    {
      code: 'broadcast_silent',
      title: { zh: '广播', en: 'a broadcast' },
      expected: { zh: '不应答', en: 'no answer' },
      run: broadcastSilent,
    },
  ]
}

function damaged(frame: Uint8Array): Uint8Array {
  return frame.with(frame.length - 1, frame.at(-1)! ^ 0xff)
}

function silentTo(code: string, frame: Uint8Array, title: Bilingual): Step {
  return {
    code,
    title,
    expected: { zh: '不应答（假定）', en: 'no answer (assumed)' },
    run: async (bench) => {
      const came = await bench.silent(code, frame)
      if (came.length === 0) return pass()
      return differs({ zh: `应答了 ${hex(came)}`, en: `it answered ${hex(came)}` })
    },
  }
}

async function powerSame(bench: Bench, id: number): Promise<Finding> {
  const power = bench.fact('power')
  if (power !== 0 && power !== 1) return without('power')
  const seen = await ask(bench, 'power same', frameOf(0x11, id, power))
  const found = expectOf(seen, { id, command: 0x11, length: 1 })
  if (found.verdict !== 'pass' || !seen.ok || seen.data[0] === power) return found
  return fail({ zh: `返回 ${hex(seen.data)}`, en: `${hex(seen.data)} was given back` })
}

/**
 * Asked and told: carried out by all and answered by none. A panel is set to what it is; one that is off only
 * where no other panel shares its link.
 */
async function broadcastSilent(bench: Bench): Promise<Finding> {
  const power = bench.fact('power')
  const alone = bench.transport.address.startsWith('tcp:')
  const frames = [frameOf(0x11, broadcast)]
  if (power === 1 || (power === 0 && alone)) frames.push(frameOf(0x11, broadcast, power))
  for (const frame of frames) {
    const came = await bench.silent('broadcast', frame)
    if (came.length === 0) continue
    return fail({
      zh: `对广播作了应答：${hex(came)}；同一线上多台会互相冲突`,
      en: `a broadcast was acknowledged: ${hex(came)}; several panels on one line would collide`,
    })
  }
  return pass()
}
