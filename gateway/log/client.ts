/**
 * The log as the rest of the gateway sees it: promises over {@link Request} and {@link Reply}.
 * What carries them is an argument: a worker's port for real, a delayed queue in a simulation.
 *
 * Faults: those of the log, and `overloaded` when too many appends wait.
 */

import type { Receipt } from '#devices/contract/receipt.ts'
import type { Draft, Stamp } from '#devices/contract/record.ts'
import { printRecord } from '#devices/contract/record-text.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Appended, Log, LogStatus, ReceiptEffect, ShipCursor, ShipperLog } from '../ports.ts'
import type { Stored } from './hall-log.ts'
import { READ_CHUNK, WAITING_MAX } from './limits.ts'
import type { UsedNumber } from './numbers.ts'
import type { Call, Reply, Request, Results, Snapshot } from './service.ts'

/** Last known status, without a round trip. */
export interface LogClient extends Log, ShipperLog {
  append(records: readonly { draft: Draft; at: Stamp }[]): Promise<Appended>
  takeReceipt(receipt: Receipt, sent?: ShipCursor | null): Promise<ReceiptEffect>
  snapshot(): Promise<Snapshot>
  saveSnapshot(at: ShipCursor, state: string): Promise<void>
  /**
   * Every record behind `after`, in order. Begins a new generation: call it only to rebuild the
   * state, when no append decided on the old one will follow.
   */
  fold(after: ShipCursor | null): AsyncGenerator<Stored>
  prune(now_wall_ms: number): Promise<number>
  /** A person has seen it. False where it is not raised. */
  clearAlarm(alarm: string): Promise<boolean>
  /** Called after each successful append. */
  onAppended(run: () => void): void
  /** Everything that waits is refused; nothing more is sent. */
  fail(fault: Fault): void
}

type Waiter = { resolve: (result: never) => void; reject: (error: unknown) => void }

export function logClient(send: (request: Request) => void): {
  client: LogClient
  receive: (reply: Reply) => void
} {
  const waiting = new Map<number, Waiter>()
  const appended: (() => void)[] = []
  let nextId = 1
  let generation = 0
  let broken: Fault | null = null

  function ask<O extends Call['op']>(call: Extract<Call, { op: O }>): Promise<Results[O]> {
    if (broken !== null) return Promise.reject(broken)
    if (waiting.size >= WAITING_MAX) return Promise.reject(new Fault('overloaded', 'hall log'))
    const id = nextId++
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      send({ id, call })
    })
  }

  function receive(reply: Reply): void {
    const waiter = waiting.get(reply.id)
    waiting.delete(reply.id)
    if (reply.ok) waiter?.resolve(reply.result as never)
    else waiter?.reject(new Fault(reply.code, reply.detail))
  }

  const client: LogClient = {
    async append(records) {
      const result = await ask<'append'>({
        op: 'append',
        generation,
        entries: records.map(({ draft, at }) => ({
          text: printRecord(draft, at),
          wall_ms: at.wall_ms,
        })),
        closing: records.every(({ draft }, i) => isClosing(draft, records[i + 1]?.draft)),
        used: records.flatMap(({ draft }) => usedNumber(draft)),
      })
      for (const run of appended) run()
      return result
    },
    status: (): Promise<LogStatus> => ask<'status'>({ op: 'status' }),
    readBatch: (after) => ask<'readBatch'>({ op: 'readBatch', after }),
    async takeReceipt(receipt, sent = null) {
      return (await ask<'takeReceipt'>({ op: 'takeReceipt', receipt, sent, generation })).effect
    },
    snapshot: () => ask<'snapshot'>({ op: 'snapshot' }),
    async saveSnapshot(at, state) {
      await ask<'saveSnapshot'>({ op: 'saveSnapshot', at, state })
    },
    async *fold(after) {
      generation++
      for (let from = after; ; ) {
        const chunk = await ask<'fold'>({ op: 'fold', after: from })
        yield* chunk
        if (chunk.length < READ_CHUNK) return
        const { epoch, seq } = chunk.at(-1)!
        from = { epoch, seq }
      }
    },
    prune: (now_wall_ms) => ask<'prune'>({ op: 'prune', now_wall_ms }),
    clearAlarm: (alarm) => ask<'clearAlarm'>({ op: 'clearAlarm', alarm }),
    onAppended: (run) => void appended.push(run),
    fail(fault) {
      broken = fault
      for (const waiter of waiting.values()) waiter.reject(fault)
      waiting.clear()
    },
  }
  return { client, receive }
}

/** Records that end something already begun: taken even when new business is refused. */
function isClosing(draft: Draft, next: Draft | undefined): boolean {
  switch (draft.kind) {
    // Goes with the end of the visit it asks about.
    case 'rating.asked':
      return next?.kind === 'ticket.done'
    case 'pin.ended':
    case 'ticket.delivered':
    case 'ticket.done':
    case 'ticket.no_show':
    case 'ticket.left':
    case 'order.result':
    case 'counter.signed_out':
    case 'day.closed':
      return true
    default:
      return false
  }
}

function usedNumber(draft: Draft): UsedNumber[] {
  if (draft.kind !== 'ticket.issued') return []
  const { day, service, number } = draft.data
  return [{ day, service, number: Number(number.replace(/^\D+/, '')) }]
}
