/** The controller in a simulated world: the real pipeline over the store in memory. */
import { Fault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import { bookersHere } from '../../cloud/intake/booker.ts'
import { type Pipeline, pipeline } from '../../cloud/pipeline.ts'
import { projections } from '../../cloud/projections.ts'
import { MemoryCloudStore, type Snapshot, type StoreCall } from './memory-cloud-store.ts'
import type { Network } from './network.ts'
import { draw, type Rng, type Scheduler } from './scheduler.ts'

export class SimCloud {
  readonly store: MemoryCloudStore
  readonly #scheduler: Scheduler
  readonly #network: Network
  readonly #rng: Rng
  readonly #logger: Log
  #pipeline: Pipeline | null = null
  #life = 0
  /** Probability that a call of the database fails. */
  failing = 0

  constructor(parts: { scheduler: Scheduler; network: Network; rng: Rng; logger: Log }) {
    this.#scheduler = parts.scheduler
    this.#network = parts.network
    this.#rng = parts.rng
    this.#logger = parts.logger
    this.store = new MemoryCloudStore(projections, {
      ledger: draw.hex(parts.rng, 32),
      beforeCall: (call) => this.#beforeCall(call),
    })
  }

  #beforeCall(call: StoreCall): void {
    if (this.failing === 0 || !draw.chance(this.#rng, this.failing)) return
    // Most failures are a database that is away; some are of another kind and must be narrowed down.
    if (call === 'write' && draw.chance(this.#rng, 0.3)) throw new Error('statement failed')
    throw new Fault('unavailable', call)
  }

  start(): void {
    const life = ++this.#life
    const alive = () => this.#life === life
    this.#pipeline = pipeline({
      bookers: bookersHere({ store: this.store, projections, logger: this.#logger }),
      publish: async (topic, payload) => {
        if (alive()) this.#network.down(topic, payload)
      },
      cloudTime_ms: () => 1_000_000_000_000 + Math.round(this.#scheduler.now_ms()),
      pace: {
        now_ms: () => this.#scheduler.now_ms(),
        after: (ms, what, run) => this.#scheduler.after(ms, what, () => alive() && run()),
      },
      random: this.#rng,
      logger: this.#logger,
    })
    const running = this.#pipeline
    this.#network.cloud = (topic, payload) => {
      if (alive()) running.take({ topic, payload: Uint8Array.from(payload) })
    }
  }

  crash(): void {
    this.#life++
    this.#network.cloud = null
    this.#pipeline = null
  }

  get alive(): boolean {
    return this.#pipeline !== null
  }

  backup(): Snapshot {
    return this.store.snapshot()
  }

  restore(backup: Snapshot, { unnoticed }: { unnoticed: boolean }): void {
    this.store.restore(backup, unnoticed ? backup.ledger : draw.hex(this.#rng, 32))
  }

  /** An administrator's word on who owns a hall. */
  async setOwner(hall: string, owner: string): Promise<void> {
    await this.store.transaction(async (tx) => {
      const cursor = (await tx.cursors([hall])).get(hall)!
      const changed = { ...cursor, owner, fence: cursor.fence + 1 }
      const nothing = { epochs: [], segments: [], origins: [], puts: [], rejections: [] }
      await tx.write([{ hall, cursor: changed, ...nothing, upto: cursor.records }])
    })
  }
}
