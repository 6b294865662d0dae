/**
 * The commissioning report (验收单): a page to print and sign, in both languages, of what stands where,
 * what it says it is, and what is still wrong. Pure. Whatever a device calls itself is text, never markup.
 */
import { stateWords } from '#devices/types/floor-words.ts'
import { deviceTypes } from '#devices/types/index.ts'
import type { DeviceView, GatewayStatus, HallAbout } from './ports.ts'

export type Commissioning = {
  status: GatewayStatus
  about: HallAbout | null
  devices: readonly DeviceView[]
  by: string
  /** The configuration allows links in clear. */
  insecure: boolean
  /** ms since 1970 UTC. */
  at_ms: number
}

export function commissioningReport(given: Commissioning): string {
  const { status, about, devices, by, insecure, at_ms } = given
  const open = devices.filter((device) => troublesOf(device).length > 0)
  const facts: [string, string][] = [
    [
      '营业厅 Hall',
      `${about?.hall_name.zh ?? ''} ${about?.hall_name.en ?? ''} (${status.hall ?? ''})`,
    ],
    ['网关 Gateway', `${status.gateway}, ${status.version}`],
    ['日期 Date', timeIn(about?.zone ?? 'UTC', at_ms)],
    ['安装 Installed by', by],
    ['日志 Hall log', `${status.log.head.seq} (${status.log.head.hash.slice(0, 16)})`],
    ['未入账 Not booked yet', String(status.log.unbooked)],
    ['设备 Devices', `${devices.length - open.length} / ${devices.length}`],
  ]
  return `<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>验收单 · Commissioning report</title>
<style>${style}</style></head><body>
<h1>验收单 · Commissioning report</h1>${insecure ? INSECURE : ''}
<dl>${facts.map(([name, text]) => `<dt>${marked(name)}</dt><dd>${marked(text)}</dd>`).join('')}</dl>
<p class="${open.length === 0 ? 'good' : 'bad'}">${verdict(open.length)}</p>
<table><thead><tr>${columns.map((name) => `<th>${name}</th>`).join('')}</tr></thead>
<tbody>${devices.map(rowOf).join('\n')}</tbody></table>
<h2>有待确认的假设 · Taken as given, not confirmed by a second source</h2>
<ul>${assumptionsOf(devices)
    .map((text) => `<li>${marked(text)}</li>`)
    .join('')}</ul>
<p class="sign">安装人 Installer ______________ 验收人 Accepted by ______________ 日期 Date ____________</p>
</body></html>`
}

const INSECURE =
  '<p class="bad" role="alert">配置允许未加密的连接 · The configuration allows links without encryption</p>'

const columns = [
  '#',
  '位置 Place',
  '类型 Type',
  '窗口 Counter',
  '接口 At',
  '编号 Identity',
  '固件 Firmware',
  '状态 State',
  '报文/校验错/超时 Frames/bad/timed out',
  '待办 To do',
]

function rowOf(device: DeviceView, i: number): string {
  const { frames_in = 0, bad_checksums = 0, timeouts = 0 } = device.counters
  const cells = [
    String(i + 1),
    device.device,
    typeName(device.type),
    device.counter ?? '',
    device.at,
    device.identity ?? '',
    device.firmware ?? '',
    `${bilingual(stateWords[device.state])} (${device.reason})`,
    `${frames_in} / ${bad_checksums} / ${timeouts}`,
    troublesOf(device).join('; '),
  ]
  return `<tr>${cells.map((text) => `<td>${marked(text)}</td>`).join('')}</tr>`
}

/** A code that is no type's is shown as it came. */
function typeName(type: string): string {
  if (!Object.hasOwn(deviceTypes, type)) return type
  return bilingual(deviceTypes[type as keyof typeof deviceTypes].title)
}

const bilingual = ({ zh, en }: { zh: string; en: string }) => `${zh} ${en}`

const suppliesZh: ReadonlyMap<string, string> = new Map([
  ['paper', '纸'],
  ['low', '将尽'],
  ['out', '用完'],
])
const inBoth = (word: string) => `${suppliesZh.get(word) ?? ''} ${word}`.trim()

function troublesOf(device: DeviceView): string[] {
  const troubles: string[] = []
  if (device.state === 'online' && device.binding.state === 'unconfirmed') {
    troubles.push(
      `看不到身份，应为 identity not confirmed, belongs here: ${device.binding.expected}`,
    )
  }
  if (device.state !== 'online') {
    const { advice } = device
    troubles.push(advice === null ? device.reason : `${advice.zh} ${advice.en}`)
  }
  if (device.plain_link) troubles.push('证件信息经明文网络传输 cards cross the network in clear')
  for (const [name, level] of Object.entries(device.consumables)) {
    if (level !== 'ok') troubles.push(`${inBoth(name)}: ${inBoth(level)}`)
  }
  return troubles
}

function verdict(open: number): string {
  if (open === 0) return '全部设备工作正常 · Every device works'
  return `${open} 台设备有待处理 · ${open} device(s) need attention`
}

function assumptionsOf(devices: readonly DeviceView[]): string[] {
  const lines = devices.flatMap(({ type, assumptions }) =>
    assumptions.map(({ zh, en }) => `${typeName(type)}: ${zh} ${en}`),
  )
  return [...new Set(lines)]
}

function timeIn(zone: string, at_ms: number): string {
  const at = Temporal.Instant.fromEpochMilliseconds(at_ms).toZonedDateTimeISO(zone)
  return `${at.toPlainDateTime().toString({ smallestUnit: 'second' }).replace('T', ' ')} ${zone}`
}

const marks: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function marked(text: string): string {
  return text.replaceAll(/[&<>"']/g, (mark) => marks[mark] as string)
}

const style = `body{font:14px/1.5 sans-serif;margin:2em;color:#111}table{border-collapse:collapse;width:100%}
th,td{border:1px solid #999;padding:.3em .5em;text-align:left;font-size:12px;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1em}dt{font-weight:bold}dd{margin:0}
.good{color:#060}.bad{color:#a00;font-weight:bold}.sign{margin-top:4em}`
