/** `npm run sim` as its user meets it: what it lists, refuses, opens, and that it ends when told. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'

const main = resolve(import.meta.dirname, '../../firmware-sim/main.ts')

async function configOf(value: object | string) {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-sim-'))
  const path = join(folder, 'sim.json')
  await writeFile(path, typeof value === 'string' ? value : JSON.stringify(value))
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

function start(...args: string[]) {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  const words: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  createInterface({ input: child.stderr }).on('line', (line) => words.push(line))
  const ended = once(child, 'close').then(([code]) => code as number)
  return { child, lines, words, ended }
}

async function ready({ child, lines, words }: ReturnType<typeof start>): Promise<void> {
  while (!lines.some((line) => line.startsWith('ready'))) {
    if (child.exitCode !== null) throw new Error(`ended early: ${words.join('\n')}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('lists types and faults', async () => {
  const { lines, ended } = start('--list')
  expect(await ended).toBe(0)
  for (const name of ['id_card_reader', 'call_pad', 'ticket_panel', 'ticket_printer', 'unplug']) {
    expect(lines.join('\n')).toContain(name)
  }
})

test('says all that is wrong at once, each with its path', async () => {
  await using file = await configOf({
    sed: 1,
    devices: [
      { device: 'a', type: 'call_pad', port: 15_001, faults: { noise: 2 } },
      { device: 'b', type: 'teapot', port: -1 },
    ],
  })
  const { words, ended } = start('--config', file.path, '--check')
  expect(await ended).toBe(2)
  const said = words.join('\n')
  for (const path of ['sed', 'devices.0.faults.noise', 'devices.1.type', 'devices.1.port']) {
    expect(said).toContain(`${path}:`)
  }
  await using broken = await configOf('{')
  expect(await start('--config', broken.path).ended).toBe(2)
})

test('opens its devices, lets somebody use them, and ends when told to', async () => {
  await using file = await configOf({
    devices: [
      { device: 'reader', type: 'id_card_reader', port: 0 },
      { device: 'panel', type: 'ticket_panel', port: 0, faults: { split: 0.5 } },
    ],
  })
  const sim = start('--config', file.path)
  await ready(sim)
  const { child, lines, ended } = sim
  const port = Number(/^reader id_card_reader tcp:\/\/127\.0\.0\.1:(\d+)$/.exec(lines[0]!)?.[1])
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  // Status request of the SAM protocol: the module answers success (00 00 90).
  socket.write(Buffer.from('aaaaaa9669000311ffed', 'hex'))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(answer.toString('hex')).toBe('aaaaaa9669000400009094')
  socket.destroy()
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

test('opens one device without a file, and takes its hands by a port', async () => {
  const sim = start(
    ...['--type', 'id_card_reader', '--fault', 'found_while_lying=1', '--control', '0'],
  )
  await ready(sim)
  const { child, lines, ended } = sim
  const control = Number(/control tcp:\/\/127\.0\.0\.1:(\d+)/.exec(lines.join('\n'))?.[1])
  const socket = connect(control, '127.0.0.1')
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]()
  for (const [line, answer] of [
    ['device lay_card 7', 'ok'],
    ['device dance', 'no dance'],
    ['nothing lay_card', 'no nothing'],
  ]) {
    socket.write(`${line}\n`)
    expect((await answers.next()).value).toBe(answer)
  }
  socket.destroy()
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

test.each([
  [
    'a fault of another type',
    ['--type', 'call_pad', '--fault', 'found_while_lying=1'],
    'faults.found_while_lying',
  ],
  ['a share above one', ['--type', 'call_pad', '--fault', 'crc_swapped=2'], 'faults.crc_swapped'],
  [
    'a setting of another type',
    ['--type', 'call_pad', '--set', 'protocol=mdc'],
    'settings.protocol',
  ],
  ['no share', ['--type', 'call_pad', '--fault', 'crc_swapped'], 'name=value'],
])('refuses %s', async (_what, args, words) => {
  const { words: said, ended } = start(...args, '--check')
  expect(await ended).toBe(2)
  expect(said.join('\n')).toContain(words)
})
