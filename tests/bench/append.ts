/**
 * How long "recorded" takes: one append to the hall log over one bare commit of the same bytes, on
 * this disk and on one that is twenty milliseconds slower; and what a hundred writers get through
 * together, who share commits.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { AppendJob, AppendTimes } from './append-child.ts'
import { type Figure, figure, type Progress, percentile } from './figure.ts'

const SLOWER_US = 20_000
const SLOW = [
  ...['-f', '--seccomp-bpf', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync'],
  ...['-e', `inject=fsync,fdatasync:delay_enter=${SLOWER_US}`],
]

const quick: AppendJob = { rounds: 10, appends_a_round: 50, writers: 100, each: 40, turns: 31 }
const slow: AppendJob = { rounds: 2, appends_a_round: 30, writers: 100, each: 5, turns: 5 }

export async function appends(progress: Progress): Promise<Figure[]> {
  const fast = await runChild(quick, [])
  progress('append: measured on this disk')
  const found = figures('append', fast)
  if (spawnSync('strace', ['-V']).status !== 0) {
    progress('append: SKIPPED on a slower disk: strace is not installed')
    return found
  }
  const slowed = await runChild(slow, ['strace', ...SLOW])
  progress('append: measured with 20 ms added to every sync')
  return [...found, ...figures('append, sync 20 ms slower', slowed)]
}

async function runChild(job: AppendJob, under: readonly string[]): Promise<AppendTimes> {
  const file = join(import.meta.dirname, 'append-child.ts')
  const [command, ...args] = [...under, process.execPath, file]
  const child = spawn(command!, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`appends ended with ${code}`)
  })
  child.send(job)
  const [times] = (await Promise.race([once(child, 'message'), gone])) as [AppendTimes]
  await gone.catch(() => {})
  return times
}

function figures(name: string, { append_ms, bare_ms, one_a_s, many_a_s }: AppendTimes): Figure[] {
  const at = (share: number, bar: number | null) =>
    figure({
      name: `${name}: p${share * 100} over a bare commit`,
      value: percentile(append_ms, share),
      ...{ unit: 'ms', against: percentile(bare_ms, share), bar },
    })
  return [
    at(0.5, 2),
    at(0.99, null),
    figure({
      name: `${name}: 100 writers over one`,
      ...{ value: percentile(many_a_s, 0.5), unit: 'appends/s' },
      ...{ against: percentile(one_a_s, 0.5), bar: 20 },
    }),
  ]
}
