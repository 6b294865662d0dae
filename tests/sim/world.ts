/**
 * A whole chain of halls in one process under a virtual clock. One seed draws the halls, the faults
 * and which of them are off; the world runs with faults, then without, and must then come to rest
 * with everything in its place ({@link ./checks.ts}).
 */

import { Fault, isFault } from '#devices/std/fault.ts'
import { silent } from '#devices/std/log.ts'
import { checkHall, type HallCheck, sourceKey } from './checks.ts'
import { SimCloud } from './cloud.ts'
import { type Disk, SimGateway } from './gateway.ts'
import { MemoryLogStore } from './memory-log-store.ts'
import { Network, perfectLink } from './network.ts'
import { drawOptions, OFF, type WorldOptions } from './options.ts'
import { type Book, People } from './people.ts'
import { draw, Scheduler, seeded } from './scheduler.ts'

export type Outcome = {
  seed: number
  options: WorldOptions
  problems: string[]
  told: number
  records: number
  messages: number
  virtual_ms: number
}

type SimHall = {
  hall: string
  gateway: SimGateway
  clone: SimGateway | null
  owner: string
  owners: Set<string>
  people: People[]
  book: Book
  inDoubt: Set<string>
  mayDouble: Set<string>
  numbersMayRepeat: boolean
  restored: boolean
  recordsLost: boolean
  mayDeny: boolean
}

const DAY = '2026-01-05'
const START_MS = Date.parse('2026-01-05T01:00:00Z')

export async function runWorld(
  seed: number,
  options: WorldOptions = drawOptions(seed),
): Promise<Outcome> {
  return new World(seed, options).run()
}

class World {
  readonly #seed: number
  readonly #options: WorldOptions
  readonly #scheduler = new Scheduler()
  readonly #rng
  readonly #network: Network
  readonly #cloud: SimCloud
  readonly #halls: SimHall[] = []
  #faults = true
  #people = true
  #clockStep_ms = 0

