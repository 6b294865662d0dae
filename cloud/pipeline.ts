/**
 * From a broker's message to a receipt, top to bottom:
 *
 *   message ─► bounded queue ─► micro-batch ─► unpack ─► commit (log + projections) ─► receipts
 *
 * One micro-batch a booker is under way at a time, each of different halls: while the database
 * writes one, another is read and folded. A hall is only ever in one of them, so its messages keep
 * their order.
 *
 * The broker's handler only puts a message into the queue and returns. Over the bound a message is
 * dropped without a receipt: its gateway sends it again. Receipts leave after the commit that they
 * speak of, never before. While the database is away nothing is answered and nothing is lost here,
 * because it all still lies on the gateways' disks.
 */
import type { Receipt } from '#devices/contract/receipt.ts'
import { parseTopic, topic } from '#devices/contract/topics.ts'
import { type Pace, sleep } from '#devices/std/clock.ts'
import { isFault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import { backOff, type Random } from '#devices/std/random.ts'
import type { Booker, Refused } from './intake/booker.ts'
import type { Answer } from './intake/commit.ts'
import { STORE_RETRY_MOST_MS, STORE_RETRY_MS } from './intake/limits.ts'
import { IntakeQueue, type Packed } from './intake/queue.ts'

export type Message = { topic: string; payload: Uint8Array }

export type PipelineDeps = {
  /** Each books one micro-batch at a time. */
  bookers: readonly Booker[]
  publish: (topic: string, payload: string) => Promise<void>
  cloudTime_ms: () => number
  pace: Pace
  random: Random
  logger: Log
  /** Births, deaths and whatever else is not the log: never waits, never throws. */
  onPresence?: (hall: string, payload: Uint8Array) => void
  onOther?: (hall: string, name: string | null, payload: Uint8Array) => void
  /** A message on the hall's log topic was no batch. */
  onRefused?: (hall: string) => void
  /** After each commit: what was booked, for the live pages. */
  onBooked?: (hall: string, booked: number, receipt: Receipt) => void
}

export type PipelineCounters = {
  messages: number
  dropped_full: number
  /** By reason: what was not a batch or a birth. */
  refused: Record<string, number>
  booked: number
  commits: number
  store_errors: number
  queue_bytes: number
}

export interface Pipeline {
  /** Returns at once; false: the queue is full and the message is gone. */
  take(message: Message): boolean
  counters(): Readonly<PipelineCounters>
  /** Resolves when the queue is empty and nothing is being committed. */
  idle(): Promise<void>
  stop(): Promise<void>
}

export const pipeline = (deps: PipelineDeps): Pipeline => new RunningPipeline(deps)

class RunningPipeline implements Pipeline {
  readonly #deps: PipelineDeps
  readonly #queue = new IntakeQueue()
  readonly #counters: Omit<PipelineCounters, 'queue_bytes'> = {
    ...{ messages: 0, dropped_full: 0, refused: {} },
    ...{ booked: 0, commits: 0, store_errors: 0 },
  }
  /** One a booker; null where it stands still: then nothing waits that it could take. */
  readonly #lanes: (Promise<void> | null)[]
  #stopped = false

  constructor(deps: PipelineDeps) {
    this.#deps = deps
    this.#lanes = deps.bookers.map(() => null)
  }

  take({ topic: name, payload }: Message): boolean {
    this.#counters.messages++
    const to = parseTopic(name)
    if (to === null) {
      this.#count('unknown_topic')
      return true
    }
    if (to.name === 'presence') this.#deps.onPresence?.(to.hall, payload)
    if (to.name !== 'log' && to.name !== 'presence') {
      this.#deps.onOther?.(to.hall, to.name, payload)
      return true
    }
    if (this.#stopped || !this.#queue.add({ hall: to.hall, name: to.name, payload })) {
      this.#counters.dropped_full++
      return false
    }
    const idle = this.#lanes.indexOf(null)
    if (idle >= 0) this.#lanes[idle] = this.#run(idle)
    return true
  }

  counters(): Readonly<PipelineCounters> {
    return { ...this.#counters, queue_bytes: this.#queue.bytes }
  }

  async idle(): Promise<void> {
    while (this.#lanes.some((lane) => lane !== null)) await Promise.all(this.#lanes)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#lanes)
  }

  async #run(lane: number): Promise<void> {
    // Let what has just arrived share the first commit.
    await Promise.resolve()
    for (let next = this.#next(); next.length > 0; next = this.#next()) {
      try {
        await this.#book(this.#deps.bookers[lane]!, next)
      } finally {
        this.#queue.done(next)
      }
    }
    // In the same turn as the last look at the queue, so that nothing comes in between.
    this.#lanes[lane] = null
  }

  #next(): Packed[] {
    return this.#stopped ? [] : this.#queue.next()
  }

  async #book(booker: Booker, messages: readonly Packed[]): Promise<void> {
    const { random, pace, logger } = this.#deps
    const delays = backOff(random, STORE_RETRY_MS, STORE_RETRY_MOST_MS)
    while (!this.#stopped) {
      try {
        const { answers, refused } = await booker.book(messages)
        for (const one of refused) this.#refuse(one)
        if (answers.length > 0) this.#counters.commits++
        for (const answer of answers) this.#send(answer)
        return
      } catch (error) {
        this.#counters.store_errors++
        // A fault is the database's; anything else is a mistake of ours and must be seen.
        if (!isFault(error)) throw error
        logger('warn', 'store.unavailable', { reason: error.message })
        await sleep(pace, delays.next().value, 'store')
      }
    }
  }

  /** Whoever sends nonsense without end does not fill the log with it. */
  #refuse({ hall, code, detail }: Refused): void {
    const n = this.#count(code)
    if (code !== 'presence') this.#deps.onRefused?.(hall)
    if (Number.isInteger(Math.log2(n)))
      this.#deps.logger('warn', 'batch.refused', { hall, code, detail, n })
  }

  #count(code: string): number {
    const n = (this.#counters.refused[code] ?? 0) + 1
    this.#counters.refused[code] = n
    return n
  }

  #send({ hall, receipt, booked }: Answer): void {
    const { publish, cloudTime_ms, logger, onBooked } = this.#deps
    this.#counters.booked += booked
    const full: Receipt = { ...receipt, cloud_time_ms: cloudTime_ms() }
    // A receipt that does not arrive is asked for again by sending the batch once more.
    publish(topic(hall, 'receipt'), JSON.stringify(full)).catch((error: Error) => {
      logger('debug', 'receipt.not_sent', { hall, reason: error.message })
    })
    onBooked?.(hall, booked, full)
  }
}
