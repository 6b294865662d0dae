/**
 * The gateway's config file: JSON, checked as a whole. What is wrong is said all at once, each
 * problem with its path, so that a file is put right in one go.
 *
 * Fault `config_invalid` with one line a problem (`devices[2].at: ...`); nothing starts on a config
 * that has any. Secrets are no part of it but the one-time token, which is worth nothing once used.
 */
import { z } from 'zod'
import { Name, text } from '#devices/contract/text.ts'
import { Fault } from '#devices/std/fault.ts'
import { tooDeep } from '#devices/std/json.ts'
import { readCaFile } from './ca-file.ts'
import { busProblems } from './drivers/buses.ts'
import { readSmall } from './durable-file.ts'
import { isLoopback } from './loopback.ts'
import { parseAddress, placeOf } from './transports/address.ts'
import { xfsAddressProblem } from './xfs/address.ts'

const FILE_BYTES_MAX = 1024 * 1024
const NESTING_MAX = 12
const MIB = 1024 * 1024

const Path = text(512).min(1)
const Host = text(255).min(1)
const Port = z.int().min(0).max(65_535)

/** Who may use the local API. `file`: where a newly made token is written, once, mode 600. */
const TokenConfig = z.strictObject({
  name: Name,
  role: z.enum(['clerk', 'kiosk', 'installer', 'replay']),
  /** A token of a counter acts at that counter only. */
  counter: Name.optional(),
  file: Path.optional(),
})
export type TokenConfig = z.infer<typeof TokenConfig>

const LocalConfig = z.strictObject({
  host: Host.default('127.0.0.1'),
  /** 0 takes any free port. */
  port: Port.default(8_090),
  tls: z.strictObject({ cert_file: Path, key_file: Path }).optional(),
  tokens: z.array(TokenConfig).max(256).default([]),
  /** The same contract over the gateway's own broker; its certificates are those of `tls`. */
  mqtt: z.strictObject({ host: Host.optional(), port: Port.default(8_883) }).optional(),
})
export type LocalConfig = z.infer<typeof LocalConfig>

const ControllerConfig = z.strictObject({
  /** Where the controller is, as http:// or https://; needed for enrolment only. */
  url: z.url({ protocol: /^https?$/ }),
  /** The one-time token of an administrator; not looked at once enrolled. */
  token: text(256).min(1).optional(),
  /** Certificates to trust in place of the machine's own, PEM. */
  ca_file: Path.optional(),
})

const At = z.string().check((context) => {
  for (const message of addressProblems(context.value)) {
    context.issues.push({ code: 'custom', message, input: context.value })
  }
})

function addressProblems(at: string): string[] {
  if (/^wss?:/.test(at)) return [xfsAddressProblem(at)].filter((problem) => problem !== null)
  const parsed = parseAddress(at)
  return parsed.ok ? [] : parsed.problems
}

const DeviceConfig = z.strictObject({
  device: Name,
  type: Name,
  at: At,
  counter: Name.optional(),
  /** A card reader on a TCP link outside this machine sends cards in clear: say so here. */
  plain_link: z.literal('accepted').optional(),
  /** For wss://: certificates to trust in place of the machine's own, PEM. */
  ca_file: Path.optional(),
  options: z.record(text(64), z.unknown()).default({}),
})
export type DeviceConfig = z.infer<typeof DeviceConfig>

export const GatewayConfig = z.strictObject({
  data: Path.default('./data'),
  controller: ControllerConfig,
  /** Disk that log and telemetry may use. Near it new business is refused. */
  quota_bytes: z
    .int()
    .min(16 * MIB)
    .default(1024 * MIB),
  /** How long booked records stay for look-up in the hall. */
  retention_days: z.int().min(0).max(3_650).default(30),
  local: LocalConfig.prefault({}),
  /** `stepped`: stand still until the local API is told the time, as a replay does. */
  fact_time: z.enum(['real', 'stepped']).default('real'),
  devices: z.array(DeviceConfig).max(512).default([]),
  /** Allows MQTT and HTTP without TLS outside this machine; shown on every page. */
  insecure: z.boolean().default(false),
})
export type GatewayConfig = z.infer<typeof GatewayConfig>

export type ConfigProblem = { path: string; problem: string }
export type CheckedConfig =
  | { ok: true; config: GatewayConfig }
  | { ok: false; problems: ConfigProblem[] }

/** What the loader must know of a device type. `check` says what is wrong with its options. */
export type KnownType = {
  carries_cards: boolean
  protocol?: string
  check?(options: Readonly<Record<string, unknown>>): readonly ConfigProblem[]
}
export type KnownTypes = ReadonlyMap<string, KnownType>

