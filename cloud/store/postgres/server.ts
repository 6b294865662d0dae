/**
 * One server process: adopt it if it lives, otherwise start it and wait until it answers; stop it.
 * Knows the states a kill -9 leaves behind: a live server without a controller, a dead postmaster
 * whose children still hold the shared memory, a `postmaster.pid` whose number is another's now.
 * Faults: `unavailable`, `disk_full`, `unauthorised`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import type { Binaries } from './binaries.ts'
import {
  explain,
  readSettings,
  serverProcess,
  settingsFile,
  writeSettings,
} from './cluster-files.ts'
import { boundLog, readSince, sizeOf } from './log-file.ts'
import type { Place } from './place.ts'
import { probe } from './probe.ts'
import {
  isAlive,
  isServerOf,
  readPidFile,
  serversOf,
  signal,
  startMark,
  until,
} from './processes.ts'

export type ServerFiles = {
  place: Place
  binaries: Binaries
  settings: string
  url: (database: string) => string
}

export type Running = { pid: number; adopted: boolean }

/** Recovery after a crash replays up to max_wal_size; this is far above that. */
const start_limit_ms = 300_000
/** Backends notice a dead postmaster at once, unless they are in the middle of a statement. */
const stray_grace_ms = 3_000
const fast_stop_limit_ms = 30_000
const hard_stop_limit_ms = 5_000

export async function startOrAdopt(files: ServerFiles, log: Log): Promise<Running> {
  const { place } = files
  const found = await readPidFile(place.pgdata)
  if (found && (await isServerOf(found.pid, place.pgdata))) {
    if (await mayAdopt(files, found.pid)) return { pid: found.pid, adopted: true }
    log('warn', 'postgres_not_adopted', { pid: found.pid })
    await stopServer(place.pgdata, found.pid, log)
  }
  await clearStrays(place.pgdata, log)
  // Whoever has that number now, it is no server of ours: PostgreSQL itself would refuse to start.
  await rm(join(place.pgdata, 'postmaster.pid'), { force: true })
  // The same for the socket: a killed server that nobody has reaped yet still counts as alive there.
  await rm(join(place.socketDir, '.s.PGSQL.5432.lock'), { force: true })
  return { pid: await launch(files), adopted: false }
}

/** Adopted only if it was started with the same settings and programs, and knows our password. */
async function mayAdopt(files: ServerFiles, pid: number): Promise<boolean> {
  const { pgdata } = files.place
  if ((await readSettings(files.place)) !== files.settings) return false
  let answer = await probe(files.url('postgres'), pgdata)
  await until(start_limit_ms, async () => {
    answer = await probe(files.url('postgres'), pgdata)
    const settled = (await readPidFile(pgdata))?.ready === true && answer !== 'silent'
    return settled || answer === 'ours' || !(await isAlive(pid))
  })
  return answer === 'ours' && (await isAlive(pid))
}

/** Ends what a killed postmaster left: first they may finish, then they are told, then they go. */
async function clearStrays(pgdata: string, log: Log): Promise<void> {
  const gone = async () => (await serversOf(pgdata)).length === 0
  if (await until(stray_grace_ms, gone)) return
  for (const name of ['SIGQUIT', 'SIGKILL'] as const) {
    const strays = await serversOf(pgdata)
    log('warn', 'postgres_strays', { count: strays.length, signal: name })
    for (const pid of strays) signal(pid, name)
    if (await until(hard_stop_limit_ms, gone)) return
  }
  throw new Fault('unavailable', `processes of ${pgdata} do not end`)
}

async function launch(files: ServerFiles): Promise<number> {
  const { place } = files
  await writeSettings(place, files.settings)
  const said_before = sizeOf(place.logFile)
  const child = await spawnServer(files)
  const { pid } = child
  if (pid === undefined) throw new Fault('unavailable', 'the database server did not start')
  const state = watchExit(child)
  const ready = await until(start_limit_ms, async () => {
    if (state.exited) return true
    const file = await readPidFile(place.pgdata)
    if (file?.pid !== pid || !file.ready) return false
    state.answer = await probe(files.url('postgres'), place.pgdata)
    return state.answer !== 'silent'
  })
  if (ready && !state.exited && state.answer === 'ours') return pid
  const said = readSince(place.logFile, said_before)
  if (!state.exited) signal(pid, 'SIGINT')
  if (state.answer === 'refused') throw new Fault('unauthorised', place.passwordFile)
  throw explain('postgres', said)
}

type ChildState = { exited: boolean; answer: Awaited<ReturnType<typeof probe>> }

function watchExit(child: ChildProcess): ChildState {
  const state: ChildState = { exited: false, answer: 'silent' }
  child.once('exit', () => {
    state.exited = true
  })
  return state
}

/** Detached: a session and process group of its own. Its output goes to a file, never to a pipe. */
async function spawnServer({ place, binaries }: ServerFiles): Promise<ChildProcess> {
  boundLog(place.logFile)
  const out = openSync(place.logFile, 'a', 0o600)
  try {
    const child = spawn(
      binaries.postgres,
      ['-D', place.pgdata, `--config_file=${settingsFile(place)}`],
      {
        ...serverProcess(place),
        detached: true,
        stdio: ['ignore', out, out],
      },
    )
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', (error) =>
        reject(new Fault('unavailable', `${binaries.postgres}: ${error.message}`)),
      )
    })
    child.unref()
    return child
  } finally {
    closeSync(out)
  }
}

/** Fast shutdown; immediate if that takes too long; the processes are gone when this resolves. */
export async function stopServer(pgdata: string, pid: number, log: Log): Promise<void> {
  if (!(await isServerOf(pid, pgdata))) return
  const mark = await startMark(pid)
  // On its way out it shows neither program nor folder any more, and is still there.
  const gone = async () => !(await isAlive(pid)) || (await startMark(pid)) !== mark
  signal(pid, 'SIGINT')
  if (await until(fast_stop_limit_ms, gone)) return
  log('warn', 'postgres_slow_stop', { pid })
  signal(pid, 'SIGQUIT')
  if (await until(hard_stop_limit_ms, gone)) return
  signal(pid, 'SIGKILL')
  await clearStrays(pgdata, log)
}
