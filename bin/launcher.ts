/**
 * Whoever ran this program through npm ends it by ending npm, however hard: npm killed outright leaves
 * its shell and everything below it running, with every port taken. This notices.
 */
import { readFile } from 'node:fs/promises'

const LOOK_MS = 500
/** npm, its shell, and whatever a shell puts between. */
const GENERATIONS_MAX = 4

/** Resolves when npm or a shell between is gone; never where this was not run by npm. */
export async function launcherGone(): Promise<void> {
  const line = process.env.npm_lifecycle_event === undefined ? null : await lineToNpm()
  if (line === null) return new Promise(() => {})
  while (await stands(line)) await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
}

/** Process ids from our parent up to npm. */
async function lineToNpm(): Promise<number[] | null> {
  const line: number[] = []
  for (let pid = process.ppid; line.length < GENERATIONS_MAX && pid > 1; ) {
    line.push(pid)
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null)
    // Without /proc the parent alone is watched.
    if (command === null) return [process.ppid]
    if (/(^|\/)npm\b/.test(command.replaceAll('\u0000', ' '))) return line
    pid = (await parentOf(pid)) ?? 0
  }
  return null
}

async function stands(line: readonly number[]): Promise<boolean> {
  if (process.ppid !== line[0]) return false
  for (const [i, pid] of line.slice(0, -1).entries()) {
    if ((await parentOf(pid)) !== line[i + 1]) return false
  }
  return true
}

async function parentOf(pid: number): Promise<number | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  // The name in brackets may hold anything, brackets and blanks too.
  const after = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
  return after === undefined ? null : Number(after)
}
