/**
 * The simulated devices and people of the demonstration halls, in one process of their own. First the
 * devices' ports are printed, one line of JSON; people come as soon as the gateways answer.
 */
import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { sleep } from '#devices/std/clock.ts'
import { silent } from '#devices/std/log.ts'
import { realPace } from '../pace.ts'
import { deviceConfigs, openHardware } from '../people/hardware.ts'
import { httpClient } from '../people/http.ts'
import { demoHalls } from './halls.ts'
import { livelyHall } from './people.ts'

const program = new Command('demo')
  .description('Simulated devices and people of the demonstration halls; started by npm start.')
  .requiredOption('--config <file>', '{"halls":[{"hall","local","token_file"}]}, JSON')
  .parse()

type Config = { halls: { hall: string; local: string; token_file: string }[] }

let stopping = false
for (const event of ['SIGINT', 'SIGTERM', 'disconnect'] as const) {
  process.once(event, () => {
    stopping = true
    process.exit()
  })
}

const { config } = program.opts<{ config: string }>()
const { halls } = JSON.parse(await readFile(config, 'utf8')) as Config
const open = await Promise.all(
  halls.map(async (place) => {
    const about = demoHalls.find(({ hall }) => hall === place.hall)
    if (about === undefined) return program.error(`no such demonstration hall: ${place.hall}`)
    const hardware = await openHardware(
      { pace: realPace, random: Math.random },
      { counters: about.rules.counters, port: 0, answer_hold_ms: 250, more: about.more },
    )
    return { place, about, hardware }
  }),
)
const devices = open.map(({ place, hardware }) => [place.hall, deviceConfigs(hardware)])
console.log(`devices ${JSON.stringify(Object.fromEntries(devices))}`)

await Promise.all(
  open.map(async ({ place, about, hardware }) => {
    const token = await tokenFrom(place.token_file)
    const local = httpClient(place.local, token, 16)
    await livelyHall({ about, hardware, local, log: silent, stopping: () => stopping })
  }),
)

/** The gateway writes it when it is started for the first time. */
async function tokenFrom(file: string): Promise<string> {
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.trim() !== '') return text.trim()
    await sleep(realPace, 100, 'token')
  }
}
