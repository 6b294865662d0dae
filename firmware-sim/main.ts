/**
 * `npm run sim`: simulated devices over TCP, for whoever has no hardware at hand. One device by
 * `--type`, several by `--config`. Runs until it is told to stop.
 */
import { Command } from 'commander'
import { sleep } from '#devices/std/clock.ts'
import { Fault, isFault } from '#devices/std/fault.ts'
import { jittered } from '#devices/std/random.ts'
import { whole } from '#devices/std/setting.ts'
import {
  checkValue,
  loadJson,
  type SimConfig,
  type SimDeviceConfig,
  simConfigFor,
} from './config.ts'
import { openControl } from './control.ts'
import { type LineFaults, openLine } from './line.ts'
import { listing } from './listing.ts'
import { XfsServiceModel } from './models/xfs4iot.ts'
import { realPace } from './pace.ts'
import { seeded } from './people/seeded.ts'
import { untilStopped } from './people/stop.ts'
import { runPlayback } from './playback/run.ts'
import { openPseudoTerminal } from './pseudo-terminal.ts'
import type { Hands, SimDevice } from './sim-kind.ts'
import { lineFaults, loadKinds, makeDevice, type SimKinds } from './types.ts'
import { openXfsLine } from './xfs-line.ts'

const collect = (value: string, before: string[]) => [...before, value]

const program = new Command('sim')
  .description(
    'Simulated devices: each a type on a TCP port or a pseudo-terminal, with faults as wished.',
  )
  .option('--config <file>', 'the devices, JSON')
  .option('--check', 'check the configuration and exit')
  .option('--list', 'list device types, what is assumed of them, settings and faults, and exit')
  .option('--type <type>', 'one device of this type, without a file')
  .option('--port <port>', 'its TCP port; 0 takes any free one', '0')
  .option('--fault <name=p>', 'a fault and its probability (again for more)', collect, [])
  .option('--set <name=value>', 'a setting of the type (again for more)', collect, [])
  .option(
    '--every <seconds>',
    'somebody uses it about so often; what speaks only when pressed (ff68_pad, ff68_rater, ' +
      'service_password_pad) can then be tried by npm run conform with --unattended: --every 2',
  )
  .option('--baud <baud>', 'paced as a serial line of this speed')
  .option('--serial <text>', 'what the device says it is')
  .option('--seed <text>', 'replays the same faults and presses')
  .option('--pty', 'on a pseudo-terminal too (needs socat); its path is printed')
  .option(
    '--control <port>',
    'a port that takes the simulated hands, one line each: DEVICE HAND [ARGUMENT]',
  )
  .option('--play <file>', 'a recording of a gateway, played back as its device')
  .option('--speed <k>', 'with --play: pauses divided by this, repetitions left out', '1')
  .addHelpText(
    'after',
    `
Examples:
  npm run sim -- --list
  npm run sim -- --type id_card_reader --port 5101 --every 10
  npm run sim -- --type ticket_printer --port 9100 --fault no_process_id=1
  npm run sim -- --type hall_display --set protocol=mdc --fault broadcast_answered=1
  npm run sim -- --type ff68_pad --port 5103 --every 2  # then, with nobody there:
  npm run conform -- --type ff68_pad --at tcp://127.0.0.1:5103 --unattended
  npm run sim -- --play reader-1.jsonl --port 5101 --speed 5
  npm run sim -- --type call_pad --port 5102 --pty      # or, by hand:
  socat pty,raw,echo=0,link=/tmp/pad tcp:127.0.0.1:5102`,
  )
  .parse()

type Flags = {
  config?: string
  check?: boolean
  list?: boolean
  type?: string
  port: string
  fault: string[]
  set: string[]
  every?: string
  baud?: string
  serial?: string
  seed?: string
  pty?: boolean
  control?: string
  play?: string
  speed: string
}

