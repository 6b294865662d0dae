/**
 * `npm run conform`: a device on the bench, step by step, with what was sent, what came and what was
 * expected. Ends with 0 where something passed and nothing failed, 1 where a step failed, 2 where it could
 * not begin or nothing could be tried.
 */
import { writeFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { Fault, isFault } from '#devices/std/fault.ts'
import { silent } from '#devices/std/log.ts'
import { unfit } from '#devices/std/setting.ts'
import { deviceTypes } from '#devices/types/index.ts'
import type { Assumption } from '#devices/types/machine.ts'
import { realPace } from '../pace.ts'
import { parseAddress, type SerialLine } from '../transports/address.ts'
import { transportFor } from '../transports/open.ts'
import { xfsAddressProblem } from '../xfs/address.ts'
import { webSocketTransport } from '../xfs/web-socket.ts'
import { Bench } from './bench.ts'
import { createContribution } from './contribution.ts'
import { handsAt, nobodyThere, type Person, personAt } from './helpers.ts'
import type { Bilingual, ConformKind, Verdict } from './kind.ts'
import { conformKinds } from './kinds.ts'
import { type Language, type Report, reportHtml, reportOf, verdictWords } from './report.ts'
import { runSteps, type StepResult } from './run.ts'

const collect = (value: string, before: string[]) => [...before, value]

const program = new Command('conform')
  .description('Whether a device does what Hallway expects of its class. 设备符合性检查')
  .requiredOption('--type <type>', `one of ${[...conformKinds.keys()].join(', ')}`)
  .requiredOption(
    '--at <address>',
    'tcp://host:port, serial:/dev/..., hid:vid:pid, usb:vid:pid, lp:/dev/usb/lp0; xfs4iot: ws://...',
  )
  .option('--unattended', 'nobody is at the device: what needs hands is not tried')
  .option('--report <file>', 'writes FILE.html and FILE.json, or the one its ending names')
  .option('--contribute <file>', 'writes the exchanges about synthetic cards, to be given away')
  .option(
    '--set <name=value>',
    'a setting of the class, such as address=5 (again for more)',
    collect,
    [],
  )
  .option('--hands <host:port/device>', 'the hands of a simulator: npm run sim -- --control PORT')
  .addOption(new Option('--lang <lang>', 'of prompts and report').choices(['zh', 'en']))
  .option('--timeout <ms>', 'an answer comes within', '3000')
  .addHelpText('after', settingsHelp)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

type Flags = {
  type: string
  at: string
  unattended?: boolean
  report?: string
  contribute?: string
  set: string[]
  hands?: string
  lang?: Language
  timeout: string
}

function settingsHelp(): string {
  const lines = [...conformKinds.values()].flatMap(({ type, settings }) =>
    Object.entries(settings).map(
      ([name, { zh, en }]) => `  ${type.padEnd(16)} ${name.padEnd(10)} ${en}；${zh}`,
    ),
  )
  return `\nSettings:\n${lines.join('\n')}`
}

function speaker(lang: Language | undefined) {
  return ({ zh, en }: Bilingual) =>
    lang === undefined ? (zh === en ? en : `${en} / ${zh}`) : { zh, en }[lang]
}

function settingsOf(kind: ConformKind, pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      const name = pair.slice(0, Math.max(at, 0))
      if (!Object.hasOwn(kind.settings, name)) {
        const known = Object.keys(kind.settings).join(', ') || 'none'
        throw new Fault('config_invalid', `--set ${pair}: ${kind.type} knows ${known}`)
      }
      const value = pair.slice(at + 1)
      const problem = unfit(kind.settings, name, value)
      if (problem !== null) throw new Fault('config_invalid', `--set ${name}: it ${problem}`)
      return [name, value]
    }),
  )
}

async function helperFor(flags: Flags, say: (text: Bilingual) => string): Promise<Person> {
  if (flags.hands !== undefined) return await handsAt(flags.hands)
  if (flags.unattended === true) return { ...nobodyThere, async [Symbol.asyncDispose]() {} }
  return personAt(process.stdin, console.log, say)
}

