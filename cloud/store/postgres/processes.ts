/**
 * What the operating system knows of server processes: alive or not, of this cluster or not.
 * A process number alone proves nothing (it may be taken again, or be a zombie nobody reaps), so on
 * Linux the state, the program and the working folder are read from /proc.
 */
import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'

/** First lines of `postmaster.pid`; `ready` is the server's own word that it takes connections. */
export type PidFile = { pid: number; ready: boolean }

const linux = process.platform === 'linux'

/** Line 1 is the process number, line 8 the state (PostgreSQL 10 and later). */
export async function readPidFile(pgdata: string): Promise<PidFile | undefined> {
  const text = await readFile(join(pgdata, 'postmaster.pid'), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const lines = text.split('\n')
  const pid = Number(lines[0])
  // An unreadable file counts as stale; pid 0 and negative ones would signal whole groups.
  return { pid: Number.isInteger(pid) && pid > 1 ? pid : 0, ready: lines[7]?.trim() === 'ready' }
}

/** Whether the process runs; a zombie does not. */
export async function isAlive(pid: number): Promise<boolean> {
  if (pid <= 1) return false
  if (linux) {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
    if (text === undefined) return false
    const state = text.slice(text.lastIndexOf(')') + 2)[0]
    return state !== 'Z' && state !== 'X'
  }
  return signal(pid, 0)
}

/** When the process began, by the kernel's count: with its number it names a process for ever. */
export async function startMark(pid: number): Promise<string> {
  if (!linux) return ''
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

/** Whether `pid` is a PostgreSQL process of this cluster: they all work inside its folder. */
export async function isServerOf(pid: number, pgdata: string): Promise<boolean> {
  if (!(await isAlive(pid))) return false
  if (linux) {
    const [cwd, exe] = await Promise.all(
      ['cwd', 'exe'].map((name) => readlink(`/proc/${pid}/${name}`).catch(() => '')),
    )
    return cwd === pgdata && basename(exe ?? '').startsWith('postgres')
  }
  const shown = await promisify(execFile)('ps', ['-p', String(pid), '-o', 'command=']).catch(
    () => ({ stdout: '' }),
  )
  return shown.stdout.includes('postgres') && shown.stdout.includes(pgdata)
}

/** Every process of the cluster, the postmaster included. Empty where /proc is missing. */
export async function serversOf(pgdata: string): Promise<number[]> {
  if (!linux) return []
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const ours = await Promise.all(pids.map((pid) => isServerOf(pid, pgdata)))
  return pids.filter((_, index) => ours[index])
}

/** Sends the signal; false when there was nobody to get it. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM'
  }
}

/** Asks `done` every 20 ms until it says yes or `limit_ms` is over; false when it is. */
export async function until(limit_ms: number, done: () => Promise<boolean>): Promise<boolean> {
  const end = performance.now() + limit_ms
  for (;;) {
    if (await done()) return true
    if (performance.now() >= end) return false
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