async function run(config: SimConfig, kinds: SimKinds, { pty, control }: Flags): Promise<void> {
  const controlled = control === undefined ? null : portOf('control', control)
  await using open = new AsyncDisposableStack()
  const seed = config.seed ?? String(Math.random())
  const stop = untilStopped()
  const hands = new Map<string, Hands>()
  for (const [i, device] of config.devices.entries()) {
    const random = seeded(seed, device.device)
    const parts = { pace: realPace, random }
    const { serial = `SIM${i + 1}`, settings, host, port, baud } = device
    const { line: onLine, own } = apart(device.faults)
    const made = makeDevice(kinds.get(device.type)!, parts, { serial, settings, faults: own })
    hands.set(device.device, made.hands ?? {})
    if (device.every_s > 0) void useOften(made, device, { random, signal: stop.signal })
    if (made.model instanceof XfsServiceModel) {
      // Spoken over a WebSocket and nothing else: the line's own faults are not for it.
      if (pty === true)
        throw new Fault('config_invalid', `--pty: ${device.type} is no serial device`)
      const kiosk = open.use(await openXfsLine({ [device.device]: made.model }, { host, port }))
      console.log(`${device.device} ${device.type} ${kiosk.uri(device.device)}`)
      continue
    }
    const line = open.use(await openLine(made.model, parts, { host, port, baud, faults: onLine }))
    console.log(`${device.device} ${device.type} tcp://${host}:${line.port}`)
    if (pty === true) {
      const terminal = open.use(await openPseudoTerminal(`tcp:${host}:${line.port}`))
      console.log(`${device.device} ${device.type} serial:${terminal.path}`)
    }
  }
  if (controlled !== null) {
    const port = open.use(await openControl(hands, controlled)).port
    console.log(`control tcp://127.0.0.1:${port}`)
  }
  console.log(`ready ${config.devices.length} devices`)
  await stop.asked
}

function apart(faults: Readonly<Record<string, number>>) {
  const isLine = ([name]: [string, number]) =>
    name === 'delay_ms' || Object.hasOwn(lineFaults, name)
  const all = Object.entries(faults)
  return {
    line: Object.fromEntries(all.filter(isLine)) as Partial<LineFaults>,
    own: Object.fromEntries(all.filter((entry) => !isLine(entry))),
  }
}

function portOf(flag: string, text: string): number {
  if (whole(0, 65_535)(text)) return Number(text)
  throw new Fault('config_invalid', `--${flag} ${text}: must be from 0 to 65535`)
}

type Using = { random: () => number; signal: AbortSignal }

async function useOften(
  { use }: SimDevice,
  { device, every_s }: SimDeviceConfig,
  { random, signal }: Using,
): Promise<void> {
  while (use !== null && !signal.aborted) {
    await sleep(realPace, jittered(random, every_s * 1_000), 'use')
    const what = await use().catch((error: unknown) => {
      if (!isFault(error)) throw error
      return error.code
    })
    console.log(`${device} ${what}`)
  }
}

/** The one device of the short form, as a configuration says it. */
function deviceOf(flags: Flags): object {
  const { type, port, fault, set, every, baud, serial } = flags
  const pairs = (list: string[], name: string) =>
    list.map((text): [string, string] => {
      const at = text.indexOf('=')
      if (at < 1) throw new Fault('config_invalid', `--${name} ${text}: must be name=value`)
      return [text.slice(0, at), text.slice(at + 1)]
    })
  const faults = pairs(fault, 'fault').map(([name, p]) => [name, Number(p)])
  return {
    device: 'device',
    type,
    port: Number(port),
    faults: Object.fromEntries(faults),
    settings: Object.fromEntries(pairs(set, 'set')),
    ...(every === undefined ? {} : { every_s: Number(every) }),
    ...(baud === undefined ? {} : { baud: Number(baud) }),
    ...(serial === undefined ? {} : { serial }),
  }
}

async function main(flags: Flags): Promise<void> {
  const { config, check, list, type, seed, play } = flags
  if (play !== undefined) {
    await runPlayback(play, { port: portOf('port', flags.port), speed: Number(flags.speed) })
    process.exit()
  }
  const kinds = await loadKinds()
  if (list === true) return console.log(listing(kinds))
  if ((config === undefined) === (type === undefined)) {
    return program.error('one of --config FILE, --type TYPE, --play FILE and --list is needed')
  }
  const schema = simConfigFor(kinds)
  const checked =
    config === undefined
      ? checkValue(
          { devices: [deviceOf(flags)], ...(seed === undefined ? {} : { seed }) },
          schema,
          '',
        )
      : await loadJson(config, schema)
  if (check === true) return console.log(`${config ?? type}: no problems`)
  await run(checked, kinds, flags)
  process.exit()
}

try {
  await main(program.opts<Flags>())
} catch (error) {
  if (!isFault(error)) throw error
  console.error(`sim: ${error.message}`)
  process.exit(error.code === 'config_invalid' ? 2 : 1)
}
