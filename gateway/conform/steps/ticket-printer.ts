/**
 * Steps for ESC/POS ticket printers. Commands and masks are literal bytes; the codec is not asked.
 * Prints one short line, and one sample ticket where somebody is there to look.
 */
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
  type Step,
  showPlainly,
  silence,
  without,
} from '../kind.ts'

type Of = 1 | 2 | 3 | 4

const bits = { cover: 0x04, paper: 0x20, offline: 0x08, paper_end: 0x60 } as const

/** One byte, told from an automatic status by its fixed bits. */
async function statusOf(bench: Bench, of: Of): Promise<number | { says: Bilingual }> {
  const came = await bench.ask(`DLE EOT ${of}`, Uint8Array.of(0x10, 0x04, of), {
    complete: ([byte]) => byte !== undefined && (byte & 0x93) === 0x12,
  })
  if (came.length === 0) return { says: silence }
  const byte = came.find((candidate) => (candidate & 0x93) === 0x12)
  if (byte !== undefined && came.length === 1) return byte
  return {
    says: {
      zh: `固定位不符：${hex(came)}，应满足 (b & 93) = 12`,
      en: `the fixed bits are wrong: ${hex(came)}, (b & 93) must be 12`,
    },
  }
}

const steps: readonly Step[] = [
  ...([1, 2, 3, 4] as const).map(
    (of): Step => ({
      code: `status_${of}`,
      title: { zh: `实时状态 ${of}`, en: `real-time status ${of}` },
      expected: {
        zh: '一字节，(b & 93) = 12；空闲时 12',
        en: 'one byte, (b & 93) = 12; 12 when idle',
      },
      run: async (bench) => {
        const byte = await statusOf(bench, of)
        if (typeof byte !== 'number') return fail(byte.says)
        return pass(hex(Uint8Array.of(byte)), hex(Uint8Array.of(byte)))
      },
    }),
  ),
  {
    code: 'automatic_status',
    title: { zh: '自动状态', en: 'automatic status' },
    expected: {
      zh: '1D 61 FF 后立即四字节：(b1 & 93) = 10，(b2..b4 & 90) = 0',
      en: 'four bytes at once after 1D 61 FF: (b1 & 93) = 10, (b2..b4 & 90) = 0',
    },
    run: automaticStatus,
  },
  {
    code: 'conditions_agree',
    title: { zh: '各状态互相一致', en: 'the answers agree with each other' },
    expected: {
      zh: '缺纸：状态 2 的位 5 与状态 4 的位 5、6；脱机：状态 1 的位 3',
      en: 'paper end: bit 5 of status 2 with bits 5 and 6 of status 4; off line: bit 3 of status 1',
    },
    run: (bench) => conditionsAgree(bench),
  },
  {
    code: 'process_id',
    title: { zh: '打印完成回应', en: 'a job says when it is done' },
    expected: {
      zh: '37 22 31 32 33 34 00（单一来源；并非各型都有）',
      en: '37 22 31 32 33 34 00 (one source; not on every model)',
    },
    run: processId,
  },
  {
    code: 'cover_open',
    title: { zh: '开盖', en: 'cover open' },
    expected: {
      zh: '状态 2 位 2 为 1、位 5 为 0；脱机',
      en: 'status 2: bit 2 set, bit 5 not; off line',
    },
    run: (bench) => opened(bench),
  },
  {
    code: 'cover_closed',
    title: { zh: '合盖', en: 'cover closed' },
    expected: { zh: '状态 2 位 2 为 0', en: 'status 2: bit 2 not set' },
    run: (bench) => mended(bench, { step: 'cover_open', hand: 'close_cover', bit: bits.cover }),
  },
  {
    code: 'paper_out',
    title: { zh: '取走纸卷', en: 'paper pulled out' },
    expected: {
      zh: '状态 2 位 5 为 1、位 2 为 0；状态 4 位 5、6 为 1',
      en: 'status 2: bit 5 set, bit 2 not; status 4: bits 5 and 6 set',
    },
    run: (bench) => pulled(bench),
  },
  {
    code: 'paper_loaded',
    title: { zh: '装回纸卷', en: 'paper loaded' },
    expected: { zh: '状态 2 位 5 为 0', en: 'status 2: bit 5 not set' },
    run: (bench) => mended(bench, { step: 'paper_out', hand: 'load_paper', bit: bits.paper }),
  },
  {
    code: 'ticket_seen',
    title: { zh: '样票', en: 'a sample ticket' },
    expected: { zh: '“您的号码 A001”，已切纸', en: '您的号码 A001, cut' },
    run: ticketSeen,
  },
]

