/**
 * The controller's configuration: one JSON file, every member with a safe default.
 *
 * {@link readConfig} names every problem at once, with the path of each, and never guesses. It holds
 * no secrets: passwords in a URL belong to whoever writes the file; keys and tokens are generated
 * into the data folder. Raises `config_invalid`, `not_found`.
 */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { Fault } from '#devices/std/fault.ts'
import { fileTrouble } from '#devices/std/file-trouble.ts'

const Host = z.string().regex(/^[A-Za-z0-9.:_-]{1,253}$/, { error: 'not a host name or address' })
const Port = z.int().min(0).max(65_535)
const Path = z.string().min(1).max(4_096)

/** Certificate chain and private key, files in PEM. */
const Tls = z.strictObject({ cert: Path, key: Path })
export type Tls = z.infer<typeof Tls>

const Listen = (port: number) =>
  z.strictObject({
    host: Host.default('127.0.0.1'),
    /** 0 takes any free port. */
    port: Port.default(port),
    tls: Tls.optional(),
  })

const MqttListen = Listen(1883).extend({
  /** What gateways are told to connect to, where it differs from host and port. */
  public_url: z.url({ protocol: /^mqtts?$/ }).optional(),
})

/** Somebody else's broker. The password is read from a file, so that it is in no listing. */
const MqttUrl = z.strictObject({
  url: z.url({ protocol: /^mqtts?$/ }),
  username: z.string().max(256).optional(),
  password_file: Path.optional(),
  ca_file: Path.optional(),
  public_url: z.url({ protocol: /^mqtts?$/ }).optional(),
})

const Database = z.union([
  z.strictObject({ url: z.url({ protocol: /^postgres(ql)?$/ }) }),
  z.strictObject({
    embedded: z.literal(true).default(true),
    /** 0 takes any free port. */
    port: Port.default(0),
  }),
])

const listening = (value: unknown) =>
  typeof value !== 'object' || value === null || !Object.hasOwn(value, 'url')

/** A union would report the problems of both halves; this looks at `url` and reports one. */
const eitherByUrl = <A extends z.ZodType, B extends z.ZodType>(own: A, other: B) =>
  z.unknown().transform((value, context): z.output<A> | z.output<B> => {
    const read = (listening(value) ? own : other).safeParse(value ?? {})
    if (read.success) return read.data as z.output<A> | z.output<B>
    for (const { path, problem } of problemsOf(read.error)) {
      const at = path === '' ? [] : path.split('.')
      context.issues.push({ code: 'custom', message: problem, path: at, input: value })
    }
    return z.NEVER
  })

const [ByUrl, Embedded] = Database.options

export const ControllerConfig = z.strictObject({
  /** Keys, tokens and the embedded database live here. */
  data: Path.default('./data'),
  http: Listen(8080).prefault({}),
  mqtt: eitherByUrl(MqttListen, MqttUrl).prefault({}),
  database: eitherByUrl(Embedded, ByUrl).prefault({}),
  /** Lets HTTP and MQTT listen outside loopback without TLS. Shown red on every page. */
  insecure: z.boolean().default(false),
  /** `open`: on loopback the live page and what it reads need no login; changes always do. */
  console: z.enum(['login', 'open']).default('login'),
  log_level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
})
export type ControllerConfig = z.infer<typeof ControllerConfig>

/** Whether an address can be reached from this machine only. Names other than localhost count as not. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  return bare === 'localhost' || bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare)
}

const Address = z.union([
  z.object({ url: z.url({ protocol: /^mqtts?$/ }) }),
  z.object({ host: Host, tls: z.unknown().optional() }),
])
type Address = { url: string } | { host: string; tls?: unknown }

/** Why this listener or link may not be used as it is; null if it may. */
export function exposed(at: Address, insecure: boolean): string | null {
  if (insecure) return null
  const host = 'url' in at ? new URL(at.url).hostname : at.host
  const safe = 'url' in at ? at.url.startsWith('mqtts:') : at.tls !== undefined
  if (safe || isLoopback(host)) return null
  return `${host} is outside loopback and without TLS; give tls, or set insecure: true knowingly`
}

export type ConfigProblem = { path: string; problem: string }

export type ConfigResult =
  | { ok: true; config: ControllerConfig }
  | { ok: false; problems: ConfigProblem[] }

export function readConfig(value: unknown): ConfigResult {
  const read = ControllerConfig.safeParse(value)
  const problems = [...(read.success ? [] : problemsOf(read.error)), ...exposures(value)]
  if (read.success && problems.length === 0) return { ok: true, config: read.data }
  return { ok: false, problems }
}

/** Looked for in the raw value, so that it is reported together with whatever else is wrong. */
function exposures(value: unknown): ConfigProblem[] {
  const raw = (value ?? {}) as Record<string, unknown>
  const links = { http: Address.safeParse(raw.http), mqtt: Address.safeParse(raw.mqtt) }
  return Object.entries(links).flatMap(([path, link]) => {
    const problem = link.success ? exposed(link.data, raw.insecure === true) : null
    return problem === null ? [] : [{ path, problem }]
  })
}

/** One line a problem; unknown members are named one by one. */
export function problemsOf(error: z.ZodError): ConfigProblem[] {
  return error.issues.flatMap((issue) => {
    const at = issue.path.map(String)
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...at, key].join('.'), problem: 'unknown member' }))
    }
    return [{ path: at.join('.'), problem: issue.message }]
  })
}

/** Reads the file at `path`. `config_invalid` lists every problem, one a line. */
export async function loadConfig(path: string): Promise<ControllerConfig> {
  const text = await readFile(path, 'utf8').catch((cause) => {
    if ((cause as { code?: unknown }).code === 'ENOENT')
      throw new Fault('not_found', path, { cause })
    throw new Fault('config_invalid', fileTrouble(cause) ?? path, { cause })
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new Fault('config_invalid', `${path}: not JSON`, { cause })
  }
  const result = readConfig(value)
  if (result.ok) return result.config
  const lines = result.problems.map(
    ({ path: at, problem }) => `  ${at || '(whole file)'}: ${problem}`,
  )
  throw new Fault('config_invalid', `${path}\n${lines.join('\n')}`)
}
