/**
 * Steps for ID-card readers of the SAM protocol. Requests are literal bytes; answers are judged byte by
 * byte (`sam-bytes.ts`), then the codec must read the same. Cards are laid and taken by hand.
 * Nothing of a card is kept, shown or said: command, length and status only.
 */
import { oneOf } from '#devices/std/setting.ts'
import { createReplyDeframer, readSamId } from '#devices/wire/sam.ts'
import { type ReaderWrapping, readerTransport } from '../../drivers/reader-wrapping.ts'
import type { Bench, Exchange } from '../bench.ts'
import { wrongInRead } from '../card-bytes.ts'
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
  type Step,
  without,
} from '../kind.ts'
import { hexOf, isWholeSam, lookAtSam, type SamSeen, shownSam } from '../sam-bytes.ts'
import { syntheticSam } from '../sam-synthetic.ts'

const requests = {
  status: 'AA AA AA 96 69 00 03 11 FF ED',
  sam_id: 'AA AA AA 96 69 00 03 12 FF EE',
  find: 'AA AA AA 96 69 00 03 20 01 22',
  find_wrong_sum: 'AA AA AA 96 69 00 03 20 01 23',
  unknown: 'AA AA AA 96 69 00 03 DC 01 DE',
  select: 'AA AA AA 96 69 00 03 20 02 21',
  read: 'AA AA AA 96 69 00 03 30 01 32',
  read_with_fingerprint: 'AA AA AA 96 69 00 03 30 10 23',
  newest_address: 'AA AA AA 96 69 00 03 30 03 30',
} as const

type Request = keyof typeof requests

/** What the module's status says; for the two that keep it from working, what to do. */
const statuses: Readonly<Record<number, Bilingual>> = {
  96: {
    zh: '自检失败（60）：断电重启，仍如此则更换安全模块',
    en: 'self-test failed (60): power it off and on; if it stays, the security module needs repair',
  },
  102: {
    zh: '未授权（66）：模块须由发行方授权',
    en: 'not authorised (66): the module has to be authorised by its issuer',
  },
}

async function ask(bench: Bench, request: Request): Promise<SamSeen> {
  return lookAtSam(await bench.ask(request, requests[request], { complete: isWholeSam }))
}

type Wanted = { sw3: number; data: number }

/** Null: as wanted. */
function unlike(seen: SamSeen, wanted: Wanted): Bilingual | null {
  if (!seen.ok) return seen.says
  const known = statuses[seen.sw3]
  if (known !== undefined) return known
  if (seen.sw3 !== wanted.sw3) {
    const [came, belongs] = [hex(seen.sw), `00 00 ${hex(Uint8Array.of(wanted.sw3))}`]
    return { zh: `状态 ${came}，应为 ${belongs}`, en: `status ${came}, ${belongs} was expected` }
  }
  if (seen.data.length === wanted.data) return null
  return {
    zh: `${seen.data.length} 个数据字节，应为 ${wanted.data}`,
    en: `${seen.data.length} data bytes, ${wanted.data} were expected`,
  }
}

async function expectReply(bench: Bench, request: Request, wanted: Wanted): Promise<Finding> {
  const says = unlike(await ask(bench, request), wanted)
  return says === null ? pass() : fail(says)
}

/** What nobody has seen on a wire: a frame that is wrong in itself fails all the same. */
async function assume(bench: Bench, request: Request, wanted: Wanted): Promise<Finding> {
  const seen = await ask(bench, request)
  const says = unlike(seen, wanted)
  if (says === null) return pass()
  return seen.ok ? differs(says) : fail(says)
}

const prompts = {
  take: { zh: '请把读卡区的卡全部移开', en: 'take every card off the reader' },
  lay: { zh: '请放一张卡在读卡区', en: 'lay a card on the reader' },
  again: { zh: '请移开卡，再放回去', en: 'take the card away and lay it back' },
} as const satisfies Record<string, Bilingual>