async function automaticStatus(bench: Bench): Promise<Finding> {
  const came = await bench.ask('automatic status on', '1D 61 FF', {
    complete: (bytes) => bytes.length >= 4,
  })
  // Off again, so that no later answer is mixed with it.
  await bench.silent('automatic status off', '1D 61 00')
  if (came.length === 0) {
    // Off line a printer may keep all but the real-time commands for later.
    const one = await statusOf(bench, 1)
    return typeof one === 'number' && (one & bits.offline) !== 0
      ? notTried(off_line)
      : fail(silence)
  }
  const [first = 0, ...rest] = came
  if (came.length === 4 && (first & 0x93) === 0x10 && rest.every((b) => (b & 0x90) === 0)) {
    bench.note('automatic', came)
    return pass(hex(came), hex(came))
  }
  return fail({ zh: `收到 ${hex(came)}`, en: `${hex(came)} came` })
}

const off_line: Bilingual = {
  zh: '打印机脱机：命令留在缓冲区，合盖装纸后才执行',
  en: 'the printer is off line: it keeps the command until cover and paper are in order',
}

type Conditions = { cover: boolean; paper_end: boolean }

/**
 * Printers keep GS a in their buffer while they are off line, so it is sent before the cover is opened:
 * the change then tells itself.
 */
async function watch(bench: Bench): Promise<void> {
  if (bench.fact('automatic') === undefined) return
  bench.note('watching')
  await bench.ask('automatic status on', '1D 61 FF', { complete: (bytes) => bytes.length >= 4 })
}

/** The last automatic status since; null where it is not on. */
async function automaticConditions(bench: Bench): Promise<Conditions | { says: Bilingual } | null> {
  if (bench.fact('watching') !== true) return null
  const came = await bench.listen('automatic status of the change')
  const last = came.slice(-4)
  if (came.length === 0 || came.length % 4 !== 0 || (last[0]! & 0x93) !== 0x10) {
    return {
      says: {
        zh: `变化时没有自动状态：收到 ${hex(came)}`,
        en: `no automatic status of the change: ${hex(came) || 'nothing'} came`,
      },
    }
  }
  return conditionsIn(last)
}

function conditionsIn(status: Uint8Array): Conditions {
  return { cover: (status[0]! & 0x20) !== 0, paper_end: (status[2]! & 0x0c) !== 0 }
}

async function unwatch(bench: Bench): Promise<void> {
  if (bench.fact('watching') !== true) return
  bench.note('watching', false)
  await bench.listen('automatic status of the change', { ms: bench.options.silence_ms })
  await bench.silent('automatic status off', '1D 61 00')
}

/** Null: as it is, or nothing to compare with. */
function unlikeAutomatic(
  automatic: Awaited<ReturnType<typeof automaticConditions>>,
  is: Conditions,
): Bilingual | null {
  if (automatic === null) return null
  if ('says' in automatic) return automatic.says
  const { cover, paper_end } = automatic
  if (cover === is.cover && paper_end === is.paper_end) return null
  if (cover === is.paper_end && paper_end === is.cover) {
    return {
      zh: '自动状态中缺纸位（字节 3 位 2、3）与开盖位（字节 1 位 5）对调',
      en: 'in the automatic status the bits of paper end (byte 3) and cover open (byte 1) are swapped',
    }
  }
  return {
    zh: `自动状态说：开盖 ${cover ? 1 : 0}、缺纸 ${paper_end ? 1 : 0}，与实时状态不符`,
    en: `the automatic status says cover ${cover ? 1 : 0}, paper end ${paper_end ? 1 : 0}: a contradiction`,
  }
}

