/**
 * Writes the pages that are made from code: `docs/telemetry.md` from the catalogue, `docs/devices.md`
 * from the registry of device types. `node docs/make.ts` after a change of either; a test tells when
 * they are stale. Refuses nothing, raises nothing of its own.
 */
import { writeFile } from 'node:fs/promises'
import { type Measurement, measurements, stateCodes } from '#devices/contract/telemetry.ts'
import { deviceTypes } from '#devices/types/index.ts'
import type { Assumption } from '#devices/types/machine.ts'
import type { OptionRule } from '#devices/types/options.ts'
import type { Bilingual, SimKind } from '../firmware-sim/sim-kind.ts'
import { loadKinds, type SimKinds } from '../firmware-sim/types.ts'

type Described = {
  name: string
  title: Bilingual
  protocol: string
  carries_cards: boolean
  assumptions?: readonly Assumption[]
  line?: { baud?: number; parity?: string; stop?: number }
  defaults: object
  rules: object
}

const made = 'Made by `node docs/make.ts` from the code; do not edit. 由代码生成，请勿手改。'

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

export function telemetryPage(): string {
  const parts = Object.entries(measurements).map(([name, about]: [string, Measurement]) => {
    const rows = Object.entries(about.fields).map(([field, { kind, unit, en, zh }]) => [
      ...[`\`${field}\``, kind.replace('_', '/'), unit, en, zh],
    ])
    const tags = about.tags.map((tag) => `\`${tag}\``).join(', ') || 'none'
    const words = `${about.en}. ${about.zh}。\n\nTags / 标签: ${tags}`
    return `## \`${name}\`\n\n${words}\n\n${table(['field', 'kind', 'unit', 'meaning', '含义'], rows)}`
  })
  const states = stateCodes.map((state, code) => [String(code), `\`${state}\``])
  return `# Telemetry / 遥测目录

${made}

A gateway sends these on the topic \`hw1/{hall}/telemetry\` as InfluxDB line protocol, times in
milliseconds; the hall is the topic's. A field without a value is left out. Nothing personal is in any
of it.

${parts.join('\n\n')}

## States / 设备状态

${table(['code', 'state'], states)}
`
}

export async function devicesPage(): Promise<string> {
  const kinds = await loadKinds()
  const types: readonly Described[] = Object.values(deviceTypes)
  const links = types.map(({ name, title }) => [...[`[\`${name}\`](#${name})`, title.en, title.zh]])
  return `# Device types / 设备类型

${made}

What a gateway's configuration may name as \`type\`, with the options of each. Times are milliseconds
where the name ends in \`_ms\`, seconds in \`_s\`. What is marked as assumed rests on one source or none: a
device that does otherwise is named by \`npm run conform\`.

${table(['type', 'device', '设备'], links)}

${types.map((type) => section(type, kinds)).join('\n\n')}
`
}

function section(type: Described, kinds: SimKinds): string {
  const { name, title, protocol, carries_cards } = type
  const cards = carries_cards
    ? [['cards', 'in clear on its line: TCP outside the machine needs `"plain_link": "accepted"`']]
    : []
  const facts = [
    ...[
      ['protocol', protocol],
      ['plugged into', transports(kinds.get(name)).join(', ')],
    ],
    ...(isOnLine(type) ? [['serial line', lineOf(type)]] : []),
    ...cards,
  ]
  const parts = [`## ${name}`, `${title.en} / ${title.zh}`, table(['', ''], facts), options(type)]
  return [...parts, assumed(type.assumptions ?? [])].filter((part) => part !== '').join('\n\n')
}

function transports(kind: SimKind | undefined): readonly string[] {
  return kind?.transports ?? ['serial', 'tcp']
}

/** A kiosk service is reached over a WebSocket only. */
function isOnLine({ protocol }: Described): boolean {
  return protocol !== 'xfs4iot'
}

function lineOf({ line = {} }: Described): string {
  const { baud = 9600, parity = 'none', stop = 1 } = line
  return `${baud} 8${parity[0]?.toUpperCase()}${stop}`
}

function options({ rules, defaults }: Described): string {
  const given = new Map<string, unknown>(Object.entries(defaults))
  const rows = Object.entries(rules as Record<string, OptionRule>).map(([name, rule]) => [
    ...[`\`${name}\``, range(rule), `\`${JSON.stringify(given.get(name))}\``],
  ])
  return rows.length === 0 ? '' : table(['option / 选项', 'range / 范围', 'default / 默认'], rows)
}

function range(rule: OptionRule): string {
  switch (rule.kind) {
    case 'whole':
      return `${rule.least} to ${rule.most}`
    case 'flag':
      return 'true or false'
    case 'text':
      return `${rule.form}, or null`
    case 'list':
      return `${rule.least} to ${rule.most} numbers from ${rule.of.least} to ${rule.of.most}`
  }
}

function assumed(assumptions: readonly Assumption[]): string {
  if (assumptions.length === 0) return ''
  const rows = assumptions.map(({ code, en, zh }) => [`\`${code}\``, en, zh])
  return table(['assumed', 'what', '假定'], rows)
}

if (import.meta.main) {
  await writeFile(new URL('telemetry.md', import.meta.url), telemetryPage())
  await writeFile(new URL('devices.md', import.meta.url), await devicesPage())
}