  constructor(seed: number, options: WorldOptions) {
    this.#seed = seed
    this.#options = options
    this.#rng = seeded(seed * 7 + 1)
    const { drop, duplicate, late, late_ms } = options
    this.#network = new Network(this.#scheduler, this.#rng, {
      drop,
      duplicate,
      late,
      late_ms,
      delay_ms: 40,
    })
    this.#cloud = new SimCloud({
      scheduler: this.#scheduler,
      network: this.#network,
      rng: this.#rng,
      logger: silent,
    })
  }

  async run(): Promise<Outcome> {
    const { faults_ms } = this.#options
    for (let i = 0; i < this.#options.halls; i++) await this.#openHall(`hall-${i}`)
    this.#cloud.start()
    this.#cloud.failing = this.#options.store_failing
    this.#scheduleFaults()
    await this.#scheduler.run(faults_ms, () => false)
    await this.#heal()
    const quiet = await this.#scheduler.run(1_800_000, () => this.#atRest())
    const problems = quiet ? [] : ['the world did not come to rest']
    for (const hall of this.#halls) problems.push(...checkHall(await this.#checkOf(hall)))
    return {
      seed: this.#seed,
      options: this.#options,
      problems,
      told: this.#halls.reduce((sum, h) => sum + h.book.told.length, 0),
      records: this.#halls.reduce(
        (sum, h) => sum + (this.#cloud.store.halls.get(h.hall)?.cursor.records ?? 0),
        0,
      ),
      messages: this.#network.messages,
      virtual_ms: Math.round(this.#scheduler.now_ms()),
    }
  }

  async #openHall(name: string): Promise<void> {
    const book: Book = { told: [], papers: [], refused: [], ratings: [], pins: [] }
    const gateway = this.#gateway(name, `gw-${name}`, { book })
    const hall: SimHall = {
      ...{ hall: name, gateway, clone: null, owner: gateway.parts.id },
      ...{ owners: new Set([gateway.parts.id]), people: [], book, inDoubt: new Set<string>() },
      mayDouble: new Set<string>(),
      ...{ numbersMayRepeat: false, restored: false, recordsLost: false, mayDeny: false },
    }
    this.#halls.push(hall)
    await this.#cloud.setOwner(name, gateway.parts.id)
    this.#startSoon(gateway)
    this.#settleIn(hall, gateway)
  }

  #gateway(hall: string, id: string, more: { book: Book; disk?: Disk }): SimGateway {
    return new SimGateway(
      {
        ...{ hall, id, scheduler: this.#scheduler, rng: this.#rng, network: this.#network },
        wall_ms: () => START_MS + this.#scheduler.now_ms() + this.#clockStep_ms,
        onPaper: (gateway, { ticket, number }) =>
          more.book.papers.push({
            gateway: gateway.parts.id,
            ticket,
            number,
            at_ms: this.#scheduler.now_ms(),
          }),
        logger: silent,
        retention_ms: this.#options.retention_ms,
        quota_bytes: this.#options.quota_bytes,
        snapshot_every: this.#options.snapshot_every,
        diskDelay_ms: this.#options.diskDelay_ms,
      },
      more.disk,
    )
  }

  #settleIn(hall: SimHall, gateway: SimGateway): void {
    const people = new People({
      ...{ scheduler: this.#scheduler, rng: this.#rng, book: hall.book, gateway },
      ...{ running: () => this.#people, pace_ms: this.#options.pace_ms, day: DAY },
    })
    hall.people.push(people)
    people.start()
  }

  #startSoon(gateway: SimGateway, ms = 1): void {
    this.#scheduler.after(ms, 'boot', () => {
      if (gateway.alive) return
      gateway.setDiskFaults(this.#faults ? this.#diskFaults() : {})
      gateway.start().then(
        () => this.#scheduler.after(this.#rng() * 200, 'link', () => gateway.connect()),
        (error: unknown) => {
          // The disk may refuse a start; anything else is a mistake of ours.
          if (!isFault(error)) throw error
          this.#crashAndStart(gateway)
        },
      )
    })
  }

  #diskFaults() {
    const { disk_failing } = this.#options
    if (disk_failing === 0) return {}
    const fail = (p: number) => () => {
      if (this.#faults && draw.chance(this.#rng, p)) {
        throw new Fault(draw.chance(this.#rng, 0.5) ? 'disk_full' : 'commit_failed', 'simulated')
      }
    }
    const beforeMarks = fail(Math.min(0.5, disk_failing * 5))
    return { beforeCommit: fail(disk_failing), afterCommit: fail(disk_failing / 3), beforeMarks }
  }

  #crashAndStart(gateway: SimGateway): void {
    gateway.crash()
    this.#startSoon(gateway, 200 + this.#rng() * 3_000)
  }

  #every(mean_ms: number, what: string, run: () => void): void {
    if (mean_ms === OFF) return
    this.#scheduler.after(mean_ms * (0.3 + 1.4 * this.#rng()), what, () => {
      if (!this.#faults) return
      run()
      this.#every(mean_ms, what, run)
    })
  }

  #scheduleFaults(): void {
    const o = this.#options
    const anyGateway = () => draw.of(this.#rng, this.#halls).gateway
    this.#every(o.gateway_crash_every_ms, 'gateway crash', () => this.#crashAndStart(anyGateway()))
    this.#every(o.cloud_crash_every_ms, 'cloud crash', () => {
      this.#cloud.crash()
      this.#scheduler.after(this.#rng() * 5_000, 'cloud start', () => this.#cloud.start())
    })
    this.#every(o.partition_every_ms, 'partition', () => {
      const gateway = anyGateway()
      gateway.cut()
      this.#scheduler.after(this.#rng() * o.partition_ms, 'link', () => gateway.connect())
    })
    this.#every(o.disk_full_every_ms, 'disk full', () => {
      const gateway = anyGateway()
      // A little is left: some commits fit, most do not.
      gateway.setDiskFaults({
        ...this.#diskFaults(),
        room_bytes: gateway.disk.store.bytes() + 2_000,
      })
      this.#scheduler.after(this.#rng() * 10_000, 'room again', () =>
        gateway.setDiskFaults(this.#faults ? this.#diskFaults() : {}),
      )
    })
    this.#every(o.clock_step_every_ms, 'clock step', () => {
      this.#clockStep_ms += draw.between(this.#rng, -30_000, 30_000)
    })
    this.#scheduler.after(o.faults_ms * draw.between(this.#rng, 0.2, 0.5), 'before', () =>
      this.#prepareDisaster(),
    )
  }

  #prepareDisaster(): void {
    const { disaster, faults_ms } = this.#options
    const hall = draw.of(this.#rng, this.#halls)
    const later = faults_ms * draw.between(this.#rng, 0.05, 0.4)
    const copy = () => ({
      store: hall.gateway.disk.store.copy({}),
      marks: structuredClone(hall.gateway.disk.marks),
    })
    switch (disaster) {
      case 'none':
        return
      case 'gateway_restored': {
        const backup = copy()
        hall.mayDeny = !hall.book.told.some(({ ask }) => ask.type === 'day.open')
        this.#scheduler.after(later, disaster, () => this.#restoreGateway(hall, backup))
        return
      }
      case 'gateway_cloned': {
        const backup = copy()
        hall.mayDeny = !hall.book.told.some(({ ask }) => ask.type === 'day.open')
        this.#scheduler.after(later / 2, disaster, () => this.#cloneGateway(hall, backup))
        return
      }
      case 'cloud_restored': {
        const backup = this.#cloud.backup()
        this.#scheduler.after(later, disaster, () => this.#restoreCloud(backup))
        return
      }
      case 'cloud_restored_too_old': {
        // What the gateways have forgotten since is gone; everything must go on all the same.
        const backup = this.#cloud.backup()
        this.#scheduler.after(later, disaster, () => {
          this.#restoreCloud(backup)
          for (const each of this.#halls) this.#doubtUnbooked(each)
        })
        return
      }
      case 'record_rotten':
        this.#scheduler.after(later, disaster, () => this.#rot(hall))
        return
      case 'log_missing':
        this.#scheduler.after(later, disaster, () => this.#loseLog(hall))
        return
    }
  }

  /** The log file is put back from a copy, or its whole folder. What only it held may be lost. */
  #restoreGateway(hall: SimHall, backup: Disk): void {
    const { gateway } = hall
    gateway.crash()
    gateway.disk.store = backup.store
    if (this.#options.whole_folder) gateway.disk.marks = backup.marks
    hall.restored = true
    this.#doubtUnbooked(hall)
    this.#startSoon(gateway, 500)
    this.#maybeOffline(gateway)
  }

  /** What a new start begins, it may have to begin and go on with for a long while alone. */
  #maybeOffline(gateway: SimGateway): void {
    if (!draw.chance(this.#rng, 0.5)) return
    gateway.offline = true
    this.#scheduler.after(this.#rng() * 40_000, 'line repaired', () => {
      gateway.offline = false
      gateway.connect()
    })
  }

  /** With the log the rules and the day may be gone: somebody opens the hall again. */
  #reopen(hall: SimHall): void {
    hall.mayDeny = true
    this.#scheduler.after(5_000, 'reopening', () => void hall.people[0]!.openAgain())
  }

  #loseLog(hall: SimHall): void {
    const { gateway } = hall
    gateway.crash()
    gateway.disk.store = new MemoryLogStore()
    this.#doubtUnbooked(hall)
    this.#reopen(hall)
    this.#startSoon(gateway, 500)
    this.#maybeOffline(gateway)
  }

  #rot(hall: SimHall): void {
    const { gateway } = hall
    gateway.crash()
    const manner = draw.of(this.#rng, ['text', 'hash', 'gone'] as const)
    const text = gateway.disk.store.rot(this.#rng(), manner)
    // That one may be gone, and what rests on it is in doubt; every other record is still there.
    hall.recordsLost = true
    this.#doubtUnanswered(hall)
    const { source, data } = JSON.parse(text ?? '{"data":{}}')
    if (source !== undefined) hall.inDoubt.add(sourceKey(source))
    if (data.ticket !== undefined) hall.inDoubt.add(data.ticket)
    if (data.request !== undefined) hall.inDoubt.add(data.request)
    this.#reopen(hall)
    this.#startSoon(gateway, 500)
    this.#maybeOffline(gateway)
  }

  /** Whatever the cloud does not hold at this moment may be gone with the disk. */
  #doubtUnbooked(hall: SimHall): void {
    hall.recordsLost = true
    this.#doubtUnanswered(hall)
    const held = this.#heldSources(hall.hall)
    for (const { source } of hall.book.told)
      if (!held.has(sourceKey(source))) hall.inDoubt.add(sourceKey(source))
    for (const { request } of hall.book.pins) if (!held.has(request)) hall.inDoubt.add(request)
    for (const ticket of hall.gateway.printing) hall.inDoubt.add(ticket)
    for (const { ticket } of hall.book.papers) if (!held.has(ticket)) hall.inDoubt.add(ticket)
  }

  /**
   * What was recorded and booked but answered to nobody is asked again of a log that no longer knows
   * it: then both stand.
   */
  #doubtUnanswered(hall: SimHall): void {
    for (const { waiting } of hall.people)
      for (const source of waiting) hall.mayDouble.add(sourceKey(source))
  }

  #heldSources(hall: string): Set<string> {
    const held = new Set<string>()
    for (const segment of this.#cloud.store.halls.get(hall)?.segments ?? []) {
      for (const line of Buffer.from(segment.bytes).toString('utf8').split('\n').slice(0, -1)) {
        const record = JSON.parse(line)
        if (record.source !== undefined) held.add(sourceKey(record.source))
        if (record.kind === 'ticket.issued') held.add(record.data.ticket)
        if (record.kind === 'pin.ended') held.add(record.data.request)
      }
    }
    return held
  }

  /** A copy of the disk in another box, with the same credential: two claim one hall. */
  #cloneGateway(hall: SimHall, backup: Disk): void {
    const clone = this.#gateway(hall.hall, `clone-${hall.hall}`, { book: hall.book, disk: backup })
    hall.clone = clone
    hall.numbersMayRepeat = true
    this.#startSoon(clone)
    this.#settleIn(hall, clone)
    if (!draw.chance(this.#rng, 0.5)) return
    this.#scheduler.after(this.#rng() * 30_000, 'replacement', async () => {
      hall.owner = clone.parts.id
      hall.owners.add(clone.parts.id)
      const failing = this.#cloud.failing
      this.#cloud.failing = 0
      await this.#cloud.setOwner(hall.hall, clone.parts.id)
      this.#cloud.failing = failing
    })
  }

  #restoreCloud(backup: ReturnType<SimCloud['backup']>): void {
    this.#cloud.crash()
    this.#cloud.restore(backup, { unnoticed: this.#options.unnoticed })
    this.#cloud.start()
  }

  async #heal(): Promise<void> {
    this.#faults = false
    this.#people = false
    this.#network.faults = perfectLink
    this.#cloud.failing = 0
    if (!this.#cloud.alive) this.#cloud.start()
    for (const { gateway, clone } of this.#halls) {
      for (const one of [gateway, clone]) {
        if (one === null) continue
        one.setDiskFaults({})
        one.offline = false
        if (one.alive) one.connect()
        else this.#startSoon(one)
      }
    }
  }

  #ownerOf(hall: SimHall): SimGateway {
    return hall.clone !== null && hall.owner === hall.clone.parts.id ? hall.clone : hall.gateway
  }

  #atRest(): boolean {
    return this.#halls.every((hall) => {
      const owner = this.#ownerOf(hall)
      const open = hall.people.some((people) => people.open > 0)
      return !open && owner.alive && owner.log !== null && owner.log.status().unbooked === 0
    })
  }

  async #checkOf(hall: SimHall): Promise<HallCheck> {
    const owner = this.#ownerOf(hall)
    const status = owner.log?.status()
    return {
      ...{ hall: hall.hall, data: this.#cloud.store.halls.get(hall.hall), book: hall.book },
      head: { epoch: status?.epoch ?? '', ...(status?.head ?? { seq: -1, hash: '' }) },
      unbooked: status?.unbooked ?? -1,
      ...{ owners: hall.owners, owner: hall.owner, inDoubt: hall.inDoubt },
      ...{ numbersMayRepeat: hall.numbersMayRepeat, restored: hall.restored },
      recordsLost: hall.recordsLost,
      booked: (about) => {
        const place = owner.places.of(about)
        return place !== null && owner.places.booked(place) ? place : null
      },
      mayDeny: hall.mayDeny,
      mayDouble: hall.mayDouble,
    }
  }
}
