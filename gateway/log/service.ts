/**
 * Serves requests on the log, committing appends in groups: all appends that wait when a commit
 * begins share it. Runs in the log's worker; a simulation drives the same code in its own process.
 *
 * After a failed commit every append of that generation is refused, because it was decided on a
 * state that includes what was lost. The engine rebuilds its state and comes back with the next.
 */

import type { Receipt } from '#devices/contract/receipt.ts'
import { Fault, type FaultCode, isFault } from '#devices/std/fault.ts'
import type { Appended, LogStatus, Outgoing, ReceiptEffect, ShipCursor } from '../ports.ts'
import type { Entry, HallLog, Stored } from './hall-log.ts'
import { GROUP_MAX, READ_CHUNK } from './limits.ts'
import type { Marks, MarksFile } from './marks.ts'
import { coverNumbers, type UsedNumber } from './numbers.ts'

export type Append = {
  op: 'append'
  generation: number
  entries: readonly Entry[]
  closing: boolean
  used: readonly UsedNumber[]
}

export type Call =
  | Append
  | { op: 'status' }
  | { op: 'readBatch'; after: ShipCursor | null }
  | { op: 'takeReceipt'; receipt: Receipt; sent: ShipCursor | null; generation: number }
  | { op: 'snapshot' }
  | { op: 'saveSnapshot'; at: ShipCursor; state: string }
  | { op: 'fold'; after: ShipCursor | null }
  | { op: 'prune'; now_wall_ms: number }
  | { op: 'clearAlarm'; alarm: string }

export type Request = { id: number; call: Call }

export type Snapshot = { at: ShipCursor; state: string } | null

export type Results = {
  append: Appended
  status: LogStatus
  readBatch: Outgoing | null
  takeReceipt: { effect: ReceiptEffect; status: LogStatus }
  snapshot: Snapshot
  saveSnapshot: null
  fold: Stored[]
  prune: number
  clearAlarm: boolean
}

export type Reply =
  | { id: number; ok: true; result: Results[keyof Results] }
  | { id: number; ok: false; code: FaultCode; detail: string }

export type LogService = { serve(requests: readonly Request[]): Reply[] }

export function logService(log: HallLog, marks: MarksFile): LogService {
  return new Serving(log, marks)
}

type TakeReceipt = Extract<Call, { op: 'takeReceipt' }>
type AppendRequest = Request & { call: Append }

class Serving implements LogService {
  readonly #log: HallLog
  readonly #marks: MarksFile
  #known: Marks
  /** Appends of this generation and of those before it rest on a state that is none any more. */
  #failedGeneration = -1

  constructor(log: HallLog, marks: MarksFile) {
    this.#log = log
    this.#marks = marks
    this.#known = marks.load() ?? { v: 1, epoch: null, seq: 0, receipted: null, numbers: null }
  }

  serve(requests: readonly Request[]): Reply[] {
    const replies: Reply[] = []
    for (let i = 0; i < requests.length; ) {
      const group = appendsFrom(requests, i, this.#log)
      if (group.length === 0) replies.push(this.#serveOne(requests[i++]!))
      else {
        replies.push(...this.#appendGroup(group))
        i += group.length
      }
    }
    return replies
  }

  #serveOne({ id, call }: Request): Reply {
    try {
      return { id, ok: true, result: this.#call(call) }
    } catch (error) {
      return failed(id, error)
    }
  }

  #call(request: Call): Results[keyof Results] {
    const log = this.#log
    switch (request.op) {
      case 'append':
        throw new Fault('invalid', 'appends are served in groups')
      case 'status':
        return log.status()
      case 'readBatch':
        return log.readBatch(request.after)
      case 'takeReceipt':
        return this.#takeReceipt(request)
      case 'snapshot':
        return log.snapshot()
      case 'saveSnapshot':
        log.saveSnapshot(request.at, request.state)
        return null
      case 'fold':
        return [...log.fold(request.after).take(READ_CHUNK)]
      case 'prune':
        return log.prune(request.now_wall_ms)
      case 'clearAlarm':
        return log.clearAlarm(request.alarm)
    }
  }

  #appendGroup(group: readonly AppendRequest[]): Reply[] {
    const [stale, live] = partition(group, (r) => r.call.generation <= this.#failedGeneration)
    const refused = stale.map(({ id }) => failed(id, new Fault('commit_failed', 'after another')))
    if (live.length === 0) return refused
    try {
      this.#markNumbers(live.flatMap((r) => r.call.used))
      return [...refused, ...this.#commit(live)]
    } catch (error) {
      this.#failedGeneration = Math.max(...live.map((r) => r.call.generation))
      return [...refused, ...live.map(({ id }) => failed(id, error))]
    }
  }

  #commit(group: readonly AppendRequest[]): Reply[] {
    const closing = group.every((r) => r.call.closing)
    const entries = group.flatMap((r) => r.call.entries)
    const { epoch, first: begin } = this.#log.append(entries, { closing })
    let last = begin - 1
    return group.map(({ id, call }) => {
      const first = last + 1
      last += call.entries.length
      return { id, ok: true, result: { epoch, first, last } }
    })
  }

  /** Before a number is printed it is marked outside the log file, in case that file is lost. */
  #markNumbers(used: readonly UsedNumber[]): void {
    const numbers = coverNumbers(this.#known.numbers, used)
    if (numbers !== null) this.#save({ ...this.#known, numbers })
  }

  #save(next: Marks): void {
    const { epoch, head, receipted } = this.#log.status()
    const now = { ...next, epoch, seq: head.seq, receipted }
    this.#marks.save(now)
    this.#known = now
  }

  #takeReceipt({ receipt, sent, generation }: TakeReceipt): Results['takeReceipt'] {
    const before = this.#log.path.at(-1)?.epoch
    try {
      const effect = this.#log.takeReceipt(receipt, sent)
      if (effect.type === 'branched') this.#saveSoon()
      return { effect, status: this.#log.status() }
    } finally {
      // Also where its commit was said to fail and is on disk: what rests on the state before it
      // knows nothing of what is in doubt since, as of numbers that may be printed.
      if (this.#log.path.at(-1)?.epoch !== before) this.#failedGeneration = generation
    }
  }

  /** The epoch is begun whatever becomes of the marks: at worst they are behind at the next start. */
  #saveSoon(): void {
    try {
      this.#save(this.#known)
    } catch (error) {
      if (!isFault(error)) throw error
    }
  }
}

/** Consecutive appends from `start`, up to what one commit takes. */
function appendsFrom(
  requests: readonly Request[],
  start: number,
  log: Pick<HallLog, 'hasRoom'>,
): AppendRequest[] {
  const group: AppendRequest[] = []
  let records = 0
  for (let i = start; i < requests.length && records < GROUP_MAX; i++) {
    const request = requests[i]!
    if (request.call.op !== 'append') break
    // Near the quota, one that closes something is not refused because its neighbour is.
    const apart = group.length > 0 && group[0]!.call.closing !== request.call.closing
    if (apart && !log.hasRoom) break
    group.push(request as AppendRequest)
    records += request.call.entries.length
  }
  return group
}

function failed(id: number, error: unknown): Reply {
  if (isFault(error)) return { id, ok: false, code: error.code, detail: error.detail }
  throw error
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  const yes: T[] = []
  const no: T[] = []
  for (const item of items) (test(item) ? yes : no).push(item)
  return [yes, no]
}
