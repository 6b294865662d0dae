/** What `npm run sim -- --list` says, for people: types, what is assumed of them, settings, faults. */
import { deviceTypes } from '#devices/types/index.ts'
import type { Assumption } from '#devices/types/machine.ts'
import type { Bilingual, SimKind } from './sim-kind.ts'
import { lineFaults, type SimKinds } from './types.ts'

type Described = {
  name: string
  title: Bilingual
  protocol: string
  assumptions?: readonly Assumption[]
}

const known: ReadonlyMap<string, Described> = new Map(
  Object.values(deviceTypes).map((type: Described) => [type.name, type]),
)

export function listing(kinds: SimKinds): string {
  const types = [...kinds.values()].flatMap((kind) => ['', ...lines(kind)])
  return [
    'Device types / 设备类型:',
    ...types,
    '',
    'Faults of the line, each a probability from 0 to 1 / 线路故障，各为 0 到 1 的概率:',
    ...named(lineFaults, '  '),
    '',
    'A device on the bench / 符合性检查:',
    '  npm run sim -- --type TYPE --port 5101 --control 5199 --fault NAME=1',
    '  npm run conform -- --type TYPE --at tcp://127.0.0.1:5101 --hands 127.0.0.1:5199/device',
    '  ff68_pad, ff68_rater, service_password_pad: sim --every 2 and conform --unattended too / 也可',
  ].join('\n')
}

function lines(kind: SimKind): string[] {
  const type = known.get(kind.type)
  const { title, protocol = '?' } = type ?? {}
  const { transports = ['serial', 'tcp'] } = kind
  return [
    `  ${kind.type}  ${title?.en ?? ''}, ${title?.zh ?? ''}`,
    `      protocol ${protocol}; real ones on ${transports.join(', ')}; simulated over TCP`,
    ...section('settings / 设置', kind.settings),
    ...section('faults of the device / 设备故障', kind.faults),
    ...assumed(type?.assumptions ?? []),
  ]
}

function assumed(assumptions: readonly Assumption[]): string[] {
  if (assumptions.length === 0) return []
  return [
    '      assumed / 假定:',
    ...assumptions.flatMap(({ code, zh, en }) => named({ [code]: { zh, en } }, '        ')),
  ]
}

function section(title: string, entries: Readonly<Record<string, Bilingual>> = {}): string[] {
  if (Object.keys(entries).length === 0) return []
  return [`      ${title}:`, ...named(entries, '        ')]
}

function named(entries: Readonly<Record<string, Bilingual>>, indent: string): string[] {
  const width = Math.max(...Object.keys(entries).map((name) => name.length))
  return Object.entries(entries).flatMap(([name, { zh, en }]) => [
    `${indent}${name.padEnd(width)}  ${en}`,
    `${indent}${' '.repeat(width)}  ${zh}`,
  ])
}
