/**
 * Where a cluster lives. Normally in `postgres/` of the controller's data folder. A controller that
 * is root runs the server as another account, and its data folder may lie where only root may go
 * (/root/x): then the cluster lives in /var/lib/hallway/<name>, or in the system's temporary folder
 * if that cannot be made, and `postgres.json` in the data folder says where.
 *
 * Refuses a data folder that is a copy of another one still in use: two controllers would write to
 * one cluster. Faults: `unavailable` (no permission), `disk_full`, `insecure`, `malformed`.
 */
import { createHash, randomBytes } from 'node:crypto'
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readFile,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Fault } from '#devices/std/fault.ts'
import { type Account, chooseAccount } from './accounts.ts'

export type Place = {
  /** Real path of the controller's own data folder; holds the record and the password. */
  dataDir: string
  /** Holds the copy of the binaries, the cluster, its socket and its log; `account` may enter. */
  home: string
  pgdata: string
  socketDir: string
  logFile: string
  passwordFile: string
  account: Account | null
}

type Recorded = { home: string; data_dir: string }

/** Longest path of a unix socket that both Linux (107) and macOS (103) take. */
const socket_path_max = 103
const socket_name = '/.s.PGSQL.5432'

/** Finds the cluster's place, or makes one; folders that have to exist, exist afterwards. */
export async function openPlace(dataDir: string): Promise<Place> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    return await settle(await realpath(dataDir))
  } catch (error) {
    throw placeFault(error, dataDir)
  }
}

/** The same for those who only look on. `not_found` if no cluster was ever made here. */
export async function findPlace(dataDir: string): Promise<Place> {
  const recorded = await readRecord(dataDir).catch((error: unknown) => {
    throw placeFault(error, dataDir)
  })
  if (!recorded) throw new Fault('not_found', `no database in ${dataDir}`)
  return openPlace(dataDir)
}

/** Removes the cluster's files and what the data folder says of them. Nothing may run from it. */
export async function removePlace(place: Place): Promise<void> {
  const told = [recordFile(place.dataDir), place.passwordFile]
  for (const path of [place.home, place.socketDir, ...told]) {
    await rm(path, { recursive: true, force: true })
  }
}

async function settle(dataDir: string): Promise<Place> {
  const recorded = await readRecord(dataDir)
  if (recorded) await refuseCopy(recorded, dataDir)
  const owner = recorded ? await ownerOf(join(recorded.home, 'data')) : undefined
  const account = chooseAccount(owner)
  const home = recorded?.home ?? (await chooseHome(dataDir, account))
  // Owned by us: what is root's may not lie in a folder where the account could swap it for a link.
  await makeFor(null, home, 0o711)
  await writeRecord(dataDir, home)
  const socketDir = await chooseSocketDir(home, account)
  return {
    dataDir,
    home,
    pgdata: join(home, 'data'),
    socketDir,
    logFile: join(home, 'server.log'),
    passwordFile: join(dataDir, 'postgres-password'),
    account,
  }
}

async function chooseHome(dataDir: string, account: Account | null): Promise<string> {
  if (!account) return join(dataDir, 'postgres')
  if (await mayTraverse(dirname(dataDir), account)) {
    // The data folder is ours: letting the account pass through it shows it no names in it.
    await chmod(dataDir, (await stat(dataDir)).mode | 0o001)
    return join(dataDir, 'postgres')
  }
  const name = `${hashOf(dataDir)}-${randomBytes(3).toString('hex')}`
  for (const base of ['/var/lib/hallway', join(tmpdir(), 'hallway')]) {
    const made = await mkdir(base, { recursive: true, mode: 0o711 }).then(
      () => true,
      () => false,
    )
    if (made && (await isOurs(base)) && (await mayTraverse(base, account))) return join(base, name)
  }
  throw new Fault('unavailable', `no folder that the account ${account.name} may enter`)
}

async function chooseSocketDir(home: string, account: Account | null): Promise<string> {
  const near = join(home, 'run')
  const fits = Buffer.byteLength(near + socket_name) <= socket_path_max
  const dir = fits ? near : join(tmpdir(), `hallway-${hashOf(home)}`)
  await makeFor(account, dir, 0o700)
  const found = await lstat(dir)
  const uid = account?.uid ?? process.getuid?.() ?? 0
  // In a shared temporary folder anybody could have made this name first.
  if (!found.isDirectory() || found.uid !== uid) throw new Fault('insecure', `${dir} is not ours`)
  return dir
}

/** Makes the folder with exactly this mode, owned by the server's account. */
export async function makeFor(account: Account | null, dir: string, mode: number): Promise<void> {
  const made = await mkdir(dir, { recursive: true, mode })
  if (made === undefined) return
  await chmod(dir, mode)
  if (account) await chown(dir, account.uid, account.gid)
}

async function mayTraverse(path: string, account: Account): Promise<boolean> {
  const found = await stat(path)
  const bit = found.uid === account.uid ? 0o100 : found.gid === account.gid ? 0o010 : 0o001
  if ((found.mode & bit) === 0) return false
  return path === dirname(path) ? true : mayTraverse(dirname(path), account)
}

async function isOurs(dir: string): Promise<boolean> {
  const found = await lstat(dir)
  return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0
}

async function ownerOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.uid
}

/** A moved data folder keeps its cluster; a copied one may not share it with the original. */
async function refuseCopy(recorded: Recorded, dataDir: string): Promise<void> {
  if (recorded.data_dir === dataDir) return
  const original = await readRecord(recorded.data_dir).catch(() => undefined)
  if (original?.home !== recorded.home) return
  throw new Fault(
    'unavailable',
    `${dataDir} is a copy of ${recorded.data_dir}, which has its database at ${recorded.home}; ` +
      'remove postgres.json and postgres-password from the copy to begin an empty one',
  )
}

function recordFile(dataDir: string): string {
  return join(dataDir, 'postgres.json')
}

async function readRecord(dataDir: string): Promise<Recorded | undefined> {
  const text = await readFile(recordFile(dataDir), 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  try {
    const value = JSON.parse(text) as Partial<Recorded>
    if (typeof value.home === 'string' && typeof value.data_dir === 'string') {
      // Beside the data folder when it moved along with it, else where it always was.
      const home = value.home.startsWith(`${value.data_dir}/`)
        ? join(dataDir, value.home.slice(value.data_dir.length))
        : value.home
      return { home, data_dir: value.data_dir }
    }
  } catch {}
  throw new Fault('malformed', recordFile(dataDir))
}

async function writeRecord(dataDir: string, home: string): Promise<void> {
  const record: Recorded = { home, data_dir: dataDir }
  await writeFile(recordFile(dataDir), `${JSON.stringify(record)}\n`, { mode: 0o600, flush: true })
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

export function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '')
}

/** Says which path and which kind of trouble; never passes on what a file held. */
export function placeFault(error: unknown, path: string): Error {
  if (error instanceof Fault) return error
  const code = codeOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') return new Fault('disk_full', path, { cause: error })
  const at = (error as { path?: unknown } | null)?.path
  return new Fault('unavailable', `${code} at ${String(at ?? path)}`, { cause: error })
}
