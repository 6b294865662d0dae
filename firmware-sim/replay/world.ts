/**
 * The world of a replay, in processes of their own: a controller with its database, one gateway; the
 * simulated hardware is in this process, behind TCP. Any of the three can be killed at any time; it
 * is started again at once, and whoever wants something of it waits until it is back.
 *
 * Refuses to start in a folder that is not empty (`invalid`). Everything it starts ends with it, and
 * with this process whatever happens to it.
 */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { HallRules } from '#devices/contract/hall-rules.ts'
import { sleep } from '#devices/std/clock.ts'
import { Fault, isFault } from '#devices/std/fault.ts'
import { realPace } from '../pace.ts'
import { deviceConfigs, type Hardware, openHardware } from '../people/hardware.ts'
import { type HttpClient, httpClient } from '../people/http.ts'
import { freePorts } from '../people/ports.ts'
import { Program } from '../people/processes.ts'

export const HALL = 'replay'
export type Victim = 'gateway' | 'controller' | 'database'

export type WorldOptions = {
  rules: HallRules
  /** Where everything lies; kept at the end. Null: a folder that is removed. */
  keep: string | null
  /** What gateways are told to connect to, given the broker's own address. */
  mqttUrl?: (own: string) => string
  say: (line: string) => void
  /** Ends a world that is still starting. */
  signal: AbortSignal
}

/** Starts of the controller before it is given up. */
const STARTS_MAX = 4
/** Times a starting gateway is told the time before it is given up. */
const BEGIN_TRIES = 100
const root = resolve(import.meta.dirname, '../..')
/** Units answer a poll when something happens, at the latest after this. */
const HOLD_MS = 100
const deviceOptions = {
  ticket_panel: { poll_ms: 1, reply_ms: 2_000, retry_ms: 20 },
  call_pad: { poll_ms: 1, reply_ms: 2_000, retry_ms: 20 },
  id_card_reader: { poll_ms: 1, reply_ms: 2_000 },
  ticket_printer: { poll_ms: 1_000 },
}

type Places = { folder: string; temporary: boolean; http: number; mqtt: number; local: number }