async function conditionsAgree(bench: Bench): Promise<Finding> {
  const [one, two, four] = [
    await statusOf(bench, 1),
    await statusOf(bench, 2),
    await statusOf(bench, 4),
  ]
  if (typeof one !== 'number') return fail(one.says)
  if (typeof two !== 'number') return fail(two.says)
  if (typeof four !== 'number') return fail(four.says)
  const swapped = wrongPaper(two, four)
  if (swapped !== null) return fail(swapped)
  const automatic = bench.fact('automatic') as Uint8Array | undefined
  const now = { cover: (two & bits.cover) !== 0, paper_end: (two & bits.paper) !== 0 }
  const told = automatic === undefined ? null : conditionsIn(automatic)
  if (told !== null && told.cover !== now.cover) return fail(unlikeAutomatic(told, now)!)
  const stopped = (two & (bits.cover | bits.paper)) !== 0
  if (!stopped || (one & bits.offline) !== 0) return pass()
  return fail({
    zh: '开盖或缺纸而状态 1 没有脱机',
    en: 'cover open or paper end, and status 1 does not say off line',
  })
}

/** Status 4 knows the paper only, so it tells which of the two bits of status 2 is meant. */
function wrongPaper(two: number, four: number): Bilingual | null {
  const paper = (two & bits.paper) !== 0
  const end = (four & bits.paper_end) !== 0
  if (paper === end) return null
  // The one bit that is set where the other belongs.
  if (paper !== ((two & bits.cover) !== 0)) return swappedBits(two)
  return {
    zh: `缺纸：状态 2 为 ${hexByte(two)}，状态 4 为 ${hexByte(four)}，互相矛盾`,
    en: `paper end: status 2 is ${hexByte(two)}, status 4 is ${hexByte(four)}, a contradiction`,
  }
}

function swappedBits(two: number): Bilingual {
  return {
    zh: `状态 2 为 ${hexByte(two)}：缺纸位（位 5）与开盖位（位 2）对调`,
    en: `status 2 is ${hexByte(two)}: the bits of paper end (5) and cover open (2) are swapped`,
  }
}

function hexByte(byte: number): string {
  return hex(Uint8Array.of(byte))
}

async function processId(bench: Bench): Promise<Finding> {
  const two = await statusOf(bench, 2)
  if (typeof two === 'number' && (two & (bits.cover | bits.paper)) !== 0) {
    return notTried({ zh: '打印机不能打印', en: 'the printer cannot print now' })
  }
  // One line, then: "tell me 1234 when you are there".
  const request = '1B 40 2D 0A 1D 28 48 06 00 30 30 31 32 33 34'
  const came = await bench.ask('process id', request, { complete: (bytes) => bytes.length >= 7 })
  if (hex(came) === '37 22 31 32 33 34 00') return pass()
  if (came.length === 0) {
    return differs({
      zh: '作业号没有回应：票是否打出只能推测',
      en: 'process id not answered: whether a ticket came out can only be guessed',
    })
  }
  return fail({ zh: `收到 ${hex(came)}`, en: `${hex(came)} came` })
}

