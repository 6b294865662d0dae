/** Processor time and memory of processes, as Linux tells them in /proc. */
import { readdir, readFile } from 'node:fs/promises'

export type Memory = { now_mb: number; most_mb: number; own_mb: number }

export type Usage = { user_s: number; system_s: number }

/** Linux counts in hundredths of a second on every machine in use. */
const TICKS_A_SECOND = 100

type Stat = { ppid: number; user: number; system: number }

async function statOf(pid: number): Promise<Stat | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (text === null) return null
  // The name in brackets may hold anything, also spaces.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [ppid, utime, stime, cutime, cstime] = [1, 11, 12, 13, 14].map((i) => fields[i] ?? 0)
  return { ppid: ppid!, user: utime! + cutime!, system: stime! + cstime! }
}

/** A process and its children: a database server and its sessions. */
export async function familyOf(pid: number): Promise<number[]> {
  const all = (await readdir('/proc')).map(Number).filter(Number.isInteger)
  const stats = await Promise.all(all.map(async (p) => [p, (await statOf(p))?.ppid] as const))
  return [pid, ...stats.filter(([, ppid]) => ppid === pid).map(([p]) => p)]
}

/** Processor seconds of these processes and of what they have waited for. */
export async function cpuOf(pids: readonly number[]): Promise<Usage> {
  const stats = await Promise.all(pids.map(statOf))
  const sum = (of: (stat: Stat) => number) =>
    stats.reduce((total, stat) => total + (stat === null ? 0 : of(stat)), 0) / TICKS_A_SECOND
  return { user_s: sum((s) => s.user), system_s: sum((s) => s.system) }
}

export const cpuBetween = (before: Usage, after: Usage): number =>
  after.user_s + after.system_s - before.user_s - before.system_s

/**
 * Resident memory now and at its highest, and what of it is this process's own and not a page of
 * the program file that others map too, in MB of 10^6 bytes.
 */
export async function memoryOf(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  const of = (name: string) =>
    (Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(text)?.[1] ?? 0) * 1_024) / 1e6
  return { now_mb: of('VmRSS'), most_mb: of('VmHWM'), own_mb: of('RssAnon') }
}
