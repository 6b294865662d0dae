/**
 * The telemetry catalogue: every measurement a gateway sends on its `telemetry` topic, with its tags,
 * fields, units and meaning, and how a point is written (InfluxDB line protocol, times in ms). The
 * hall is the topic's, so that no gateway can write another's. Nothing personal is in any of it.
 * `printPoint` refuses nothing: texts are cut, what is not a finite number is left out.
 */
import { DeviceState } from './presence.ts'

export type FieldKind = 'integer' | 'float' | 'text' | 'yes_no'
export type Field = { kind: FieldKind; unit: string; zh: string; en: string }
export type Measurement = {
  zh: string
  en: string
  tags: readonly string[]
  fields: Readonly<Record<string, Field>>
}

const count = (zh: string, en: string): Field => ({ kind: 'integer', unit: '', zh, en })

export const measurements = {
  device: {
    zh: '设备状态',
    en: 'state of a device: at every change and once a minute',
    tags: ['device', 'type', 'counter'],
    fields: {
      state: { kind: 'text', unit: '', zh: '状态', en: 'state, one of the list below' },
      state_code: count('状态序号', 'the same as a number: its place in that list, from 0'),
      reason: { kind: 'text', unit: '', zh: '原因', en: 'why, as a code' },
      since_ms: {
        kind: 'integer',
        unit: 'ms',
        zh: '起始时间',
        en: 'since when, ms since 1970 UTC',
      },
      identity: { kind: 'text', unit: '', zh: '设备编号', en: 'SAM id or serial number' },
      firmware: { kind: 'text', unit: '', zh: '固件', en: 'firmware version' },
      binding: {
        kind: 'text',
        unit: '',
        zh: '绑定',
        en: 'nameless, unconfirmed, unbound, bound, wrong_place or stranger',
      },
      frames_in: count('收到报文', 'frames received since the gateway started'),
      frames_out: count('发出报文', 'frames sent'),
      discarded_bytes: {
        kind: 'integer',
        unit: 'bytes',
        zh: '丢弃字节',
        en: 'bytes that were no frame',
      },
      bad_checksums: count('校验错误', 'frames with a wrong checksum'),
      timeouts: count('超时', 'questions without an answer in time'),
      reconnects: count('重连', 'attempts to connect again'),
      floods: count('刷屏', 'times it sent more than any answer has'),
      unasked_frames: count('多余报文', 'frames nobody asked for'),
      wrong_answers: count('错误应答', 'frames that answer another question'),
      unknown_events: count('未知事件', 'events of no known meaning'),
      repeats: count('重复', 'events that came again'),
    },
  },
  consumable: {
    zh: '耗材',
    en: 'what a device uses up: at every change and once a minute',
    tags: ['device', 'type', 'counter', 'name'],
    fields: { level: { kind: 'text', unit: '', zh: '余量', en: 'ok, low or out' } },
  },
  reading: {
    zh: '读数',
    en: 'a number a device gives of itself, by name with its unit',
    tags: ['device', 'type', 'counter', 'name'],
    fields: { value: { kind: 'float', unit: 'as named', zh: '数值', en: 'the last one' } },
  },
  gateway: {
    zh: '网关',
    en: 'the gateway itself, once a minute',
    tags: [],
    fields: {
      memory_bytes: { kind: 'integer', unit: 'bytes', zh: '内存', en: 'resident memory' },
      uptime_s: { kind: 'integer', unit: 's', zh: '运行时间', en: 'since the program started' },
      log_seq: count('日志序号', 'number of the last record of this epoch'),
      unbooked: count('未入账', 'records no receipt covers yet'),
      log_bytes: { kind: 'integer', unit: 'bytes', zh: '日志大小', en: 'hall log on disk' },
      skew_ms: { kind: 'integer', unit: 'ms', zh: '时钟偏差', en: 'wall clock less the cloud’s' },
      telemetry_lost: count('丢失测点', 'points dropped because the link was away too long'),
    },
  },
} as const satisfies Record<string, Measurement>

export type MeasurementName = keyof typeof measurements
export type FieldValue = string | number | boolean | null | undefined
export type Point<Name extends MeasurementName = MeasurementName> = {
  measurement: Name
  tags: Readonly<Record<string, string | null>>
  fields: Readonly<Partial<Record<keyof (typeof measurements)[Name]['fields'], FieldValue>>>
  at_ms: number
}

/** One payload holds at most this much. */
export const TELEMETRY_BYTES_MAX = 64 * 1024
const TEXT_MAX = 256

/** A line without its end; null when no field has a value. */
export function printPoint({ measurement, tags, fields, at_ms }: Point): string | null {
  const known = measurements[measurement].fields as Readonly<Record<string, Field>>
  const printed = Object.entries(fields).flatMap(([name, value]) => {
    const text = printField(known[name], value as FieldValue)
    return text === null ? [] : [`${key(name)}=${text}`]
  })
  if (printed.length === 0) return null
  const named = Object.entries(tags).flatMap(([name, value]) =>
    value === null || value === '' ? [] : [`,${key(name)}=${key(value.slice(0, TEXT_MAX))}`],
  )
  return `${measurement}${named.sort().join('')} ${printed.join(',')} ${Math.round(at_ms)}`
}

function printField(field: Field | undefined, value: FieldValue): string | null {
  if (field === undefined || value === null || value === undefined) return null
  switch (field.kind) {
    case 'integer':
      return Number.isSafeInteger(value) ? `${value}i` : null
    case 'float':
      return Number.isFinite(value) ? String(value) : null
    case 'yes_no':
      return typeof value === 'boolean' ? String(value) : null
    case 'text':
      return typeof value === 'string' ? `"${quoted(value.slice(0, TEXT_MAX))}"` : null
  }
}

function quoted(text: string): string {
  return flat(text).replaceAll(/["\\]/g, '\\$&')
}

/** Tag keys, tag values and field keys. */
function key(text: string): string {
  return flat(text).replaceAll('\\', '/').replaceAll(/[ ,=]/g, '\\$&')
}

/** A line break would end the point. */
function flat(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.toWellFormed().replaceAll(/[\u0000-\u001f\u007f]/g, ' ')
}

/** The states by their number in telemetry. */
export const stateCodes: readonly DeviceState[] = DeviceState.options

export function stateCode(state: DeviceState): number {
  return stateCodes.indexOf(state)
}
