/**
 * How a program of Hallway is started where memory is short, as on a hall's gateway.
 *
 * What takes most is not data: the compiler that strips types and the compiled text of every module.
 * So both are kept on disk beside the packages and only read. The cache is filled by a run of its
 * own, since a process that has filled it keeps what that took. Without a place to write it in,
 * everything works as ever, in some forty megabytes more.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = resolve(import.meta.dirname, '..')
const cache = join(root, 'node_modules', '.cache', 'hallway')
const MAIN = join(root, 'gateway', 'main.ts')

const urlOf = (file: string): string => pathToFileURL(join(root, file)).href

/** Small spaces for new objects, one helper thread, and what a start leaves behind is freed. */
const flags = [
  ...['--max-semi-space-size=1', '--v8-pool-size=1'],
  ...['--expose-gc', '--import', urlOf('bin/tidy.ts')],
]
/** One arena for all threads: allocators keep what they freed, each for itself. */
const env = { MALLOC_ARENA_MAX: '1', NODE_COMPILE_CACHE: cache }

export type Start = { args: string[]; env: Record<string, string> }

/** Arguments and additions to the environment that start the gateway's program small. */
export function smallGateway(args: readonly string[]): Start {
  // The cache belongs to these flags: another set of them fills one of its own.
  fill('gateway', ['gateway', 'devices'], ['--import', urlOf('gateway/log/worker.ts'), MAIN])
  return { args: [...flags, MAIN, ...args], env }
}

/** Runs the program to its help text, unless that was done since its sources last changed. */
function fill(name: string, folders: readonly string[], program: readonly string[]): void {
  const mark = join(cache, `${name}.filled`)
  const state = `${process.version} ${flags.join(' ')} ${newest(folders)}`
  try {
    if (textOf(mark) === state) return
    rmSync(cache, { recursive: true, force: true })
    mkdirSync(cache, { recursive: true })
    const options = { env: { ...process.env, ...env }, stdio: 'ignore' } as const
    const { status } = spawnSync(process.execPath, [...flags, ...program, '--help'], options)
    if (status === 0) writeFileSync(mark, state)
  } catch {
    // Not ours to write in: then without.
  }
}

/** When the newest of the sources was written, ms since 1970. */
function newest(folders: readonly string[]): number {
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(root, folder, file)),
  )
  return Math.max(...files.map((file) => statSync(file).mtimeMs))
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
