/**
 * Runs a program under strace and says, for each marker it writes, whether everything it wrote to
 * the files of interest since the marker before had been synced when the marker was written.
 *
 * Where strace is missing the tests are skipped and say so; on a build machine that is a failure.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export function hasStrace(): boolean {
  // It must not only be there, but be allowed to trace.
  const found = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0
  if (found) return true
  if (process.env.CI) throw new Error('strace is needed here, and allowed to trace')
  console.warn('SKIPPED: strace is missing or may not trace; durability is not shown here')
  return false
}

const CALLS = 'write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,sync_file_range'

export type Traced = { code: number | null; out: string; file: string }

/** `attach`: processes that are traced as well, with all they fork. */
export function trace(
  folder: string,
  args: readonly string[],
  attach: readonly number[] = [],
): Promise<Traced> {
  const file = join(folder, `trace-${Math.random().toString(36).slice(2)}`)
  const strace = ['-I', '1', '-f', '-y', '-s', '40', '-e', `trace=${CALLS}`, '-o', file]
  const child = spawn(
    'strace',
    [...strace, ...attach.flatMap((pid) => ['-p', `${pid}`]), process.execPath, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  let trouble = ''
  child.stderr.on('data', (chunk) => {
    trouble = (trouble + chunk).slice(-2_000)
  })
  const marked = /^end$/m
  child.stdout.on('data', () => {
    // What is attached goes on for ever: told to let go once the program has said its last word.
    if (marked.test(out)) setTimeout(() => child.kill('SIGINT'), 300)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, out: out + trouble, file }))
  })
}

export type Judged = {
  marker: string
  writes: number
  /** All of the writes were followed by a sync of the same process that ended well. */
  synced: boolean
}

/** `ours` picks the files that must be durable, by path; `marker` what is written when they are. */
export async function judge(
  file: string,
  ours: (path: string) => boolean,
  marker: RegExp,
): Promise<Judged[]> {
  const judged: Judged[] = []
  const running = new Map<string, string>()
  /** By process: writes since the marker, and whether the last of them is synced. */
  const unsynced = new Set<string>()
  let writes = 0
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const pid = line.split(' ', 1)[0]!
    const rest = line.slice(pid.length).trimStart()
    const resumed = rest.startsWith('<... ')
    const call = resumed ? (running.get(pid) ?? '') : rest
    const name = call.slice(0, call.indexOf('('))
    const path = /^\w+\(\d+<([^>]*)>/.exec(call)?.[1] ?? ''
    if (rest.endsWith('<unfinished ...>')) running.set(pid, rest)
    const said = !resumed && name === 'write' ? marker.exec(call)?.[0] : undefined
    if (said !== undefined) {
      judged.push({ marker: said, writes, synced: writes > 0 && unsynced.size === 0 })
      writes = 0
      unsynced.clear()
    } else if (ours(path) && name.includes('write') && !resumed) {
      writes++
      unsynced.add(pid)
    } else if (ours(path) && /^f(data)?sync$/.test(name) && /= 0$/.test(rest)) {
      unsynced.delete(pid)
    }
  }
  return judged
}