async function opened(bench: Bench): Promise<Finding> {
  await watch(bench)
  if (!(await bench.hand('open_cover', { zh: '请打开机盖', en: 'open the cover' }))) {
    await unwatch(bench)
    return notTried(nobody)
  }
  const automatic = await automaticConditions(bench)
  const two = await statusOf(bench, 2)
  if (typeof two !== 'number') return fail(two.says)
  const [cover, paper] = [(two & bits.cover) !== 0, (two & bits.paper) !== 0]
  if (!cover && paper) return fail(swappedBits(two))
  if (!cover)
    return fail({ zh: `位 2 为 0：${hexByte(two)}`, en: `bit 2 is not set: ${hexByte(two)}` })
  const four = await statusOf(bench, 4)
  if (typeof four !== 'number') return fail(four.says)
  const contradiction = paper ? null : wrongPaper(two & ~bits.cover, four)
  if (contradiction !== null) return fail(contradiction)
  const unlike = unlikeAutomatic(automatic, { cover, paper_end: paper })
  return unlike === null ? offline(bench) : fail(unlike)
}

async function pulled(bench: Bench): Promise<Finding> {
  await watch(bench)
  if (
    !(await bench.hand('pull_paper', {
      zh: '请取出纸卷，合上机盖',
      en: 'take the paper out, close the cover',
    }))
  ) {
    await unwatch(bench)
    return notTried(nobody)
  }
  const automatic = await automaticConditions(bench)
  const [two, four] = [await statusOf(bench, 2), await statusOf(bench, 4)]
  if (typeof two !== 'number') return fail(two.says)
  if (typeof four !== 'number') return fail(four.says)
  const [cover, paper] = [(two & bits.cover) !== 0, (two & bits.paper) !== 0]
  if (cover && !paper) return fail(swappedBits(two))
  if (!paper)
    return fail({ zh: `位 5 为 0：${hexByte(two)}`, en: `bit 5 is not set: ${hexByte(two)}` })
  if ((four & bits.paper_end) !== bits.paper_end) {
    return fail({
      zh: `状态 4 没有报缺纸：${hexByte(four)}`,
      en: `status 4 does not say paper end: ${hexByte(four)}`,
    })
  }
  const unlike = unlikeAutomatic(automatic, { cover, paper_end: paper })
  return unlike === null ? offline(bench) : fail(unlike)
}

async function offline(bench: Bench): Promise<Finding> {
  const one = await statusOf(bench, 1)
  if (typeof one !== 'number') return fail(one.says)
  if ((one & bits.offline) !== 0) return pass()
  return differs({ zh: '状态 1 没有报脱机', en: 'status 1 does not say off line' })
}

async function mended(
  bench: Bench,
  given: { step: string; hand: 'close_cover' | 'load_paper'; bit: number },
): Promise<Finding> {
  if (bench.fact(`step ${given.step}`) === 'not_tried') return without(given.step)
  const prompt =
    given.hand === 'close_cover'
      ? { zh: '请合上机盖', en: 'close the cover' }
      : { zh: '请装回纸卷', en: 'load the paper' }
  const done = await bench.hand(given.hand, prompt)
  await unwatch(bench)
  if (!done) return notTried(nobody)
  const two = await statusOf(bench, 2)
  if (typeof two !== 'number') return fail(two.says)
  return (two & given.bit) === 0
    ? pass()
    : fail({ zh: `仍为 ${hexByte(two)}`, en: `it still says ${hexByte(two)}` })
}

async function ticketSeen(bench: Bench): Promise<Finding> {
  const sample = '1B 40 1C 26 C4 FA B5 C4 BA C5 C2 EB 20 41 30 30 31 0A 1D 56 42 00'
  const looks = await bench.sees({
    zh: '现在打印样票，是否看着打印机？',
    en: 'a sample ticket is printed now: are you looking at the printer?',
  })
  if (looks !== true) return notTried(nobody)
  await bench.silent('sample ticket', sample)
  const seen = await bench.sees({
    zh: '是否打出“您的号码 A001”并切纸？',
    en: 'did 您的号码 A001 come out, cut?',
  })
  if (seen === null) return notTried(nobody)
  return seen ? pass() : fail({ zh: '样票不对', en: 'the sample ticket is not right' })
}

export const ticketPrinterKind: ConformKind = {
  type: 'ticket_printer',
  settings: {},
  steps: () => steps,
  show: showPlainly,
  synthetic: showPlainly,
}
