/**
 * The embedded PostgreSQL server: made at first start, adopted when a controller died and left it
 * running, started again when it dies, stopped with the controller. The server runs detached in a
 * process group of its own, so neither Ctrl-C nor a killed controller takes it down.
 *
 * Refuses a second controller on the same data folder, and data of another major version.
 * Faults: `unavailable` (cannot start; the detail says why), `disk_full`, `unsupported`,
 * `unauthorised` (the password file is not the cluster's), `insecure`, `malformed`, `invalid`.
 */
import type { Log } from '#devices/std/log.ts'
import { backOff } from '#devices/std/random.ts'
import { type Binaries, dropOthers, findSource, placeBinaries } from './binaries.ts'
import { clusterUrl, prepareCluster, readPassword } from './cluster-files.ts'
import { boundLog } from './log-file.ts'
import { findPlace, openPlace, type Place, removePlace } from './place.ts'
import { ensureDatabase } from './probe.ts'
import { isAlive, isServerOf, readPidFile } from './processes.ts'
import { type Running, type ServerFiles, startOrAdopt, stopServer } from './server.ts'
import { claim } from './sole.ts'

/** How often an idle supervisor looks whether the server lives, and how large its log may grow. */
const watch_ms = 250
const log_check_ms = 60_000

/** The database the controller's tables are in. */
const default_database = 'hallway'

export type ClusterOptions = {
  /** The controller's data folder; made if missing. Holds `postgres-password`, mode 600. */
  dataDir: string
  log: Log
  /** Server settings over ours, for tests and for large machines. */
  extraSettings?: Readonly<Record<string, string>>
}

/** `exited`: connections are lost, a restart is on its way. `running`: it takes them again. */
export type ClusterEvent = { kind: 'exited'; pid: number } | { kind: 'running'; pid: number }

export interface Cluster extends AsyncDisposable {
  /** Holds the password: never log it. */
  url(database?: string): string
  /** Whether a live server was taken over instead of started. */
  readonly adopted: boolean
  /** Where the cluster, its socket and its log are. */
  readonly place: Place
  postmasterPid(): number
  onExit(handler: (event: ClusterEvent) => void): void
  /** Creates a further database unless it exists. */
  createDatabase(name: string): Promise<void>
  /** Fast shutdown: sessions are ended, a checkpoint is written. */
  stop(): Promise<void>
  /** Stops it and removes it with all it holds, wherever it is. For tests and trials. */
  discard(): Promise<void>
  /** Lets go and leaves the server running for the next controller to adopt. */
  detach(): void
}

/** Starts or adopts the server of this data folder; resolves when it takes connections. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const place = await openPlace(options.dataDir)
  const release = await claim(place.dataDir)
  try {
    const binaries = await placeBinaries(await findSource(), place.home)
    const files = await prepareFiles(place, binaries, options)
    const running = await startOrAdopt(files, options.log)
    await ensureDatabase(files.url('postgres'), default_database)
    await dropOthers(binaries, place.home)
    const { pid, adopted } = running
    options.log('info', 'postgres_ready', { pid, adopted, home: place.home })
    return new Supervisor(files, running, { log: options.log, release })
  } catch (error) {
    release()
    throw error
  }
}

/**
 * The cluster of a data folder for programs beside the controller (checks, replays): they neither
 * start it nor stop it. `pid` is null when no server runs. Faults: `not_found`, `unauthorised`.
 */
export async function findCluster(
  dataDir: string,
  database = default_database,
): Promise<{ url: string; pid: number | null }> {
  const place = await findPlace(dataDir)
  const url = clusterUrl(place, await readPassword(place, true), database)
  const pid = (await readPidFile(place.pgdata))?.pid ?? 0
  return { url, pid: (await isServerOf(pid, place.pgdata)) ? pid : null }
}

async function prepareFiles(
  place: Place,
  binaries: Binaries,
  options: ClusterOptions,
): Promise<ServerFiles> {
  const { password, settings } = await prepareCluster(place, binaries, options.extraSettings ?? {})
  const url = (database: string) => clusterUrl(place, password, database)
  return { place, binaries, settings, url }
}

type Held = { log: Log; release: () => void }

class Supervisor implements Cluster {
  readonly adopted: boolean
  readonly #files: ServerFiles
  readonly #log: Log
  readonly #release: () => void
  readonly #handlers: ((event: ClusterEvent) => void)[] = []
  #running: Running
  #released = false
  #stopping: Promise<void> | undefined
  #restarting: Promise<void> | undefined
  #watch: NodeJS.Timeout
  #logCheck: NodeJS.Timeout

  constructor(files: ServerFiles, running: Running, held: Held) {
    this.#files = files
    this.#running = running
    this.adopted = running.adopted
    this.#log = held.log
    this.#release = held.release
    this.#watch = setInterval(() => void this.#look(), watch_ms)
    this.#logCheck = setInterval(() => boundLog(files.place.logFile), log_check_ms).unref()
  }

  get place(): Place {
    return this.#files.place
  }

  url(database = default_database): string {
    return this.#files.url(database)
  }

  postmasterPid(): number {
    return this.#running.pid
  }

  onExit(handler: (event: ClusterEvent) => void): void {
    this.#handlers.push(handler)
  }

  createDatabase(name: string): Promise<void> {
    return ensureDatabase(this.#files.url('postgres'), name)
  }

  detach(): void {
    this.#letGo()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async discard(): Promise<void> {
    await this.stop()
    await removePlace(this.#files.place)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(): Promise<void> {
    if (this.#released) return
    this.#letGo(() => {})
    await this.#restarting
    await stopServer(this.#files.place.pgdata, this.#running.pid, this.#log)
    this.#release()
  }

  #letGo(release: () => void = this.#release): void {
    if (this.#released) return
    this.#released = true
    clearInterval(this.#watch)
    clearInterval(this.#logCheck)
    release()
  }

  async #look(): Promise<void> {
    const { pid } = this.#running
    if (this.#restarting || (await isAlive(pid))) return
    if (this.#released || this.#restarting) return
    this.#log('error', 'postgres_exited', { pid })
    this.#tell({ kind: 'exited', pid })
    this.#restarting = this.#restart().finally(() => {
      this.#restarting = undefined
    })
  }

  /** Tries for as long as the controller lives: a full disk can be emptied, a limit lifted. */
  async #restart(): Promise<void> {
    const pauses = backOff(Math.random, 100, 10_000)
    while (!this.#released) {
      try {
        this.#running = await startOrAdopt(this.#files, this.#log)
        this.#log('warn', 'postgres_restarted', { pid: this.#running.pid })
        return this.#tell({ kind: 'running', pid: this.#running.pid })
      } catch (error) {
        const wait_ms = pauses.next().value
        this.#log('error', 'postgres_restart_failed', { reason: String(error), wait_ms })
        await new Promise((resolve) => setTimeout(resolve, wait_ms))
      }
    }
  }

  #tell(event: ClusterEvent): void {
    for (const handler of this.#handlers) handler(event)
  }
}