/** Reads and checks the file. Fault `config_invalid`, with every problem on a line of its own. */
export async function loadConfig(path: string, types: KnownTypes): Promise<GatewayConfig> {
  const file = await readSmall(path, FILE_BYTES_MAX).catch((error: unknown) => {
    throw new Fault('config_invalid', `${path}: ${(error as Error).message}`)
  })
  if (file === null) throw new Fault('config_invalid', `${path}: no such file`)
  const checked = checkConfig(file, types)
  const missing = await fileProblems(file)
  if (checked.ok && missing.length === 0) return checked.config
  const problems = [...(checked.ok ? [] : checked.problems), ...missing]
  const lines = problems.map(({ path, problem }) => `${path}: ${problem}`)
  throw new Fault('config_invalid', `${path}\n${lines.join('\n')}`)
}

/** What is wrong with the files that a device's place needs. */
async function fileProblems(file: string): Promise<ConfigProblem[]> {
  const devices = devicesIn(file)
  const read = devices.map(async ({ ca_file }, i): Promise<ConfigProblem[]> => {
    if (typeof ca_file !== 'string') return []
    const fault = await readCaFile(ca_file).then(() => null, asFault)
    return fault === null ? [] : [{ path: `devices[${i}].ca_file`, problem: fault.detail }]
  })
  return (await Promise.all(read)).flat()
}

/** As far as they can be read; what else is wrong is said by {@link checkConfig}. */
function devicesIn(file: string): Record<string, unknown>[] {
  try {
    const raw: unknown = tooDeep(file, NESTING_MAX) ? null : JSON.parse(file)
    const devices = isRecord(raw) && Array.isArray(raw.devices) ? raw.devices : []
    return devices.map((device) => (isRecord(device) ? device : {}))
  } catch {
    return []
  }
}

function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  throw error
}

/** The same over a text, without a file. */
export function checkConfig(file: string, types: KnownTypes): CheckedConfig {
  if (tooDeep(file, NESTING_MAX)) return wrong('nested too deeply')
  let raw: unknown
  try {
    raw = JSON.parse(file)
  } catch (error) {
    return wrong(`not JSON${whereItEnds(error)}`)
  }
  const parsed = GatewayConfig.safeParse(raw)
  const shape = parsed.success ? [] : parsed.error.issues.flatMap(shapeProblems)
  const problems = [...shape, ...crossProblems(raw, types)]
  if (!parsed.success || problems.length > 0) return { ok: false, problems }
  return { ok: true, config: parsed.data }
}

/** Where the text stops being JSON; never the text itself, which may hold a token. */
function whereItEnds(error: unknown): string {
  const place = /\(line \d+ column \d+\)|at position \d+/.exec((error as Error).message)
  return place === null ? '' : `: ${place[0]}`
}

function wrong(problem: string): CheckedConfig {
  return { ok: false, problems: [{ path: '(file)', problem }] }
}

function shapeProblems(issue: z.core.$ZodIssue): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: printPath([...issue.path, key]),
      problem: 'no such setting',
    }))
  }
  return [{ path: printPath(issue.path), problem: issue.message }]
}

/** `devices[2].at`; `(file)` for the whole. */
export function printPath(path: readonly PropertyKey[]): string {
  const parts = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
  return parts.join('').replace(/^\./, '') || '(file)'
}

/**
 * Rules between settings. They look at what can be read of the raw value, so that they are also
 * reported while something else is still wrong.
 */
function crossProblems(raw: unknown, types: KnownTypes): ConfigProblem[] {
  const file = isRecord(raw) ? raw : {}
  const insecure = file.insecure === true
  return [
    ...deviceProblems(Array.isArray(file.devices) ? file.devices : [], types),
    ...localProblems(file.local ?? {}, insecure),
    ...controllerProblems(file.controller, insecure),
    ...replayProblems(file),
  ]
}

function deviceProblems(devices: readonly unknown[], types: KnownTypes): ConfigProblem[] {
  const names = devices.map((raw) => (isRecord(raw) ? raw.device : undefined))
  const lines = busProblems(devices.map(placingOf))
  return devices.flatMap((raw, i) => {
    if (!isRecord(raw)) return []
    const problems = typeProblems(raw, types, i)
    const twice = typeof raw.device === 'string' && names.indexOf(raw.device) !== i
    if (twice) problems.push({ path: `devices[${i}].device`, problem: 'named twice' })
    const other = writtenOtherwise(devices, i)
    if (other !== null) {
      const problem = `${String(other.device)} is there already; write the place the same way`
      problems.push({ path: `devices[${i}].at`, problem })
    }
    const line = lines.find(({ index }) => index === i)
    if (line !== undefined) problems.push({ path: `devices[${i}].at`, problem: line.problem })
    return problems
  })
}

/** A device before this one whose address means the same place in other words: two links to one line. */
function writtenOtherwise(devices: readonly unknown[], i: number): Record<string, unknown> | null {
  const place = placeAt(devices[i])
  if (place === null) return null
  const before = devices.slice(0, i).filter(isRecord)
  const at = (devices[i] as Record<string, unknown>).at
  return before.find((other) => other.at !== at && placeAt(other) === place) ?? null
}

function placeAt(raw: unknown): string | null {
  const parsed = isRecord(raw) && typeof raw.at === 'string' ? parseAddress(raw.at) : null
  return parsed?.ok === true ? placeOf(parsed.address) : null
}

