/**
 * What the virtual machine starts from: busybox, the pinned runtime, this repository's sources and
 * the packages they import, shared libraries, kernel modules, and the script that runs it all.
 * Throws `Missing` where a part is not on this machine.
 */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { open, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Archive } from './archive.ts'
import { type Kernel, Missing } from './kernel.ts'

const run = promisify(execFile)

export const root = join(import.meta.dirname, '../..')
/** Where the repository stands in the machine. */
const there = '/hallway'
const sources = ['devices', 'gateway', 'firmware-sim', 'tests/kernel/guest']
const packages = ['serialport', 'node-hid', 'usb', '@node-usb/usb-linux-x64-gnu', 'iconv-lite']
const busybox = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync)

export async function writeImage(path: string, kernel: Kernel): Promise<void> {
  const archive = new Archive()
  for (const folder of ['proc', 'sys', 'dev', 'tmp']) archive.folder(folder)
  archive.device('dev/console', 5, 1)
  if (busybox === undefined)
    throw new Missing('no busybox: install the Debian package busybox-static')
  archive.file('bin/busybox', await readFile(busybox))
  archive.link('bin/sh', 'busybox')
  archive.file('init', await readFile(join(import.meta.dirname, 'guest/init.sh')))
  for (const { name, bytes } of kernel.modules) archive.file(`modules/${name}.ko`, bytes)
  archive.file('modules/order', Buffer.from(kernel.modules.map(({ name }) => `${name}\n`).join('')))
  await addSources(archive)
  const natives = await addPackages(archive)
  archive.file('bin/node', await readFile(process.execPath))
  await addLibraries(archive, [process.execPath, ...natives])
  await using file = await open(path, 'w')
  for (const piece of archive.end()) await file.write(piece)
}

async function addSources(archive: Archive): Promise<void> {
  archive.file(`${there}/package.json`, await readFile(join(root, 'package.json')))
  for (const folder of sources) {
    for (const file of await filesBelow(join(root, folder))) await addFile(archive, file)
  }
}

/** The packages and what they depend on; returns the native parts. */
async function addPackages(archive: Archive): Promise<string[]> {
  const files = new Set<string>()
  for (const folder of packageFolders()) {
    for (const file of await filesBelow(folder)) {
      const within = file.slice(folder.length)
      if (isNeeded(within)) files.add(file)
    }
  }
  for (const file of files) await addFile(archive, file)
  return [...files].filter((file) => file.endsWith('.node'))
}

/** Of the native parts those of this machine; no sources, no maps. */
function isNeeded(file: string): boolean {
  if (file.endsWith('.node')) return /linux-x64[/-]/.test(file) && !file.includes('musl')
  return !/^\/hidapi\/|\.(map|md|ts|gyp|cc|h)$/.test(file)
}

function packageFolders(): Set<string> {
  const folders = new Set<string>()
  const add = (name: string, from: string): void => {
    const folder = resolved(name, from)
    if (folder === null || folders.has(folder)) return
    folders.add(folder)
    const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    for (const one of Object.keys(dependencies)) {
      if (!one.startsWith('@types/')) add(one, folder)
    }
  }
  for (const name of packages) add(name, root)
  return folders
}

function resolved(name: string, from: string): string | null {
  for (let folder = from; folder.startsWith(root); folder = dirname(folder)) {
    const here = join(folder, 'node_modules', name)
    if (existsSync(join(here, 'package.json'))) return here
  }
  return null
}

async function addFile(archive: Archive, file: string): Promise<void> {
  archive.file(`${there}${file.slice(root.length)}`, await readFile(file))
}

async function filesBelow(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = found.filter((entry) => entry.isFile())
  const nested = `${folder}/node_modules/`
  return files
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(nested))
}

/** Each library at the place where the loader looked for it here. */
async function addLibraries(archive: Archive, programs: readonly string[]): Promise<void> {
  for (const program of programs) {
    const { stdout } = await run('ldd', [program])
    if (stdout.includes('not found')) {
      const line = stdout.split('\n').find((one) => one.includes('not found'))
      throw new Missing(`${line?.trim()}: install the Debian packages libusb-1.0-0 and libudev1`)
    }
    for (const [, path] of stdout.matchAll(/(\/[^ ]+) \(0x/g)) {
      archive.file(path!, await readFile(path!))
    }
  }
}
