/**
 * Bookers in worker threads, so that intake uses more than one core: each has its own connections
 * and does everything from a message's bytes to its receipt. This thread keeps what there is one of:
 * the queue before them, and the database's own id, which a lane asks for whenever it connects anew.
 *
 * A mistake of ours in a worker ends the program, as it would here.
 */
import { Worker } from 'node:worker_threads'
import { assert } from '#devices/std/assert.ts'
import { Fault, type FaultCode, isFault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import type { BookedAll, Booker } from './booker.ts'
import type { Packed } from './queue.ts'

/** What there is one of, whatever the number of lanes. */
export type Ledger = {
  /** The database's own id. */
  ledger(): Promise<string>
  /** The same after a look whether the database was restored. */
  identify(): Promise<string>
  /** Something was committed. */
  committed(): void
}

export type LaneData = { url: string }
type FaultTold = { code: FaultCode; detail: string }
export type ToLane =
  | { type: 'book'; ledger: string; messages: readonly Packed[] }
  | { type: 'identified'; ledger: string }
  | { type: 'not_identified'; fault: FaultTold }
  | { type: 'close' }
export type FromLane =
  | { type: 'booked'; booked: BookedAll }
  | { type: 'failed'; fault: FaultTold }
  | { type: 'identify' }
  | { type: 'log'; line: Parameters<Log> }

export type Lanes = AsyncDisposable & { bookers: readonly Booker[] }

export function startLanes(
  needs: { ledger: Ledger; logger: Log },
  { lanes, url }: LaneData & { lanes: number },
): Lanes {
  const started = Array.from({ length: lanes }, () => startLane(needs, { url }))
  return {
    bookers: started,
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map((lane) => lane.close()))
    },
  }
}

function startLane(
  { ledger, logger }: { ledger: Ledger; logger: Log },
  workerData: LaneData,
): Booker & { close(): Promise<void> } {
  const worker = new Worker(new URL('./lane-worker.ts', import.meta.url), { workerData })
  const tell = (message: ToLane) => worker.postMessage(message)
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  let waiting: PromiseWithResolvers<BookedAll> | null = null

  const settle = (): PromiseWithResolvers<BookedAll> => {
    assert(waiting !== null, 'a lane answers what it was asked')
    const settled = waiting
    waiting = null
    return settled
  }
  const identify = () =>
    ledger.identify().then(
      (id) => tell({ type: 'identified', ledger: id }),
      (error: unknown) => tell({ type: 'not_identified', fault: faultOf(error) }),
    )
  worker.on('message', (message: FromLane) => {
    if (message.type === 'log') logger(...message.line)
    else if (message.type === 'identify') void identify()
    else if (message.type === 'failed') settle().reject(new Fault(...argsOf(message.fault)))
    else {
      if (message.booked.answers.length > 0) ledger.committed()
      settle().resolve(message.booked)
    }
  })
  return {
    async book(messages) {
      assert(waiting === null, 'a lane books one micro-batch at a time')
      const asked = Promise.withResolvers<BookedAll>()
      waiting = asked
      try {
        tell({ type: 'book', ledger: await ledger.ledger(), messages })
      } catch (error) {
        waiting = null
        throw error
      }
      return asked.promise
    },
    async close() {
      tell({ type: 'close' })
      await ended
    },
  }
}

export function faultOf(error: unknown): FaultTold {
  if (!isFault(error)) throw error
  return { code: error.code, detail: error.detail }
}

export const argsOf = ({ code, detail }: FaultTold) => [code, detail] as const
