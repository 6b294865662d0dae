/**
 * The log's own thread: opens the log, then serves whatever has arrived since the last commit.
 * Everything here may block; nothing else of the gateway runs on this thread.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import {
  isMainThread,
  type MessagePort,
  receiveMessageOnPort,
  workerData,
} from 'node:worker_threads'
import type { Stamp } from '#devices/contract/record.ts'
import { isFault } from '#devices/std/fault.ts'
import { type Marks, marksFile } from './marks.ts'
import { openHallLog } from './open.ts'
import { logService } from './service.ts'
import { MARKS_FILE } from './usable-folder.ts'
import { type PackedRequests, packReplies, unpackRequests } from './wire.ts'

export type WorkerOptions = {
  folder: string
  gateway: string
  quota_bytes: number
  retention_ms: number
  durable: boolean
  /** The time of the start, for what opening the log itself records. */
  opened_at: Stamp
  port: MessagePort
  /** Where the hall was taken over from another gateway: what the controller knew at enrolment. */
  takeover: Pick<Marks, 'receipted' | 'numbers'> | null
}

/** Stamps of receipts' epochs come from here: moved along by whoever asks. */
export type WorkerMessage = { requests?: PackedRequests; stamp?: Stamp; close?: boolean }

const options = workerData as WorkerOptions

function start(): void {
  let stamp = options.opened_at
  const marks = marksFile(join(options.folder, MARKS_FILE))
  if (options.takeover !== null && marks.load() === null) {
    marks.save({ v: 1, epoch: null, seq: 0, ...options.takeover })
  }
  const { log, found } = openHallLog({
    folder: options.folder,
    gateway: options.gateway,
    quota_bytes: options.quota_bytes,
    retention_ms: options.retention_ms,
    durable: options.durable,
    marks,
    asideName: new Date(stamp.wall_ms).toISOString().replaceAll(':', '').slice(0, 17),
    freshEpoch: () => randomBytes(16).toString('hex'),
    stamp: () => stamp,
  })
  const service = logService(log, marks)
  const { port } = options
  port.on('message', (first: WorkerMessage) => {
    // What arrived while the last commit ran joins this one.
    const messages = [first, ...drain(port)]
    for (const message of messages) stamp = message.stamp ?? stamp
    const requests = messages.flatMap((m) => unpackRequests(m.requests ?? []))
    port.postMessage(packReplies(service.serve(requests)))
    if (messages.some((m) => m.close === true)) {
      log.close()
      port.close()
    }
  })
  port.postMessage({ found })
}

function drain(port: MessagePort): WorkerMessage[] {
  const messages: WorkerMessage[] = []
  for (;;) {
    const next = receiveMessageOnPort(port)
    if (next === undefined) return messages
    messages.push(next.message as WorkerMessage)
  }
}

function run(): void {
  try {
    start()
  } catch (error) {
    if (!isFault(error)) throw error
    options.port.postMessage({ fault: { code: error.code, detail: error.detail } })
    options.port.close()
  }
}

// Read by a main thread, only to have it in the cache of compiled modules, it does nothing.
if (!isMainThread) run()
