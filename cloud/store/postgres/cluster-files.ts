/**
 * Makes the cluster's files: the password, the cluster itself (once), the settings (every start).
 * A crash at any point leaves a state the next start completes: the cluster is made under another
 * name and renamed. Faults: `unavailable`, `disk_full`, `unauthorised`.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault } from '#devices/std/fault.ts'
import type { Binaries } from './binaries.ts'
import { codeOf, makeFor, type Place, placeFault } from './place.ts'
import { settingsText } from './settings.ts'

export type Prepared = { password: string; settings: string }

/** The name of the only role, also in the URL. */
const role = 'hallway'

export async function prepareCluster(
  place: Place,
  binaries: Binaries,
  extra: Readonly<Record<string, string>>,
): Promise<Prepared> {
  const settings = settingsText(place.socketDir, binaries.version, extra)
  try {
    const made = await isMade(place, binaries)
    const password = await readPassword(place, made)
    if (!made) await makeCluster(place, binaries, password)
    return { password, settings }
  } catch (error) {
    throw placeFault(error, place.home)
  }
}

/** Writes the settings the next server start reads. */
export async function writeSettings(place: Place, settings: string): Promise<void> {
  await writeFile(settingsFile(place), settings, { mode: 0o644, flush: true })
}

/** The settings the last started server read, or nothing. */
export async function readSettings(place: Place): Promise<string> {
  return await readFile(settingsFile(place), 'utf8').catch(() => '')
}

/** Beside the cluster, not in it: only we write here, and all that is in force can be read here. */
export function settingsFile(place: Place): string {
  return join(place.home, 'server.conf')
}

/** How clients reach a database of this cluster: a unix socket, with the password. */
export function clusterUrl(place: Place, password: string, database: string): string {
  const host = encodeURIComponent(place.socketDir)
  const name = encodeURIComponent(database)
  return `postgresql://${role}:${password}@localhost/${name}?host=${host}&port=5432`
}

async function isMade(place: Place, binaries: Binaries): Promise<boolean> {
  const text = await readFile(join(place.pgdata, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return false
  const [major] = binaries.version.split('.')
  if (text.trim() === major) return true
  throw new Fault(
    'unavailable',
    `the data at ${place.pgdata} is of PostgreSQL ${text.trim()}, the programs are ${major}`,
  )
}

/** Makes one if no cluster is `made` yet that would ask for the old one. */
export async function readPassword(place: Place, made: boolean): Promise<string> {
  const text = await readFile(place.passwordFile, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return ''
    throw error
  })
  if (/^[0-9a-f]{64}$/.test(text.trim())) return text.trim()
  if (made) throw new Fault('unauthorised', `${place.passwordFile} is missing or damaged`)
  const password = randomBytes(32).toString('hex')
  await writeFile(place.passwordFile, `${password}\n`, { mode: 0o600, flush: true })
  return password
}

async function makeCluster(place: Place, binaries: Binaries, password: string): Promise<void> {
  const half = `${place.pgdata}.part`
  const given = join(place.home, 'initial-password')
  await rm(half, { recursive: true, force: true })
  try {
    await makeFor(place.account, half, 0o700)
    await writeOwned(place, given, password)
    await runInitdb(place, binaries, [half, given])
  } finally {
    await rm(given, { force: true })
  }
  await rename(half, place.pgdata)
  await syncFolder(dirname(place.pgdata))
}

/** Encoding and locale are named: they must not depend on who started the controller. */
function runInitdb(place: Place, binaries: Binaries, [dir, given]: [string, string]) {
  const args = [
    ...['--pgdata', dir, '--username', role, '--pwfile', given],
    ...['--auth', 'scram-sha-256', '--encoding=UTF8', '--locale=C'],
    ...['--data-checksums', '--no-instructions'],
  ]
  return new Promise<void>((resolve, reject) => {
    const child = spawn(binaries.initdb, args, {
      ...serverProcess(place),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.setEncoding('utf8')
    child.stderr.on('data', (text: string) => {
      said = (said + text).slice(-4_000)
    })
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve() : reject(explain('initdb', said))))
  })
}

/** What server programs start with: the account, a folder it may enter, a bare environment. */
export function serverProcess(place: Place) {
  return {
    cwd: place.home,
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    ...(place.account ? { uid: place.account.uid, gid: place.account.gid } : {}),
  }
}

/** Turns what a server program said into a Fault, its last complaints as the reason. */
export function explain(program: string, said: string): Fault {
  const lines = said
    .split('\n')
    .map((line) => line.replace(/^[-\d]+ [:.\d]+ UTC \[\d+\] /, '').trim())
  const complaints = lines.filter((line) => /FATAL|PANIC|LOG: .*invalid|rror|could not/.test(line))
  const reason = (complaints.length > 0 ? complaints : lines.filter(Boolean)).slice(-3).join('; ')
  const full = /No space left on device|Disk quota exceeded/.test(said)
  return new Fault(
    full ? 'disk_full' : 'unavailable',
    `${program}: ${reason.slice(0, 400) || 'no reason given'}`,
  )
}

async function writeOwned(place: Place, file: string, text: string): Promise<void> {
  await writeFile(file, text, { mode: 0o600, flush: true })
  if (place.account) await chown(file, place.account.uid, place.account.gid)
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
}
