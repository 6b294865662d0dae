/** Starts the log's worker and gives the client to it. Faults of opening reject the promise. */

import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { Stamp } from '#devices/contract/record.ts'
import { Fault, type FaultCode } from '#devices/std/fault.ts'
import type { Found } from './begin.ts'
import { type LogClient, logClient } from './client.ts'
import type { Request } from './service.ts'
import { useFolder } from './usable-folder.ts'
import { type PackedReplies, packRequests, unpackReplies } from './wire.ts'
import type { WorkerMessage, WorkerOptions } from './worker.ts'

export type StartOptions = Omit<WorkerOptions, 'port' | 'opened_at'> & { stamp: () => Stamp }

export type RunningLog = {
  client: LogClient
  found: Found
  /**
   * Resolves if the log's thread ends without being asked to: a bug of ours, or no memory left. From
   * then on the client refuses everything; only a new process opens the log again.
   */
  died: Promise<Error>
  close(): Promise<void>
}

type Opened = { found: Found } | { fault: { code: FaultCode; detail: string } }

export async function startHallLog(options: StartOptions): Promise<RunningLog> {
  useFolder(options.folder)
  const { stamp, ...rest } = options
  const { port1, port2 } = new MessageChannel()
  const workerOptions: WorkerOptions = { ...rest, opened_at: stamp(), port: port2 }
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: workerOptions,
    transferList: [port2],
  })
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  const found = await opened(worker, port1)
  const { client, receive } = logClient(sender(port1, stamp))
  port1.on('message', (replies: PackedReplies) => {
    for (const reply of unpackReplies(replies)) receive(reply)
  })
  const closing = { asked: false }
  const died = endedUnasked(worker, closing)
  void died.then((error) => client.fail(new Fault('commit_failed', 'log worker', { cause: error })))
  return {
    client,
    found,
    died,
    async close() {
      closing.asked = true
      port1.postMessage({ close: true } satisfies WorkerMessage)
      await ended
    },
  }
}

function endedUnasked(worker: Worker, closing: { asked: boolean }): Promise<Error> {
  return new Promise((resolve) => {
    worker.once('error', resolve)
    worker.once('exit', (code) => {
      if (!closing.asked) resolve(new Error(`the log's thread ended with ${code}`))
    })
  })
}

function opened(worker: Worker, port: MessagePort): Promise<Found> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    port.once('message', (message: Opened) => {
      if ('found' in message) resolve(message.found)
      else reject(new Fault(message.fault.code, message.fault.detail))
    })
  })
}

/** Requests of one turn of the event loop travel together. */
function sender(port: MessagePort, stamp: () => Stamp): (request: Request) => void {
  let outgoing: Request[] = []
  return (request) => {
    outgoing.push(request)
    if (outgoing.length > 1) return
    queueMicrotask(() => {
      const requests = packRequests(outgoing)
      outgoing = []
      port.postMessage({ requests, stamp: stamp() } satisfies WorkerMessage)
    })
  }
}
