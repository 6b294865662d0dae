/**
 * One gateway in a simulated world: the real log, engine, shipper and pipeline over a simulated disk
 * and link. A crash takes everything but the disk; a start finds what the disk holds.
 */

import type { Stamp } from '#devices/contract/record.ts'
import { isFault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import { type PinDesk, pinDesk } from '../../gateway/compose/pin-desk.ts'
import { countersShown, printJobOf } from '../../gateway/hall/effects.ts'
import type { Effect } from '../../gateway/hall/input.ts'
import { Places } from '../../gateway/hall/places.ts'
import { ratingAt } from '../../gateway/hall/ratings.ts'
import type { HallState } from '../../gateway/hall/state.ts'
import { isWhole, openWhole, recoverInto } from '../../gateway/log/begin.ts'
import { salvage } from '../../gateway/log/check.ts'
import { logClient } from '../../gateway/log/client.ts'
import type { HallLog, HallLogOptions } from '../../gateway/log/hall-log.ts'
import type { Marks, MarksFile } from '../../gateway/log/marks.ts'
import { type LogService, logService, type Request } from '../../gateway/log/service.ts'
import { type Hall, openHall } from '../../gateway/pipeline.ts'
import { type DiskFaults, MemoryLogStore } from './memory-log-store.ts'
import type { Network } from './network.ts'
import { PinPads, RatingPads } from './pads.ts'
import { draw, type Rng, type Scheduler } from './scheduler.ts'

/** Where PIN pads stand. */
const COUNTERS = ['c1', 'c2', 'c3']

export type GatewayParts = {
  hall: string
  id: string
  scheduler: Scheduler
  rng: Rng
  network: Network
  /** The wall clock of this machine, ms. */
  wall_ms: () => number
  onPaper: (gateway: SimGateway, paper: { ticket: string; number: string }) => void
  logger: Log
  retention_ms: number
  quota_bytes: number
  snapshot_every: number
  diskDelay_ms: number
}

/** What survives a crash: the log's file and the marks beside it. */
export type Disk = { store: MemoryLogStore; marks: Marks | null }

export class SimGateway {
  readonly parts: GatewayParts
  disk: Disk
  hall: Hall | null = null
  log: HallLog | null = null
  /** What this life can say of whether a ticket or an order is booked. */
  places = new Places()
  /** Tickets whose paper is still to come out. */
  readonly printing = new Set<string>()
  /** Rises at every start; what belongs to an earlier life is dropped. */
  life = 0
  /** The line is out: no start and no repair of the link brings it back. */
  offline = false
  readonly raters: RatingPads
  readonly pinPads: PinPads
  /** Of this life. */
  pins: PinDesk | null = null
  #serving = false
  #requests: Request[] = []

  constructor(parts: GatewayParts, disk?: Disk) {
    this.parts = parts
    this.raters = new RatingPads(parts.scheduler)
    this.pinPads = new PinPads(parts.scheduler, parts.rng)
    this.disk = disk ?? { store: new MemoryLogStore(), marks: null }
  }

  get alive(): boolean {
    return this.hall !== null
  }

  async start(): Promise<void> {
    const { parts } = this
    this.crash()
    this.places = new Places()
    const { life } = this
    const boot = draw.hex(parts.rng, 16)
    const born_ms = parts.scheduler.now_ms()
    const mono_ms = () => parts.scheduler.now_ms() - born_ms
    const stamps = () => ({
      ...{ wall_ms: Math.round(parts.wall_ms()), boot, mono_ms: Math.round(mono_ms()) },
      ...{ skew_ms: null, skew_error_ms: null },
    })
    const log = this.#openLog({
      gateway: parts.id,
      freshEpoch: () => draw.hex(parts.rng, 32),
      stamp: stamps,
      quota_bytes: parts.quota_bytes,
      retention_ms: parts.retention_ms,
    })
    this.log = log
    const service = logService(log, this.#marksFile())
    const { client, receive } = logClient((request) => this.#queue(request, service, receive))
    const name = `${parts.id}#${life}`
    const uplink = parts.network.uplink(name, parts.hall, draw.hex(parts.rng, 16))
    const hall = await openHall({
      hall: parts.hall,
      gateway: parts.id,
      version: 'sim',
      fence: 1,
      log: client,
      uplink,
      pace: guardedPace(parts.scheduler, () => this.life === life),
      random: parts.rng,
      stamps,
      places: this.places,
      fresh: () => draw.hex(parts.rng, 16),
      sendStamp: () => ({ boot, mono_ms: mono_ms() + parts.rng() / 1e3 }),
      pack: (batch) => batch,
      onEffects: (effects, state) => this.#effects({ effects, state, life, stamps }),
      devices: () => [],
      logger: parts.logger,
      housekeeping_ms: 5_000,
      snapshot_every: parts.snapshot_every,
    })
    if (this.life !== life) return
    this.hall = hall
    this.pins = this.#pinDesk(hall, life)
    this.raters.idle()
    const state = hall.desk.state as HallState
    for (const counter of countersShown(state)) {
      this.raters.show(counter, ratingAt(state, counter, stamps()))
    }
  }

  #pinDesk(hall: Hall, life: number): PinDesk {
    const { scheduler, rng } = this.parts
    const alive = () => this.life === life
    const pace = guardedPace(scheduler, alive)
    this.pinPads.start(COUNTERS, { pace, alive })
    return pinDesk({
      ...{ desk: hall.desk, state: () => hall.desk.state, pace, random: rng },
      pads: (counter) => this.pinPads.at(counter),
      fresh: () => draw.hex(rng, 16),
      boot: draw.hex(rng, 8),
    })
  }

  #openLog(options: HallLogOptions): HallLog {
    const marks = this.#marksFile()
    const { store } = this.disk
    if (isWhole(store)) return openWhole(store, { ...options, marks }).log
    const fresh = new MemoryLogStore(store.faults)
    const log = recoverInto(fresh, salvage(store), { ...options, marks })
    this.disk.store = fresh
    return log
  }

  #marksFile(): MarksFile {
    const { disk } = this
    return {
      load: () => disk.marks,
      save: (marks) => {
        // The same disk: it may fail here as well, between the log's commit and this.
        disk.store.faults.beforeMarks?.()
        disk.marks = structuredClone(marks)
      },
    }
  }

  /** The log's worker: takes what has queued up, is busy for a while, answers a while later. */
  #queue(request: Request, service: LogService, receive: (reply: never) => void): void {
    const { scheduler, rng, diskDelay_ms } = this.parts
    const { life } = this
    this.#requests.push(request)
    if (this.#serving) return
    this.#serving = true
    scheduler.after(rng() * diskDelay_ms, 'disk', () => {
      if (life !== this.life) return
      this.#serving = false
      const requests = this.#requests
      this.#requests = []
      const replies = service.serve(requests)
      scheduler.after(rng() * 2, 'disk answer', () => {
        if (life === this.life) for (const reply of replies) receive(reply as never)
      })
    })
  }

  #effects(done: {
    effects: readonly Effect[]
    state: Readonly<HallState>
    life: number
    stamps: () => Stamp
  }): void {
    const { effects, state, life, stamps } = done
    for (const effect of effects) {
      if (effect.type === 'print') this.#print(effect, state, life)
      if (effect.type === 'rate') {
        const { counter } = effect
        this.raters.show(counter, ratingAt(state as HallState, counter, stamps()))
      }
    }
    this.pins?.act(effects, state)
  }

  /** A printer: the paper comes out a moment later, and then its word. */
  #print(
    effect: Extract<Effect, { type: 'print' }>,
    state: Readonly<HallState>,
    life: number,
  ): void {
    const job = printJobOf(state as HallState, effect.ticket)
    if (job === null) return
    const { scheduler, rng } = this.parts
    this.printing.add(job.ticket)
    scheduler.after(rng() * 400, 'printer', () => {
      this.printing.delete(job.ticket)
      this.parts.onPaper(this, { ticket: job.ticket, number: job.number })
      if (life !== this.life || this.hall === null) return
      void this.hall.desk.submit({
        ...{ type: 'ticket.delivery', ticket: job.ticket },
        ...{ outcome: 'printed', reprint: effect.reprint },
      })
    })
  }

  /** Power off: all but the disk is gone. */
  crash(): void {
    const { network, id } = this.parts
    network.forget(`${id}#${this.life}`)
    this.life++
    this.hall = null
    this.pins = null
    this.pinPads.crash()
    this.log = null
    this.#serving = false
    this.#requests = []
  }

  connect(): void {
    if (this.offline) return
    this.parts.network.link(`${this.parts.id}#${this.life}`)?.connect()
  }

  cut(): void {
    this.parts.network.link(`${this.parts.id}#${this.life}`)?.cut()
  }

  setDiskFaults(faults: DiskFaults): void {
    Object.assign(
      this.disk.store.faults,
      {
        beforeCommit: undefined,
        afterCommit: undefined,
        beforeMarks: undefined,
        room_bytes: undefined,
      },
      faults,
    )
  }
}

/** Timers of a life that has ended do not fire. */
function guardedPace(scheduler: Scheduler, alive: () => boolean) {
  return {
    now_ms: () => scheduler.now_ms(),
    after: (ms: number, what: string, run: () => void) =>
      scheduler.after(ms, what, () => {
        if (alive()) run()
      }),
  }
}

export const isTransient = (error: unknown): boolean => isFault(error) && error.transient