const steps: readonly Step[] = [
  {
    code: 'status',
    title: { zh: '模块状态', en: 'status of the module' },
    expected: {
      zh: 'AA AA AA 96 69 00 04 00 00 90 94',
      en: 'AA AA AA 96 69 00 04 00 00 90 94',
    },
    run: (bench) => expectReply(bench, 'status', { sw3: 0x90, data: 0 }),
  },
  {
    code: 'sam_id',
    title: { zh: '模块编号', en: 'id of the module' },
    expected: {
      zh: 'LEN 00 14，状态 00 00 90，16 字节，各组低位在前',
      en: 'LEN 00 14, status 00 00 90, 16 bytes, each group low byte first',
    },
    run: samId,
  },
  {
    code: 'wrong_sum_refused',
    title: { zh: '校验错的请求被拒', en: 'a request with a wrong checksum is refused' },
    expected: {
      zh: 'AA AA AA 96 69 00 04 00 00 10 14',
      en: 'AA AA AA 96 69 00 04 00 00 10 14',
    },
    run: (bench) => assume(bench, 'find_wrong_sum', { sw3: 0x10, data: 0 }),
  },
  {
    code: 'unknown_refused',
    title: { zh: '未知命令被拒', en: 'an unknown command is refused' },
    expected: { zh: '状态 21（假定）', en: 'status 21 (assumed)' },
    run: (bench) => assume(bench, 'unknown', { sw3: 0x21, data: 0 }),
  },
  {
    code: 'find_empty',
    title: { zh: '无卡时找卡', en: 'find without a card' },
    expected: {
      zh: 'AA AA AA 96 69 00 04 00 00 80 84',
      en: 'AA AA AA 96 69 00 04 00 00 80 84',
    },
    run: findEmpty,
  },
  {
    code: 'select_before_find',
    title: { zh: '未找卡先选卡', en: 'select before find' },
    expected: { zh: '状态 81（假定）', en: 'status 81 (assumed)' },
    run: (bench) => whileEmpty(bench, () => assume(bench, 'select', { sw3: 0x81, data: 0 })),
  },
  {
    code: 'read_before_select',
    title: { zh: '未选卡先读卡', en: 'read before select' },
    expected: { zh: '状态 41（假定）', en: 'status 41 (assumed)' },
    run: (bench) => whileEmpty(bench, () => assume(bench, 'read', { sw3: 0x41, data: 0 })),
  },
  {
    code: 'find',
    title: { zh: '放卡后找卡', en: 'find with a card' },
    expected: { zh: 'LEN 00 08，状态 9F，4 字节', en: 'LEN 00 08, status 9F, 4 bytes' },
    run: find,
  },
  {
    code: 'select',
    title: { zh: '选卡', en: 'select' },
    expected: { zh: 'LEN 00 0C，状态 90，8 字节', en: 'LEN 00 0C, status 90, 8 bytes' },
    run: (bench) =>
      after(bench, 'find', () => expectReply(bench, 'select', { sw3: 0x90, data: 8 })),
  },
  {
    code: 'read',
    title: { zh: '读文字与照片', en: 'read text and photo' },
    expected: {
      zh: 'LEN 05 08，状态 90，长度 01 00 与 04 00，文字以 20 00 补齐',
      en: 'LEN 05 08, status 90, lengths 01 00 and 04 00, text padded with 20 00',
    },
    run: (bench) => after(bench, 'select', () => read(bench, 'read')),
  },
  {
    code: 'find_while_lying',
    title: { zh: '卡未移开再找卡', en: 'find while the card still lies there' },
    expected: {
      zh: '移开之前不再找到：状态 80（状态码为假定）',
      en: 'not found again until it leaves: status 80 (the code is assumed)',
    },
    run: (bench) => after(bench, 'find', () => findWhileLying(bench)),
  },
  {
    code: 'read_again',
    title: { zh: '卡未移开再读', en: 'read again while it lies there' },
    expected: { zh: '与第一次相同（假定）', en: 'as the first time (assumed)' },
    run: (bench) => after(bench, 'read', () => assumedRead(bench, 'read')),
  },
  {
    code: 'newest_address',
    title: { zh: '最新住址', en: 'newest address' },
    expected: {
      zh: '状态 91 无此项，或状态 90 与至多 70 字节（假定无内层长度）；旧模块状态 21',
      en: 'status 91 for none, or 90 with at most 70 bytes (assumed bare); 21 from older modules',
    },
    run: (bench) => after(bench, 'read', () => newestAddress(bench)),
  },
  {
    code: 'read_with_fingerprint',
    title: { zh: '读文字、照片与指纹', en: 'read with fingerprint' },
    expected: {
      zh: '三个长度，指纹 0、512 或 1024 字节（不重新选卡为假定）',
      en: 'three lengths, fingerprint 0, 512 or 1024 bytes (without a new select: assumed)',
    },
    run: (bench) => after(bench, 'read', () => assumedRead(bench, 'read_with_fingerprint')),
  },
  {
    code: 'found_again',
    title: { zh: '移开再放后找卡', en: 'find after the card was away' },
    expected: { zh: '状态 9F', en: 'status 9F' },
    run: (bench) => after(bench, 'find', () => foundAgain(bench)),
  },
]

