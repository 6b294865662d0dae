/** `npm run conform` as its user meets it, against `npm run sim` in a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { canariesOf, cardOf } from '../../firmware-sim/people/cards.ts'
import { tracesOf } from './traces.ts'

const root = resolve(import.meta.dirname, '../..')

function start(program: string, ...args: string[]) {
  const child = spawn(process.execPath, [join(root, program), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => said.push(line))
  }
  const ended = once(child, 'close').then(([code]) => code as number)
  return { child, said, ended }
}

async function simulated(type: string, ...args: string[]) {
  const sim = start('firmware-sim/main.ts', '--type', type, '--control', '0', ...args)
  while (!sim.said.some((line) => line.startsWith('ready'))) {
    if (sim.child.exitCode !== null) throw new Error(`ended early: ${sim.said.join('\n')}`)
    await new Promise((wait) => setTimeout(wait, 20))
  }
  const find = (form: RegExp) => form.exec(sim.said.join('\n'))![1]!
  return {
    at: find(/((?:tcp|ws):\/\/\S+)/),
    serial: /(serial:\S+)/.exec(sim.said.join('\n'))?.[1],
    hands: `${find(/control tcp:\/\/(\S+)/)}/device`,
    async [Symbol.asyncDispose]() {
      sim.child.kill('SIGTERM')
      await sim.ended
    },
  }
}

async function conform(...args: string[]) {
  const { said, ended, child } = start('gateway/conform/main.ts', ...args)
  child.stdin.end()
  return { code: await ended, said: said.join('\n') }
}

async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'hallway-conform-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

test('a right reader: all passes, with a report in both forms and a contribution, none with a card', async () => {
  await using sim = await simulated('id_card_reader')
  await using out = await folder()
  const [report, gift] = [join(out.path, 'report'), join(out.path, 'gift.json')]
  const { code, said } = await conform(
    ...['--type', 'id_card_reader', '--at', sim.at, '--hands', sim.hands],
    ...['--report', report, '--contribute', gift, '--lang', 'zh'],
  )
  expect(code).toBe(0)
  expect(said).toContain('合格: read')
  const html = await readFile(`${report}.html`, 'utf8')
  const json = JSON.parse(await readFile(`${report}.json`, 'utf8'))
  expect(json.counts).toMatchObject({ fail: 0, not_tried: 0 })
  expect(html).toContain('<html lang="zh"')
  // Nothing to fetch: one file is the whole report.
  expect(html).not.toMatch(/(src|href)=/)
  const given = [said, html, JSON.stringify(json), await readFile(gift, 'utf8')].join('\n')
  expect(tracesOf(canariesOf(cardOf('sim', 1)), given)).toEqual([])
})

test('a wrong one: ends with 1 and names it, with what was sent and what came', async () => {
  await using sim = await simulated('call_pad', '--fault', 'crc_swapped=1')
  const { code, said } = await conform(
    ...['--type', 'call_pad', '--at', sim.at, '--unattended', '--lang', 'en', '--timeout', '1500'],
  )
  expect(code).toBe(1)
  expect(said).toMatch(/fail: identity, identity: the CRC bytes are swapped/)
  expect(said).toMatch(/sent 01 04 00 00 00 0C F0 0F/)
})

test('over a pseudo-terminal, in both languages, nobody there', async () => {
  await using sim = await simulated('ticket_printer', '--pty')
  expect(sim.serial).toBeDefined()
  const { code, said } = await conform(
    ...['--type', 'ticket_printer', '--at', sim.serial!, '--unattended'],
  )
  expect(said).toMatch(/pass \/ 合格: process_id/)
  expect(said).toMatch(/not tried \/ 未测: cover_open/)
  expect(code).toBe(0)
  // The first run closed the terminal: it is there again, as a serial port would be.
  const again = await conform(...['--type', 'ticket_printer', '--at', sim.serial!, '--unattended'])
  expect(again.code).toBe(0)
})

test.each([
  ['nobody there', ['--type', 'call_pad', '--at', 'tcp://127.0.0.1:1'], /not connected/],
  ['no such type', ['--type', 'teapot', '--at', 'tcp://127.0.0.1:1'], /--type teapot/],
  ['no such address', ['--type', 'call_pad', '--at', 'here'], /--at here/],
  [
    'no such setting',
    ['--type', 'call_pad', '--at', 'tcp://127.0.0.1:1', '--set', 'a=b'],
    /knows address/,
  ],
  ['no address', ['--type', 'call_pad'], /--at/],
  [
    'an address no unit has',
    ['--type', 'call_pad', '--at', 'tcp://127.0.0.1:1', '--set', 'address=300'],
    /address: it may not be 300/,
  ],
  ['no WebSocket', ['--type', 'xfs4iot', '--at', 'tcp://127.0.0.1:1'], /must begin with ws:/],
])('%s: ends with 2 and one clear line', async (_what, args, words) => {
  const { code, said } = await conform(...args)
  expect(code).toBe(2)
  expect(said).toMatch(words)
  expect(said.split('\n')).toHaveLength(1)
})

test('a kiosk service, over its WebSocket', async () => {
  await using sim = await simulated('xfs4iot')
  const { code, said } = await conform('--type', 'xfs4iot', '--at', sim.at, '--unattended')
  expect(said).toMatch(/^pass \/ 合格: driver_online/)
  expect(code).toBe(0)
})

test('a device that nobody can ask while nobody is there: nothing tried is not taken for good', async () => {
  await using sim = await simulated('ff68_rater')
  const at = ['--type', 'ff68_rater', '--at', sim.at]
  const nobody = await conform(...at, '--unattended')
  expect(nobody.said).toMatch(/nothing could be tried: .* without --unattended/)
  expect(nobody.said).toMatch(/sim -- --every 2/)
  expect(nobody.code).toBe(2)
  // A person who left: no word of an option that was not given.
  const left = await conform(...at)
  expect(left.said).toMatch(/nothing could be tried: nobody did/)
  expect(left.said).not.toMatch(/without --unattended|去掉 --unattended/)
  expect(left.said).toMatch(/sim -- --every 2/)
  expect(left.code).toBe(2)
})

test.concurrent.each(['ff68_pad', 'ff68_rater', 'service_password_pad'])(
  '%s that is used now and then is tried though nobody is there',
  async (type) => {
    await using sim = await simulated(type, '--every', '2')
    const { code, said } = await conform('--type', type, '--at', sim.at, '--unattended')
    expect(said).not.toMatch(/nothing could be tried|^(fail|differs)/m)
    expect(said).toMatch(/^pass/)
    expect(code).toBe(0)
  },
)

test('a report that cannot be written is said, not lost in silence', async () => {
  await using sim = await simulated('ticket_panel')
  const { code, said } = await conform(
    ...['--type', 'ticket_panel', '--at', sim.at, '--unattended', '--report', '/no/such/folder/r'],
  )
  expect(code).toBe(2)
  expect(said).toMatch(/\/no\/such\/folder\/r\.json: ENOENT/)
  await expect(stat('/no/such')).rejects.toThrow()
})
