/**
 * `npm run discover`: who is plugged into this machine, or stands behind a TCP port. Asks only what
 * changes nothing, believes no vendor id, and prints what a gateway's configuration would say.
 * Ends with 0, also where nobody answered; 2 where it could not begin.
 */
import { Command, Option } from 'commander'
import { Fault, isFault } from '#devices/std/fault.ts'
import { silent } from '#devices/std/log.ts'
import { isLoopback } from '../loopback.ts'
import { realPace } from '../pace.ts'
import { leavesMachine, parseAddress } from '../transports/address.ts'
import { sharedParts } from '../transports/open.ts'
import { discoverXfs } from '../xfs/discover.ts'
import { askDefaults, askPlace, type Report } from './ask.ts'
import { localPlaces, type Place, serialPlace, tcpPlaceOf } from './places.ts'
import { configOf, type Language, serviceLines, snippet, speaker, table } from './report.ts'

/** Ports asked at the same time. */
const at_once = 8

const collect = (value: string, before: string[]) => [...before, value]

const program = new Command('discover')
  .description('Asks who is plugged in. 查找已接入的设备')
  .option('--tcp <host:port>', 'a TCP port to ask (again for more)', collect, [])
  .option('--serial <path>', 'a serial port to ask, where it is not listed', collect, [])
  .option('--xfs <host>', 'a kiosk to ask for its XFS4IoT services (again for more)', collect, [])
  .option('--no-local', 'only what is named here, not the ports of this machine')
  .option('--every-unit', 'Modbus units 10 and 13 too, though no other answers')
  .option('--extra-ms <ms>', 'more time for every answer, behind a slow serial server', '0')
  .option('--json', 'one JSON object')
  .addOption(new Option('--lang <lang>', 'of what is printed; both without').choices(['zh', 'en']))
  .addHelpText(
    'after',
    `
A port that is opened may move its modem lines. A printer that cannot answer is sent bytes of other
protocols, none of which moves paper; --no-local asks only what is named. Many serial servers take one
link at a time: stop a gateway that uses a TCP port before asking there.

Examples:
  npm run discover
  npm run discover -- --no-local --tcp 192.0.2.10:4001 --tcp 192.0.2.10:4002 --lang zh`,
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

type Flags = {
  tcp: string[]
  serial: string[]
  xfs: string[]
  local: boolean
  everyUnit?: boolean
  extraMs: string
  json?: boolean
  lang?: Language
}

function placesOf({ tcp, serial, local }: Flags): Place[] {
  const named = tcp.map((text) => {
    const place = tcpPlaceOf(text)
    if (place === null) throw new Fault('config_invalid', `--tcp ${text}: must be host:port`)
    return place
  })
  for (const path of serial) {
    const parsed = parseAddress(`serial:${path}`)
    if (!parsed.ok)
      throw new Fault('config_invalid', `--serial ${path}: ${parsed.problems.join('; ')}`)
  }
  const all = [...(local ? localPlaces() : []), ...serial.map(serialPlace), ...named]
  return [...new Map(all.map((place) => [place.at, place])).values()]
}

async function askAll(places: readonly Place[], extra_ms: number, every_unit: boolean) {
  const parts = { pace: realPace, shared: sharedParts({ pace: realPace, log: silent }) }
  const waiting = [...places.entries()]
  const reports: Report[] = []
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [i, place] = next
      reports[i] = await askPlace(place, parts, { ...askDefaults, extra_ms, every_unit })
    }
  }
  await Promise.all(Array.from({ length: at_once }, worker))
  return reports
}

async function main(flags: Flags): Promise<void> {
  const extra_ms = Number(flags.extraMs)
  if (!(extra_ms >= 0 && extra_ms <= 10_000)) {
    throw new Fault('config_invalid', '--extra-ms must be 0 to 10000')
  }
  const places = placesOf(flags)
  const [reports, services] = await Promise.all([
    askAll(places, extra_ms, flags.everyUnit === true),
    Promise.all(flags.xfs.map((host) => discoverXfs(host, { pace: realPace }))),
  ])
  const proposals = reports.flatMap((report) => report.proposals)
  const found = services.flat()
  if (flags.json === true) {
    const asked = reports.map(({ at, node, says, verdict, detail }) => {
      return { at, node, says, verdict, detail }
    })
    return console.log(
      JSON.stringify({ asked, proposals, services: found, devices: configOf(proposals) }),
    )
  }
  const say = speaker(flags.lang)
  const kiosks = found.length === 0 ? [] : [serviceLines(found, say)]
  console.log([table(reports, say), ...kiosks, '', snippet(proposals, say, isClear)].join('\n'))
}

function isClear(at: string): boolean {
  const parsed = parseAddress(at)
  return parsed.ok && leavesMachine(parsed.address, isLoopback)
}

try {
  await main(program.opts<Flags>())
  process.exit()
} catch (error) {
  if (!isFault(error)) throw error
  console.error(`discover: ${error.message}`)
  process.exit(2)
}
