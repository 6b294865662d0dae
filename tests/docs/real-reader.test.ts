/**
 * The page about a real reader, followed as it stands: its commands in a shell, a pseudo-terminal in
 * place of the port. Only what the page tells its reader to replace is replaced.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { DeviceState } from '#devices/contract/presence.ts'
import { findCluster, openCluster } from '../../cloud/store/postgres/supervisor.ts'
import { freePorts } from '../../firmware-sim/people/ports.ts'
import { adviceFor } from '../../gateway/floor/advice.ts'
import { type Block, blocksOf, says } from './page.ts'

const root = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'hallway-page-'))
chmodSync(folder, 0o711)
const staying: { child: ChildProcess; said: () => string }[] = []

afterAll(async () => {
  for (const { child } of staying.toReversed()) {
    if (child.exitCode === null) process.kill(-child.pid!, 'SIGINT')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  const dataDir = join(folder, 'cloud')
  if ((await findCluster(dataDir)).pid !== null) {
    await (await openCluster({ dataDir, log: () => {} })).discard()
  }
  rmSync(folder, { recursive: true, force: true })
})

/** A group of its own, so that its end reaches what it started, as Ctrl-C in a terminal does. */
function shell(script: string) {
  const child = spawn('bash', ['-c', script], {
    ...{ cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  })
  let text = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
  }
  return { child, said: () => text }
}

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms))

async function stays(script: string, until: string): Promise<string> {
  const program = shell(script)
  staying.push(program)
  while (!program.said().includes(until)) {
    if (program.child.exitCode !== null) throw new Error(`${script}\n${program.said()}`)
    await wait(50)
  }
  return program.said()
}

/** What a reader does whose answer is not there yet: the same again. Keys make a repeat harmless. */
async function answers(script: string, expected: string | null): Promise<void> {
  for (let tries = 1; ; tries++) {
    const { child, said } = shell(`set -eu\n${script}`)
    const [code] = (await once(child, 'close')) as [number]
    if (code === 0 && (expected === null || says(said(), expected))) return
    if (tries === 400) expect(`${script}\n${said()}`).toBe(expected ?? 'ended well')
    await wait(250)
  }
}

/** By what each program that stays says that it is ready. */
const ready = ['ready http', 'control tcp://', 'ready hall hall-001']

it('ends with a booked card check', async () => {
  const page = readFileSync(join(root, 'docs/real-reader.md'), 'utf8')
  const put = new Map<string, string>([['data/reader', folder]])
  const ports = ['8080', '1883', '8090', '5199']
  const free = await freePorts(ports.length)
  ports.forEach((port, i) => {
    put.set(port, String(free[i]))
  })
  // In one pass: what was put in may look like what is still to be replaced.
  const mine = (text: string) =>
    text.replaceAll(new RegExp([...put.keys()].join('|'), 'g'), (from) => put.get(from)!)

  const blocks = blocksOf(page)
  const run: string[] = []
  for (const [i, block] of blocks.entries()) {
    if (block.language !== 'sh' || block.mark === 'with-a-reader') continue
    if (block.mark === 'stays') {
      const said = await stays(
        mine(block.body),
        ready[run.filter((one) => one === 'stays').length]!,
      )
      const terminal = /id_card_reader serial:(\S+)/.exec(said)
      if (terminal !== null) put.set('/dev/ttyUSB0', terminal[1]!)
    } else await answers(mine(block.body), expectedBehind(blocks, i))
    run.push(block.mark)
  }
  expect(run).toEqual([
    '',
    'stays',
    '',
    'stays',
    '',
    'stays',
    '',
    '',
    'without-a-reader',
    '',
    '',
    '',
  ])
  expect(
    expectedBehind(
      blocks,
      blocks.findLastIndex(({ language }) => language === 'sh'),
    ),
  ).toContain('"card_checked":true')
})

function expectedBehind(blocks: readonly Block[], i: number): string | null {
  const next = blocks[i + 1]
  return next?.language === 'text' && next.mark === '' ? next.body : null
}

it('names only what is there: scripts, options and files', () => {
  const page = readFileSync(join(root, 'docs/real-reader.md'), 'utf8')
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const [, script] of page.matchAll(/npm run (\w+)/g)) expect(scripts).toHaveProperty(script!)
})

it('gives for every trouble a word that a page can show', () => {
  const page = readFileSync(join(root, 'docs/real-reader.md'), 'utf8')
  const rows = page
    .split('## When it does not work')[1]!
    .split('## ')[0]!
    .matchAll(/^\| (.*?) \|/gm)
  const codes = [...rows].flatMap(([, first]) =>
    [...first!.matchAll(/`(\w+)`/g)].map(([, code]) => code!),
  )
  const counters = ['discarded_bytes', 'bad_checksums']
  const known = (code: string) =>
    adviceFor('id_card_reader', code) !== null ||
    counters.includes(code) ||
    DeviceState.options.some((state) => state === code)
  expect(codes.length).toBeGreaterThan(8)
  expect(codes.filter((code) => !known(code))).toEqual([])
})
