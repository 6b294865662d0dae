/**
 * Debian's standard kernel (the cloud one has no USB), unpacked into a cache folder and never
 * installed: its image and the modules named, each with what it needs, in the order to load them.
 * Throws `Missing` with what to do where it cannot be had.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Something this machine lacks: the tests cannot run, which is not the same as failing. */
export class Missing extends Error {}

export type Kernel = { image: string; modules: { name: string; bytes: Uint8Array }[] }

export async function standardKernel(wanted: readonly string[]): Promise<Kernel> {
  const folder = await unpacked()
  const release = (await readdir(join(folder, 'lib/modules')))[0]!
  const known = await modulesBelow(join(folder, 'lib/modules', release))
  const modules: Kernel['modules'] = []
  for (const name of wanted) await addModule(name, known, modules)
  return { image: join(folder, 'boot', `vmlinuz-${release}`), modules }
}

async function unpacked(): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hallway', 'kernel')
  const name = await packageName()
  const folder = join(cache, name)
  if (existsSync(join(folder, 'complete'))) return folder
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'work-'))
  try {
    await run('apt-get', ['download', name], { cwd: work }).catch((error: unknown) => {
      throw new Missing(`apt-get download ${name}: ${(error as Error).message}`)
    })
    const file = (await readdir(work)).find((one) => one.endsWith('.deb'))
    if (file === undefined) throw new Missing(`apt-get download ${name} brought no package`)
    await run('dpkg', ['-x', file, 'tree'], { cwd: work })
    await writeFile(join(work, 'tree', 'complete'), '')
    await rm(folder, { recursive: true, force: true })
    await rename(join(work, 'tree'), folder)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return folder
}

/** The package that `linux-image-amd64` stands for today. */
async function packageName(): Promise<string> {
  const { stdout } = await run('apt-cache', ['depends', 'linux-image-amd64']).catch(() => {
    throw new Missing('no Debian package lists here: apt-get update')
  })
  const name = /Depends: (linux-image-[\w.+-]+-amd64)/.exec(stdout)?.[1]
  if (name === undefined) throw new Missing('no kernel in the package lists: apt-get update')
  return name
}

async function modulesBelow(folder: string): Promise<Map<string, string>> {
  const files = await readdir(folder, { recursive: true })
  const modules = files.filter((file) => file.endsWith('.ko'))
  return new Map(modules.map((file) => [nameOf(file), join(folder, file)]))
}

function nameOf(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1, -'.ko'.length).replaceAll('-', '_')
}

async function addModule(
  name: string,
  known: ReadonlyMap<string, string>,
  into: Kernel['modules'],
): Promise<void> {
  if (into.some((one) => one.name === name)) return
  const file = known.get(name)
  if (file === undefined) throw new Missing(`this kernel has no module ${name}`)
  const bytes = await readFile(file)
  for (const needed of neededBy(bytes)) await addModule(needed, known, into)
  into.push({ name, bytes })
}

/** A module says so in its own section: `depends=a,b` between zeros. */
function neededBy(bytes: Buffer): string[] {
  const at = bytes.indexOf('\0depends=')
  if (at < 0) return []
  const end = bytes.indexOf(0, at + 1)
  const list = bytes.toString('latin1', at + '\0depends='.length, end)
  return list.split(',').flatMap((name) => (name === '' ? [] : [name.replaceAll('-', '_')]))
}