async function main(flags: Flags): Promise<number> {
  const { type, at, lang } = flags
  const kind = conformKinds.get(type)
  if (kind === undefined) {
    throw new Fault(
      'config_invalid',
      `--type ${type}: one of ${[...conformKinds.keys()].join(', ')}`,
    )
  }
  const problem = addressProblem(type, at)
  if (problem !== null) throw new Fault('config_invalid', `--at ${at}: ${problem}`)
  const reply_ms = Number(flags.timeout)
  if (!(reply_ms >= 100 && reply_ms <= 60_000)) {
    throw new Fault('config_invalid', '--timeout must be 100 to 60000')
  }
  const settings = settingsOf(kind, flags.set)
  const say = speaker(lang)
  await using helper = await helperFor(flags, say)
  const { title, protocol, assumptions = [], line = {} } = described(type)
  const below = isKiosk(type)
    ? webSocketTransport(realPace, { url: at })
    : transportFor(at, { pace: realPace, log: silent, line })
  const transport = kind.link?.(below, settings) ?? below
  await using bench = new Bench({ transport, pace: realPace, helper }, { reply_ms })
  await bench.connect()
  const contribution = createContribution(kind)
  const began = new Date().toISOString()
  const steps = await runSteps(kind, bench, {
    settings,
    onStep: (result) => console.log(stepLines(result, say)),
    onExchanges: contribution.add,
  })
  const unattended = flags.unattended === true && flags.hands === undefined
  const report = reportOf({ type, title, protocol, at, began, unattended, assumptions, steps })
  await save(report, flags)
  if (flags.contribute !== undefined) {
    await writeText(flags.contribute, `${JSON.stringify(contribution.get(), null, 2)}\n`)
  }
  console.log(summary(report, say))
  const { pass, fail, differs } = report.counts
  if (pass + fail + differs === 0) {
    console.log(say(unattended ? words.nothing_tried : words.nothing_done))
    if (speakFirst.includes(type)) console.log(say(words.by_itself))
    return 2
  }
  return fail > 0 ? 1 : 0
}

/** Its services are WebSockets, as in a gateway's configuration. */
const isKiosk = (type: string) => type === deviceTypes.xfs4iot.name

/** Nothing can be asked of these. */
const speakFirst = ['ff68_pad', 'ff68_rater', 'service_password_pad']

/** Null where a device of this type can stand there. */
function addressProblem(type: string, at: string): string | null {
  if (isKiosk(type)) return xfsAddressProblem(at)
  const address = parseAddress(at)
  return address.ok ? null : address.problems.join('; ')
}

type Described = {
  name: string
  title: Bilingual
  protocol: string
  line?: Partial<SerialLine>
  assumptions?: readonly Assumption[]
}

function described(name: string): Described {
  const types: readonly Described[] = Object.values(deviceTypes)
  return types.find((each) => each.name === name)!
}

const words = {
  expected: { zh: '应为', en: 'expected' },
  sent: { zh: '发出', en: 'sent' },
  came: { zh: '收到', en: 'came' },
  nothing_tried: {
    zh: '一步也没有测到：请有人在设备旁操作，去掉 --unattended',
    en: 'nothing could be tried: somebody has to be at the device, without --unattended',
  },
  nothing_done: {
    zh: '一步也没有测到：没有照提示操作设备',
    en: 'nothing could be tried: nobody did at the device what was asked',
  },
  by_itself: {
    zh: '这类设备只在有人按键时才发送；模拟器以 npm run sim -- --every 2 启动，便自己按键，可用 --unattended 测',
    en:
      'it speaks only when somebody presses; a simulator started with npm run sim -- --every 2 is ' +
      'used by itself and can be tried with --unattended',
  },
} as const satisfies Record<string, Bilingual>

const most_shown = 6

function stepLines(result: StepResult, say: (text: Bilingual) => string): string {
  const { verdict, code, title, says, expected } = result
  const named = `${say(verdictWords[verdict])}: ${code}, ${say(title)}`
  const head = says.en === '' ? named : `${named}: ${say(says)}`
  if (verdict !== 'fail' && verdict !== 'differs') return head
  const exchanges = result.exchanges
    .slice(-most_shown)
    .flatMap(({ sent, came }) => [
      ...(sent === '' ? [] : [`    ${say(words.sent)} ${sent}`]),
      `    ${say(words.came)} ${came === '' ? '-' : came}`,
    ])
  return [head, `    ${say(words.expected)} ${say(expected)}`, ...exchanges].join('\n')
}

function summary({ type, at, counts }: Report, say: (text: Bilingual) => string): string {
  const parts = (Object.keys(verdictWords) as Verdict[]).map(
    (verdict) => `${counts[verdict]} ${say(verdictWords[verdict])}`,
  )
  return `${type} ${at}: ${parts.join(', ')}`
}

async function save(report: Report, { report: file, lang }: Flags): Promise<void> {
  if (file === undefined) return
  const json = `${JSON.stringify(report, null, 2)}\n`
  const html = reportHtml(report, lang ?? 'zh')
  if (file.endsWith('.json')) await writeText(file, json)
  else if (file.endsWith('.html')) await writeText(file, html)
  else {
    await writeText(`${file}.json`, json)
    await writeText(`${file}.html`, html)
  }
}

async function writeText(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((error: NodeJS.ErrnoException) => {
    throw new Fault('unavailable', `${file}: ${error.code}`)
  })
}

try {
  process.exitCode = await main(program.opts<Flags>())
  // A person's terminal would keep the program waiting.
  process.stdin.destroy()
} catch (error) {
  if (!isFault(error)) throw error
  console.error(`conform: ${error.message}`)
  process.exit(2)
}
