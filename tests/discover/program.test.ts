/**
 * `npm run discover` as its user meets it: a pseudo-terminal, devices over TCP, a silent port, one that
 * jabbers, one in use and one that is not there, all asked at once.
 */
import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { silent } from '#devices/std/log.ts'
import { openLine } from '../../firmware-sim/line.ts'
import { BusModel } from '../../firmware-sim/models/bus.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { openPseudoTerminal } from '../../firmware-sim/pseudo-terminal.ts'
import { makeDevice } from '../../firmware-sim/types.ts'
import { checkConfig } from '../../gateway/config.ts'
import { knownDeviceTypes } from '../../gateway/drivers/known-types.ts'
import { transportFor } from '../../gateway/transports/open.ts'
import { simKinds } from '../conform/bench-fixture.ts'
import { pace, seeded } from '../drivers/helpers.ts'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')

async function discover(...args: string[]) {
  const all = [join(root, 'gateway/discover/main.ts'), '--no-local', ...args]
  const { stdout } = await run(process.execPath, all)
  return stdout
}

/** Whoever answers may have to wait for a processor first. */
const patient = ['--extra-ms', '300']

const nothing: DeviceModel = { attach() {}, detach() {}, receive() {} }
const simulated = (type: string) =>
  makeDevice(simKinds.get(type)!, { pace, random: seeded(1) }, { serial: 'S-1' }).model

it('finds who is there, leaves alone who is not, and says what to write', async () => {
  const bus = new BusModel([nothing])
  bus.jabber({ pace, random: seeded(5) }, 20, 40)
  await using open = new AsyncDisposableStack()
  const port = async (model: DeviceModel) => {
    const line = open.use(await openLine(model, { pace, random: seeded(1) }))
    return `127.0.0.1:${line.port}`
  }
  const terminal = async (model: DeviceModel) =>
    open.use(await openPseudoTerminal(`tcp:${await port(model)}`)).path
  const reader = await terminal(simulated('id_card_reader'))
  const taken = await terminal(nothing)
  const pad = await port(simulated('call_pad'))
  const [mute, jabbering] = [await port(nothing), await port(bus)]
  const handlers = { onData() {}, onClose() {} }
  const user = await transportFor(`serial:${taken}`, { pace, log: silent }).open(handlers)
  const asked = [
    ...['--serial', reader, '--serial', taken, '--serial', '/dev/ttyNOBODY'],
    ...['--tcp', pad, '--tcp', mute, '--tcp', jabbering],
  ]
  const json = JSON.parse(await discover(...asked, ...patient, '--json'))
  user.close()
  bus.quiet()
  expect(
    json.asked.map(({ at, verdict }: { at: string; verdict: string }) => [at, verdict]),
  ).toEqual([
    [`serial:${reader}`, 'answered'],
    [`serial:${taken}`, 'in_use'],
    ['serial:/dev/ttyNOBODY', 'gone'],
    [`tcp://${pad}`, 'answered'],
    [`tcp://${mute}`, 'silent'],
    [`tcp://${jabbering}`, 'talks'],
  ])
  expect(json.proposals).toMatchObject([
    { at: `serial:${reader}`, type: 'id_card_reader', certain: true },
    { at: `tcp://${pad}`, type: 'call_pad', identity: 'S-1', certain: true },
  ])
  // What it proposes is a configuration.
  const config = { controller: { url: 'http://127.0.0.1:8080' }, devices: json.devices }
  expect(checkConfig(JSON.stringify(config), knownDeviceTypes)).toMatchObject({ ok: true })
})

it.each([
  ['en', 'call pad S-1', 'for devices in the gateway’s configuration:'],
  ['zh', '呼叫器 S-1', '写入网关配置的 devices：'],
])('says it in %s', async (lang, told, snippet) => {
  await using line = await openLine(simulated('call_pad'), { pace, random: seeded(1) })
  const said = await discover('--tcp', `127.0.0.1:${line.port}`, '--lang', lang, ...patient)
  expect(said).toContain(told)
  expect(said).toContain(snippet)
  expect(said).toContain(`{"device":"pad-1","type":"call_pad","at":"tcp://127.0.0.1:${line.port}"}`)
})

it.each([
  [['--tcp', 'here'], /--tcp here/],
  [['--serial', 'ttyUSB0'], /begins with/],
  [['--extra-ms', 'long'], /--extra-ms/],
  [['--lang', 'fr'], /zh, en/],
])('%j ends with 2 and one clear line', async (args, words) => {
  const failed = await discover(...args).catch((error) => error)
  expect(failed.code).toBe(2)
  expect(failed.stderr.trim()).toMatch(words)
})