async function samId(bench: Bench): Promise<Finding> {
  const came = await bench.ask('sam_id', requests.sam_id, { complete: isWholeSam })
  const seen = lookAtSam(came)
  const says = unlike(seen, { sw3: 0x90, data: 16 })
  if (says !== null) return fail(says)
  const { data } = seen as Extract<SamSeen, { ok: true }>
  const group = (at: number) => new DataView(data.buffer, data.byteOffset).getUint32(at, true)
  const printed = [group(4), group(8), group(12)].map((n, i) =>
    String(n).padStart(i === 0 ? 8 : 10, '0'),
  )
  const [frame] = createReplyDeframer().push(came).frames
  const id = frame === undefined ? null : readSamId(frame)
  if (id === null || !id.endsWith(printed.join('-'))) {
    return fail({ zh: '编号读法不一致', en: 'the id is read in two ways' })
  }
  return pass(id, id)
}

async function findEmpty(bench: Bench): Promise<Finding> {
  const cleared = await bench.hand('take_card', prompts.take)
  const seen = await ask(bench, 'find')
  if (seen.ok && seen.sw3 === 0x9f && !cleared) {
    // By itself in the condition of the next steps: that is used.
    bench.note('found')
    return notTried({ zh: '已有卡在读卡区', en: 'a card lies there already' })
  }
  if (seen.ok && seen.sw3 === 0x80) bench.note('empty')
  const says = unlike(seen, { sw3: 0x80, data: 0 })
  return says === null ? pass() : fail(says)
}

function whileEmpty(bench: Bench, run: () => Promise<Finding>): Promise<Finding> {
  return bench.fact('empty') === true ? run() : Promise.resolve(without('find_empty'))
}

/** Only after that step passed: what follows it cannot be judged otherwise. */
function after(bench: Bench, step: string, run: () => Promise<Finding>): Promise<Finding> {
  return bench.fact(`step ${step}`) === 'pass' ? run() : Promise.resolve(without(step))
}

async function find(bench: Bench): Promise<Finding> {
  const laid = await bench.hand('lay_card', prompts.lay)
  if (!laid && bench.fact('found') !== true) return notTried(nobody)
  const seen = await ask(bench, 'find')
  const says = unlike(seen, { sw3: 0x9f, data: 4 })
  return says === null ? pass() : fail(says)
}

async function read(bench: Bench, request: 'read' | 'read_with_fingerprint'): Promise<Finding> {
  const seen = await ask(bench, request)
  if (!seen.ok) return fail(seen.says)
  if (seen.sw3 !== 0x90) return fail(unlike(seen, { sw3: 0x90, data: 0 })!)
  bench.note('read')
  const form = wrongInRead(seen.data, request === 'read' ? 2 : 3)
  return form === null
    ? pass(`LEN ${hexOf(seen.length)}`, `LEN ${hexOf(seen.length)}`)
    : fail(form.says)
}