export async function openWorld(options: WorldOptions): Promise<World> {
  const folder = options.keep ?? (await mkdtemp(join(tmpdir(), 'hallway-replay-')))
  await mkdir(folder, { recursive: true })
  if ((await readdir(folder)).length > 0) throw new Fault('invalid', `${folder} is not empty`)
  // The database's own account must get through to its files.
  await chmod(folder, 0o711)
  const [http, mqtt, local] = (await freePorts(3)) as [number, number, number]
  const temporary = options.keep === null
  const world = new World({ folder, temporary, http, mqtt, local }, options.say)
  const { signal } = options
  const stopped = Promise.withResolvers<never>()
  const stop = () => stopped.reject(new Fault('unavailable', 'stopped'))
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  const started = world.start(options)
  started.catch(() => {})
  try {
    await Promise.race([started, stopped.promise])
    return world
  } catch (error) {
    await world[Symbol.asyncDispose]()
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

export class World implements AsyncDisposable {
  readonly folder: string
  readonly #places: Places
  readonly #say: (line: string) => void
  #hardware: Hardware | null = null
  #controller: Program | null = null
  #gateway: Program | null = null
  #cloud: HttpClient | null = null
  #local: HttpClient | null = null
  /** Grows with each start of the gateway. */
  #generation = 0
  #wall_ms: number | null = null
  #closed = false
  /** Resolves when that part works again; replaced while it does not. */
  readonly #up: Record<Victim, Promise<void>> = {
    gateway: Promise.resolve(),
    controller: Promise.resolve(),
    database: Promise.resolve(),
  }
  readonly #down = new Set<Victim>()
  /** What went wrong with bringing a part back. */
  #broken: unknown = null

  constructor(places: Places, say: (line: string) => void) {
    this.folder = places.folder
    this.#say = say
    this.#places = places
  }

  get hardware(): Hardware {
    return this.#hardware!
  }

  /** The controller's API, as its administrator. */
  get cloud(): HttpClient {
    return this.#cloud!
  }

  /** The gateway's local API. */
  get local(): HttpClient {
    return this.#local!
  }

  get generation(): number {
    return this.#generation
  }

  get programs(): { controller: Program | null; gateway: Program | null } {
    return { controller: this.#controller, gateway: this.#gateway }
  }

  isUp(victim: Victim): boolean {
    return !this.#down.has(victim)
  }

  /** Resolves when the part works. Rejects where it could not be brought back. */
  async up(victim: Victim): Promise<void> {
    while (this.#down.has(victim)) await this.#up[victim]
    if (this.#broken !== null) throw this.#broken
    if (this.#closed) throw new Fault('unavailable', 'the replay was stopped')
  }

  async start({ rules, mqttUrl }: WorldOptions): Promise<void> {
    const { http, mqtt } = this.#places
    const parts = { pace: realPace, random: Math.random }
    this.#hardware = await openHardware(parts, {
      ...{ counters: rules.counters, port: 0, answer_hold_ms: HOLD_MS },
    })
    const own = `mqtt://127.0.0.1:${mqtt}`
    const public_url = mqttUrl?.(own) ?? own
    await this.#write('controller.json', {
      data: join(this.folder, 'controller'),
      http: { port: http },
      mqtt: { port: mqtt, public_url },
      log_level: 'warn',
    })
    await this.#startController()
    const secret = await readFile(join(this.folder, 'controller', 'admin-token'), 'utf8')
    this.#cloud = httpClient(`http://127.0.0.1:${http}`, secret.trim(), 8)
    const ask = { method: 'POST', path: '/api/halls', body: { hall: HALL, rules } } as const
    const { token } = await this.cloud.json<{ token: string }>(ask)
    await this.#write('gateway.json', this.#gatewayConfig(token))
    await this.#startGateway()
  }

  #gatewayConfig(token: string): object {
    const { http, local } = this.#places
    const file = join(this.folder, 'replay-token')
    return {
      data: join(this.folder, 'gateway'),
      controller: { url: `http://127.0.0.1:${http}`, token },
      local: { port: local, tokens: [{ name: 'replay', role: 'replay', file }] },
      fact_time: 'stepped',
      quota_bytes: 16 * 1024 ** 3,
      retention_days: 3_650,
      devices: deviceConfigs(this.hardware, deviceOptions),
    }
  }

  async #write(name: string, config: object): Promise<void> {
    await writeFile(join(this.folder, name), JSON.stringify(config, null, 2), { mode: 0o600 })
  }

  async #startController(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#controller = this.#program('controller', ['cloud/main.ts'])
      try {
        return void (await this.#controller.line('ready '))
      } catch (error) {
        // As whoever keeps a controller running would: once more, but not for ever.
        await this.#controller.kill()
        if (this.#closed || attempt === STARTS_MAX) throw error
        this.#say(`controller did not start, once more: ${(error as Error).message}`)
        await sleep(realPace, 500, 'start again')
      }
    }
  }

  async #startGateway(): Promise<void> {
    this.#gateway = this.#program('gateway', ['gateway/main.ts', '--log-level', 'warn'])
    this.#generation++
    await this.#gateway.line('listening ')
    if (this.#local === null) {
      const token = await readFile(join(this.folder, 'replay-token'), 'utf8')
      this.#local = httpClient(`http://127.0.0.1:${this.#places.local}`, token.trim())
    }
    if (this.#wall_ms !== null) await this.#begin(this.#wall_ms)
  }

  /** A starting gateway waits to be told the time, and answers nothing of the hall before. */
  async #begin(wall_ms: number): Promise<void> {
    for (let left = BEGIN_TRIES; ; left--) {
      try {
        await this.#tellTime(wall_ms)
        break
      } catch (error) {
        // A kept connection to the one that was killed may be tried first.
        if (left === 0 || !isFault(error, 'unavailable')) throw error
        await sleep(realPace, 20, 'time again')
      }
    }
    await this.#gateway?.line('ready ')
  }

  #program(name: 'controller' | 'gateway', [file, ...rest]: string[]): Program {
    if (this.#closed) throw new Fault('unavailable', 'stopped')
    const args = [file as string, '--config', join(this.folder, `${name}.json`), ...rest]
    return new Program({ name, args, log_file: join(this.folder, `${name}.log`), cwd: root })
  }

  /** Moves fact time, in ms since 1970 UTC, and keeps it for gateways that start later. */
  async setTime(wall_ms: number): Promise<void> {
    const first = this.#wall_ms === null
    this.#wall_ms = wall_ms
    for (;;) {
      await this.up('gateway')
      try {
        return await (first ? this.#begin(wall_ms) : this.#tellTime(wall_ms))
      } catch (error) {
        if (!isFault(error) || !error.transient) throw error
        await sleep(realPace, 2, 'time again')
      }
    }
  }

  async #tellTime(wall_ms: number): Promise<void> {
    const ask = { method: 'POST', path: '/time', body: { wall_ms } } as const
    const { outcome } = await this.local.json<{ outcome: string }>(ask)
    if (outcome !== 'moved') throw new Fault('wrong_state', 'the hall is ahead of the replay')
  }

  /** kill -9, now. What is killed is brought back meanwhile. False where it is down already. */
  crash(victim: Victim): boolean {
    if (this.#down.has(victim) || this.#closed) return false
    this.#down.add(victim)
    const back = this.#bringBack(victim)
      .catch((error: unknown) => {
        if (!this.#closed) this.#broken ??= error
      })
      .finally(() => this.#down.delete(victim))
    this.#up[victim] = back
    return true
  }

  async #bringBack(victim: Victim): Promise<void> {
    if (victim === 'gateway') {
      await this.#gateway?.kill()
      if (!this.#closed) await this.#startGateway()
    } else if (victim === 'controller') {
      await this.#controller?.kill()
      if (!this.#closed) await this.#startController()
    } else await this.#killDatabase()
  }

  /** The controller's supervisor starts it again. */
  async #killDatabase(): Promise<void> {
    const pid = await this.postmaster()
    if (pid === null) throw new Fault('unavailable', 'no database process')
    process.kill(pid, 'SIGKILL')
    while (!this.#closed) {
      await sleep(realPace, 50, 'database back')
      if ((await this.postmaster()) === pid) continue
      const health = await this.cloud.ask({ path: '/health' }).catch(() => null)
      if (health?.status === 200) return
    }
  }

  /** Process id of the database server, as the cluster's own file says. */
  async postmaster(): Promise<number | null> {
    try {
      const place = JSON.parse(
        await readFile(join(this.folder, 'controller/postgres.json'), 'utf8'),
      )
      const text = await readFile(
        join((place as { home: string }).home, 'data/postmaster.pid'),
        'utf8',
      )
      const pid = Number(text.split('\n')[0])
      return Number.isInteger(pid) && pid > 1 ? pid : null
    } catch {
      return null
    }
  }

  /** A database whose controller was killed at the very end outlives it, by design. */
  async #stopStray(): Promise<void> {
    const pid = await this.postmaster()
    if (pid === null) return
    for (let look = 0; look < 50 && (await runsFrom(pid, this.folder)); look++) {
      if (look === 0) process.kill(pid, 'SIGINT')
      await sleep(realPace, 100, 'database stops')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#gateway?.stop()
    await this.#up.gateway
    await this.#controller?.stop()
    await Promise.all([this.#up.controller, this.#up.database])
    // One that was being brought back while this began.
    await Promise.all([this.#gateway?.kill(), this.#controller?.kill()])
    await this.#stopStray()
    this.#local?.close()
    this.#cloud?.close()
    await this.#hardware?.[Symbol.asyncDispose]()
    if (this.#places.temporary) await removeAll(this.folder)
  }
}

/** Whether that process runs from this folder: numbers of processes are given out again. */
async function runsFrom(pid: number, folder: string): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return line.includes(folder)
}

/** The database may still be letting go of its last files. */
async function removeAll(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
}

/** A seed for a run that names none. */
export function newSeed(): string {
  return randomBytes(4).toString('hex')
}
