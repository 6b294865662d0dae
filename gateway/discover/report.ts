/** What a discovery found, for people in either language and for programs. Pure. */
import type { DeviceConfig } from '../config.ts'
import { knownDeviceTypes } from '../drivers/known-types.ts'
import type { FoundService } from '../xfs/discover.ts'
import type { Proposal, Report, Verdict } from './ask.ts'
import type { WhyNot } from './places.ts'

export type Language = 'zh' | 'en'
type Bilingual = Readonly<Record<Language, string>>
export type Say = (text: Bilingual) => string

/** Both languages where none was asked for. */
export function speaker(lang: Language | undefined): Say {
  return (text) =>
    lang !== undefined ? text[lang] : text.zh === text.en ? text.en : `${text.en} / ${text.zh}`
}

const verdicts: Readonly<Record<Verdict, Bilingual>> = {
  answered: { zh: '有应答', en: 'answered' },
  silent: { zh: '无应答', en: 'nobody answers' },
  talks: { zh: '不断主动发送，未询问', en: 'talks unasked; not disturbed' },
  unknown: { zh: '有应答，协议未知', en: 'answers in no protocol that is known' },
  echo: { zh: '发出的内容原样返回（环回）', en: 'gives back what it is sent: a loop' },
  in_use: { zh: '端口被其他程序占用', en: 'in use by another program' },
  no_permission: { zh: '无权限：请加入 dialout 组', en: 'no permission: see the group dialout' },
  gone: { zh: '连不上', en: 'cannot be reached' },
  unsupported: { zh: '本机缺少所需的系统库', en: 'a library is missing on this machine' },
  not_asked: { zh: '未询问', en: 'not asked' },
}

const reasons: Readonly<Record<WhyNot, Bilingual>> = {
  console: { zh: '系统控制台', en: 'the console of this machine' },
  not_vendor_hid: { zh: '键盘等通用 HID 设备', en: 'a keyboard or the like' },
  unknown_usb: { zh: '厂商自定义协议', en: 'a vendor’s own protocol' },
}

const words = {
  not_ours: {
    zh: 'Modbus 设备，不是本系统的寄存器表',
    en: 'a Modbus unit, not of our register map',
  },
  nothing: { zh: '没有可询问的端口', en: 'no port to ask' },
  config: { zh: '写入网关配置的 devices：', en: 'for devices in the gateway’s configuration:' },
  cards: {
    zh: '证件信息将以明文经过网络；确认接受后加 "plain_link": "accepted"：',
    en: 'cards would cross the network in clear; if that is accepted add "plain_link": "accepted":',
  },
  counter: {
    zh: '窗口设备请补上 "counter"。',
    en: 'What stands at a counter wants its "counter" too.',
  },
  mute: {
    zh: 'FF 68 呼叫器、评价器和明文密码键盘只发送、不能询问，故不在其中。',
    en: 'FF 68 pads and service-password pads only speak and cannot be asked: they are not in it.',
  },
  elsewhere: { zh: '位于另一台主机', en: 'on another host' },
} as const satisfies Record<string, Bilingual>

export function table(reports: readonly Report[], say: Say): string {
  const rows = reports.flatMap((report) => rowsOf(report, say))
  if (rows.length === 0) return say(words.nothing)
  const widths = [0, 1].map((i) => Math.max(...rows.map((row) => widthOf(row[i]!))))
  return rows
    .map((row) =>
      row
        .map((text, i) => pad(text, widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function rowsOf(report: Report, say: Say): string[][] {
  const { at, says, verdict, detail, proposals } = report
  if (proposals.length > 0)
    return proposals.map((proposal) => [proposal.at, ...told(proposal, say)])
  const why = report.why_not === null ? detail : say(reasons[report.why_not])
  const about = [says, verdict === 'silent' ? '' : why].filter((part) => part !== '').join('; ')
  return [[at, say(verdicts[verdict]), about]]
}

function told({ type, identity, options }: Proposal, say: Say): string[] {
  const unit = options.unit === undefined ? '' : ` ${options.unit}`
  if (type === null) return [say(words.not_ours), unit.trim()]
  return [
    `${type}${unit}`,
    [say(knownDeviceTypes.get(type)!.title), identity ?? ''].join(' ').trim(),
  ]
}

/** Chinese characters take two columns of a terminal. */
function widthOf(text: string): number {
  return [...text].reduce((sum, one) => sum + (one > '\u2e7f' ? 2 : 1), 0)
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

const short: Readonly<Record<string, string>> = {
  ...{
    id_card_reader: 'reader',
    ticket_printer: 'printer',
    call_pad: 'pad',
    ticket_panel: 'panel',
  },
  ...{ hall_display: 'board', pin_pad: 'pin', rating_pad: 'rater', counter_display: 'display' },
}

export type Proposed = Pick<DeviceConfig, 'device' | 'type' | 'at'> & { options?: object }

/** Devices for a configuration: only what is sure. */
export function configOf(proposals: readonly Proposal[]): Proposed[] {
  const counts = new Map<string, number>()
  return proposals.flatMap(({ type, at, options, certain }) => {
    if (type === null || !certain) return []
    const name = short[type] ?? type
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    const rest = Object.keys(options).length === 0 ? {} : { options }
    return [{ device: `${name}-${count}`, type, at, ...rest }]
  })
}

/** `isClear`: whether cards from there would leave the machine in clear. */
export function snippet(
  proposals: readonly Proposal[],
  say: Say,
  isClear: (at: string) => boolean,
): string {
  const devices = configOf(proposals)
  if (devices.length === 0) return say(words.mute)
  const lines = devices.map((device) => `  ${JSON.stringify(device)}`).join(',\n')
  const clear = devices
    .filter(({ type, at }) => knownDeviceTypes.get(type)?.carries_cards === true && isClear(at))
    .map(({ device }) => device)
  const notes = clear.length === 0 ? [] : [`${say(words.cards)} ${clear.join(', ')}`]
  return [say(words.config), '[', lines, ']', say(words.counter), ...notes, say(words.mute)].join(
    '\n',
  )
}

export function serviceLines(services: readonly FoundService[], say: Say): string {
  return services
    .map(({ uri, vendor, elsewhere }) =>
      [uri, 'xfs4iot', vendor ?? '', elsewhere ? say(words.elsewhere) : ''].join('  ').trimEnd(),
    )
    .join('\n')
}
