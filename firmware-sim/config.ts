/**
 * Configuration of `npm run sim`: simulated devices, each on a TCP port of its own. Checked as a
 * whole: Fault `config_invalid` with every problem on a line of its own, each with its path.
 */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { Name } from '#devices/contract/text.ts'
import { Fault } from '#devices/std/fault.ts'
import { unfit } from '#devices/std/setting.ts'
import { lineFaults, type SimKinds } from './types.ts'

const SimDeviceConfig = z.strictObject({
  device: Name,
  type: z.string(),
  /** 0 takes any free port, which is then printed. */
  port: z.int().min(0).max(65_535),
  host: z.string().min(1).max(255).default('127.0.0.1'),
  /** Bits a second; 0 does not pace. */
  baud: z.int().min(0).max(4_000_000).default(0),
  /** At most 16 characters; what a unit says it is. */
  serial: z
    .string()
    .regex(/^[!-~]{1,16}$/)
    .optional(),
  /** Faults of the line and of the device, each a probability; `delay_ms` is the longest delay. */
  faults: z.record(z.string(), z.number()).default({}),
  settings: z.record(z.string(), z.string().max(64)).default({}),
  /** Somebody uses it about so often; 0: nobody. */
  every_s: z.number().min(0).max(86_400).default(0),
})
export type SimDeviceConfig = z.infer<typeof SimDeviceConfig>

const SimConfigShape = z.strictObject({
  /** Replays the same faults and presses. */
  seed: z.string().max(64).optional(),
  devices: z.array(SimDeviceConfig).min(1).max(1_024),
})
export type SimConfig = z.infer<typeof SimConfigShape>

type Problem = { path: PropertyKey[]; message: string }

export function simConfigFor(kinds: SimKinds) {
  return SimConfigShape.check(({ value, issues }) => {
    for (const problem of [...doubles(value), ...value.devices.flatMap(unknownNames(kinds))]) {
      issues.push({ code: 'custom', ...problem, input: value })
    }
  })
}

function doubles({ devices }: SimConfig): Problem[] {
  const names = devices.map(({ device }) => device)
  const ports = devices.map(({ port, host }) => (port === 0 ? '' : `${host}:${port}`))
  return devices.flatMap(({ device }, i) => {
    const problems: Problem[] = []
    const add = (path: string, message: string) =>
      problems.push({ path: ['devices', i, path], message })
    if (names.indexOf(device) !== i) add('device', 'named twice')
    if (ports[i] !== '' && ports.indexOf(ports[i]!) !== i) add('port', 'taken twice')
    return problems
  })
}

function unknownNames(kinds: SimKinds) {
  return ({ type, faults, settings }: SimDeviceConfig, i: number): Problem[] => {
    const at = (...path: string[]) => ['devices', i, ...path]
    const kind = kinds.get(type)
    if (kind === undefined)
      return [{ path: at('type'), message: 'no such device type; see --list' }]
    const problems: Problem[] = []
    for (const [name, value] of Object.entries(faults)) {
      const known = Object.hasOwn(lineFaults, name) || Object.hasOwn(kind.faults ?? {}, name)
      const most = name === 'delay_ms' ? 60_000 : 1
      if (!known && name !== 'delay_ms') {
        problems.push({ path: at('faults', name), message: `no such fault of ${type}; see --list` })
      } else if (value < 0 || value > most) {
        problems.push({ path: at('faults', name), message: `must be from 0 to ${most}` })
      }
    }
    for (const [name, value] of Object.entries(settings)) {
      const known = Object.hasOwn(kind.settings ?? {}, name)
      const message = known
        ? unfit(kind.settings!, name, value)
        : `no such setting of ${type}; see --list`
      if (message !== null) problems.push({ path: at('settings', name), message })
    }
    return problems
  }
}

/** Reads and checks a JSON file against a schema. */
export async function loadJson<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Fault('config_invalid', `${path}: ${error.code}`)
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Fault('config_invalid', `${path}: not JSON: ${(error as Error).message}`)
  }
  return checkValue(value, schema, path)
}

/** `source` is where the value comes from, for the problems' first line. */
export function checkValue<S extends z.ZodType>(
  value: unknown,
  schema: S,
  source: string,
): z.output<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const lines = parsed.error.issues.flatMap((issue) => {
    const at = (path: readonly PropertyKey[]) => path.map(String).join('.') || '(file)'
    return issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => `${at([...issue.path, key])}: no such setting`)
      : [`${at(issue.path)}: ${issue.message}`]
  })
  throw new Fault(
    'config_invalid',
    `${source === '' ? 'the options' : source}\n${lines.map((line) => `  ${line}`).join('\n')}`,
  )
}