/** A refusal is the module's right: only a bad frame or bad lengths are wrong. */
async function assumedRead(
  bench: Bench,
  request: 'read' | 'read_with_fingerprint',
): Promise<Finding> {
  const seen = await ask(bench, request)
  if (!seen.ok) return fail(seen.says)
  if (seen.sw3 !== 0x90) return differs(unlike(seen, { sw3: 0x90, data: 0 })!)
  const form = wrongInRead(seen.data, request === 'read' ? 2 : 3)
  return form === null ? pass() : fail(form.says)
}

const found_lying: Bilingual = {
  zh: '卡未移开又报找到卡（9F）：同一张卡会被读两次',
  en: 'find answers while the card stays (9F): the same card would be read twice',
}

async function findWhileLying(bench: Bench): Promise<Finding> {
  if (bench.fact('read') !== true) return without('read')
  // Some modules look away for a while and find it again then.
  for (let looks = 0; looks < 6; looks++) {
    if (looks >= 4) await bench.rest(bench.options.silence_ms)
    const seen = await ask(bench, 'find')
    if (!seen.ok) return fail(seen.says)
    if (seen.sw3 === 0x9f) return fail(found_lying)
    if (seen.sw3 !== 0x80) return differs(unlike(seen, { sw3: 0x80, data: 0 })!)
  }
  return pass()
}

async function newestAddress(bench: Bench): Promise<Finding> {
  const seen = await ask(bench, 'newest_address')
  if (!seen.ok) return fail(seen.says)
  const { sw3, data } = seen
  if (sw3 === 0x91 && data.length === 0) return pass('none on this card', '此卡没有')
  if (sw3 === 0x21) return pass('not known to this module', '此模块不支持')
  if (sw3 === 0x90 && data.length > 0 && data.length <= 70 && data.length % 2 === 0) return pass()
  return differs({
    zh: `状态 ${hex(seen.sw)}，${data.length} 个数据字节`,
    en: `status ${hex(seen.sw)}, ${data.length} data bytes`,
  })
}

async function foundAgain(bench: Bench): Promise<Finding> {
  if (bench.fact('step find_while_lying') === 'pass') {
    // It has been read in other ways since.
    const lying = await ask(bench, 'find')
    if (lying.ok && lying.sw3 === 0x9f) return fail(found_lying)
  }
  const away = await bench.hand('take_card', prompts.again)
  if (!away) return notTried(nobody)
  const empty = await ask(bench, 'find')
  if (!empty.ok) return fail(empty.says)
  if (empty.sw3 === 0x9f)
    return fail({ zh: '无卡时报找到卡', en: 'a card is found where none lies' })
  if (!(await bench.hand('lay_card', prompts.lay))) return notTried(nobody)
  const says = unlike(await ask(bench, 'find'), { sw3: 0x9f, data: 4 })
  return says === null ? pass() : fail(says)
}

export const idCardReaderKind: ConformKind = {
  type: 'id_card_reader',
  settings: {
    wrapping: {
      zh: '封装：auto（默认，hid: 地址用 Miaxis 报文）、plain 或 miaxis_hid',
      en: 'how frames travel: auto (default: Miaxis reports at hid:), plain or miaxis_hid',
      fits: oneOf('auto', 'plain', 'miaxis_hid'),
    },
  },
  link: (below, { wrapping = 'auto' }) => readerTransport(below, wrapping as ReaderWrapping),
  steps: () => steps,
  show: ({ label, sent, came }: Exchange) => ({
    sent: hex(sent),
    came: label === 'sam_id' || label === 'status' ? hex(came) : shownSam(came),
  }),
  synthetic: (exchange, synthesis) => syntheticSam(exchange, synthesis),
}
