/**
 * The worked example of a device class of one's own, built from exactly the blocks the text shows, in
 * a copy of the repository: it type-checks, keeps the house's form, and works from wire to telemetry.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Block, blocksOf } from './page.ts'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')
const copy = mkdtempSync(join(tmpdir(), 'hallway-example-'))
const registry = 'devices/types/index.ts'
const files = [
  'devices/types/door-counter.ts',
  registry,
  'firmware-sim/models/door-counter.ts',
  'tests/golden/door-counter.json',
]
const running: ChildProcess[] = []

function example(): Block[] {
  const blocks = blocksOf(readFileSync(join(root, 'README.md'), 'utf8'))
  const found = blocks.filter(({ file }) => file !== null && files.includes(file))
  if (found.length !== files.length) throw new Error('README.md does not show the four files')
  return found
}

/** The lines of the registry's block go where such lines are. */
function withLines(text: string, lines: readonly string[]): string {
  const imports = (all: readonly string[]) => all.filter((line) => line.startsWith('import '))
  const old = text.split('\n')
  const sorted = [...imports(old), ...imports(lines)].toSorted((a, b) =>
    from(a) < from(b) ? -1 : 1,
  )
  const entries = lines.filter((line) => !line.startsWith('import '))
  const rest = old.filter((line) => !line.startsWith('import '))
  const head = rest.indexOf(' */') + 1
  const body = rest
    .slice(head)
    .flatMap((line) => (line.startsWith('} as const') ? [...entries, line] : [line]))
  return [...rest.slice(0, head), ...sorted, ...body].join('\n')
}

const from = (line: string) => /'([^']+)'/.exec(line)![1]!

beforeAll(() => {
  const sources = ['bin', 'cloud', 'devices', 'firmware-sim', 'gateway', 'tests']
  const settings = ['.gitignore', 'biome.json', 'package.json', 'tsconfig.json', 'vitest.config.ts']
  for (const path of [...sources, ...settings]) {
    cpSync(join(root, path), join(copy, path), { recursive: true })
  }
  // Whoever uses the registry; the controller and most tests do not.
  const users = { extends: './tsconfig.json', include: ['gateway', 'firmware-sim'] }
  writeFileSync(join(copy, 'tsconfig.users.json'), JSON.stringify(users))
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  for (const { file, body } of example()) {
    const path = join(copy, file!)
    const text =
      file === registry ? withLines(readFileSync(path, 'utf8'), body.split('\n')) : `${body}\n`
    writeFileSync(path, text)
  }
})

afterAll(async () => {
  for (const child of running) {
    child.kill('SIGTERM')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  rmSync(copy, { recursive: true, force: true })
})

/** What a program of the copy says; what it says before it fails is in the failure. */
async function said(program: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await run(program, args, { cwd: copy }).catch((error) => {
    throw new Error(`${program} ${args.join(' ')}\n${error.stdout}\n${error.stderr}`)
  })
  return stdout + stderr
}

const tool = (name: string) => join(root, 'node_modules/.bin', name)

it('has four files that are short', () => {
  expect(example().map(({ file }) => file)).toEqual(files)
  const lines = example().flatMap(({ body }) => body.split('\n'))
  expect(lines.length).toBeLessThan(190)
  expect(lines.filter((line) => line.length > 100)).toEqual([])
})

it('type-checks, its type as pure as all of them, in the form of the house', async () => {
  await said(tool('tsc'), '-p', 'devices/tsconfig.json')
  await said(tool('tsc'), '-p', 'tsconfig.users.json')
  await said(tool('biome'), 'ci', '--error-on-warnings', ...files)
})

it('is in the registry with everything that belongs to a type', async () => {
  await said(tool('vitest'), 'run', 'tests/devices/registry.test.ts')
})

it('is read, pressed, shown and sent as telemetry', async () => {
  const seen = JSON.parse(await said(process.execPath, 'tests/docs/new-device-check.ts'))
  expect(seen).toMatchObject({
    state: 'online',
    readings: { people_inside_count: 3 },
    counters: { bad_checksums: 0, discarded_bytes: 0 },
    tickets: 2,
  })
  expect(seen.telemetry).toContainEqual(
    'reading,counter=1,device=door-1,name=people_inside_count,type=door_counter value=3 1000',
  )
})

it.each([
  ['as it should be', [], 0, /pass.*driver_online/],
  ['with a wrong checksum', ['--fault', 'wrong_sum=1'], 1, /fail.*driver_online.*wrong checksum/],
])('is simulated %s, and the conformance kit says so', async (_what, faults, code, words) => {
  const sim = spawn(
    process.execPath,
    ['firmware-sim/main.ts', '--type', 'door_counter', ...faults],
    {
      ...{ cwd: copy, stdio: ['ignore', 'pipe', 'inherit'] },
    },
  )
  running.push(sim)
  let text = ''
  for await (const chunk of sim.stdout!) {
    text += chunk
    if (text.includes('ready')) break
  }
  const at = /(tcp:\S+)/.exec(text)![1]!
  const kit = ['gateway/conform/main.ts', '--type', 'door_counter', '--unattended', '--lang', 'en']
  const tried = run(process.execPath, [...kit, '--at', at], { cwd: copy })
  const { stdout, code: ended = 0 } = await tried.catch((error) => error)
  expect(stdout).toMatch(words)
  expect(ended).toBe(code)
})