/** What a shared line needs to know of a device, as far as it can be read. */
function placingOf(raw: unknown, i: number): Parameters<typeof busProblems>[0][number] {
  const { device, type, at, options } = isRecord(raw) ? raw : {}
  const known = isRecord(options) ? options : {}
  const place = typeof at === 'string' ? at : `(none of device ${i})`
  return { device: String(device), type: String(type), at: place, options: known }
}

function typeProblems(raw: Record<string, unknown>, types: KnownTypes, i: number): ConfigProblem[] {
  if (typeof raw.type !== 'string') return []
  const type = types.get(raw.type)
  if (type === undefined) {
    const known = [...types.keys()].join(', ')
    return [{ path: `devices[${i}].type`, problem: `unknown type; known: ${known}` }]
  }
  const found: ConfigProblem[] = []
  if (type.carries_cards && crossesNetwork(raw.at) && raw.plain_link !== 'accepted') {
    const problem = 'cards would cross the network in clear; say "accepted" to allow it'
    found.push({ path: `devices[${i}].plain_link`, problem })
  }
  const link = linkProblem(raw.at, type.protocol)
  if (link !== null) found.push({ path: `devices[${i}].at`, problem: link })
  if (raw.ca_file !== undefined && !/^wss:/.test(String(raw.at))) {
    found.push({ path: `devices[${i}].ca_file`, problem: 'is for wss:// only' })
  }
  for (const { path, problem } of type.check?.(isRecord(raw.options) ? raw.options : {}) ?? []) {
    found.push({ path: `devices[${i}].options.${path}`, problem })
  }
  return found
}

/** Some addresses carry one protocol only. */
function linkProblem(at: unknown, protocol: string | undefined): string | null {
  if (typeof at !== 'string' || protocol === undefined) return null
  const isSocket = /^wss?:/.test(at)
  if (isSocket && protocol !== 'xfs4iot') return 'ws:// and wss:// are for kiosk services'
  if (!isSocket && protocol === 'xfs4iot') return 'a kiosk service is at ws:// or wss://'
  const isPrinter = at.startsWith('lp:')
  return isPrinter && protocol !== 'esc_pos' ? 'lp: is for ticket printers' : null
}

function crossesNetwork(at: unknown): boolean {
  if (typeof at === 'string' && at.startsWith('ws:') && URL.canParse(at)) {
    return !isLoopback(new URL(at).hostname)
  }
  const parsed = typeof at === 'string' ? parseAddress(at) : null
  return parsed?.ok === true && parsed.address.kind === 'tcp' && !isLoopback(parsed.address.host)
}

function localProblems(local: unknown, insecure: boolean): ConfigProblem[] {
  if (!isRecord(local)) return []
  const problems: ConfigProblem[] = []
  const open = typeof local.host === 'string' && !isLoopback(local.host)
  if (open && local.tls === undefined && !insecure) {
    problems.push({ path: 'local.tls', problem: 'needed outside loopback' })
  }
  const mqtt = isRecord(local.mqtt) ? local.mqtt : {}
  const openMqtt = typeof mqtt.host === 'string' && !isLoopback(mqtt.host)
  if (openMqtt && local.tls === undefined && !insecure) {
    problems.push({ path: 'local.mqtt.host', problem: 'outside loopback local.tls is needed' })
  }
  const { port = 8_090, host = '127.0.0.1' } = local
  const { port: mqttPort = 8_883, host: mqttHost = host } = mqtt
  if (isRecord(local.mqtt) && port !== 0 && port === mqttPort && host === mqttHost) {
    problems.push({ path: 'local.mqtt.port', problem: 'local.port is the same' })
  }
  const tokens = Array.isArray(local.tokens) ? local.tokens : []
  const names = tokens.map((token) => (isRecord(token) ? token.name : undefined))
  names.forEach((name, i) => {
    if (typeof name === 'string' && names.indexOf(name) !== i) {
      problems.push({ path: `local.tokens[${i}].name`, problem: 'named twice' })
    }
  })
  return problems
}

function controllerProblems(controller: unknown, insecure: boolean): ConfigProblem[] {
  const url = isRecord(controller) ? controller.url : undefined
  if (typeof url !== 'string' || !URL.canParse(url)) return []
  const { protocol, hostname } = new URL(url)
  if (protocol !== 'http:' || isLoopback(hostname) || insecure) return []
  return [{ path: 'controller.url', problem: 'https:// is needed outside loopback' }]
}

/** A token that can set the time is of no use, and a danger, where time is real. */
function replayProblems(file: Record<string, unknown>): ConfigProblem[] {
  const local = isRecord(file.local) ? file.local : {}
  const tokens = Array.isArray(local.tokens) ? local.tokens : []
  if (file.fact_time === 'stepped') return []
  return tokens.flatMap((token, i) =>
    isRecord(token) && token.role === 'replay'
      ? [{ path: `local.tokens[${i}].role`, problem: 'replay needs fact_time "stepped"' }]
      : [],
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
