/**
 * A lane of intake in its own thread: the composition root of {@link ./lanes.ts}. Books what it is
 * given; asks the first thread for the database's id whenever it opened the database.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '#devices/std/assert.ts'
import { Fault, isFault } from '#devices/std/fault.ts'
import { projections } from '../projections.ts'
import { PgStore } from '../store/pg-store.ts'
import { bookersHere } from './booker.ts'
import { argsOf, type FromLane, faultOf, type LaneData, type ToLane } from './lanes.ts'

const port = parentPort
assert(port !== null, 'it runs as a worker')
const tell = (message: FromLane) => port.postMessage(message)

let ledger = ''
let asking = Promise.withResolvers<string>()

const store = new PgStore({
  ...{ url: (workerData as LaneData).url, projections, witness_path: null },
  async identify() {
    asking = Promise.withResolvers<string>()
    tell({ type: 'identify' })
    ledger = await asking.promise
    return ledger
  },
})
const [booker] = bookersHere({
  store: { ledger: async () => ledger, transaction: (work) => store.transaction(work) },
  projections,
  logger: (...line) => tell({ type: 'log', line }),
})

async function book(messages: Extract<ToLane, { type: 'book' }>['messages']): Promise<void> {
  try {
    tell({ type: 'booked', booked: await booker!.book(messages) })
  } catch (error) {
    if (!isFault(error)) throw error
    tell({ type: 'failed', fault: faultOf(error) })
  }
}

async function close(): Promise<void> {
  await store[Symbol.asyncDispose]()
  port?.close()
}

port.on('message', (message: ToLane) => {
  if (message.type === 'book') {
    ledger = message.ledger
    void book(message.messages)
  } else if (message.type === 'identified') asking.resolve(message.ledger)
  else if (message.type === 'not_identified') asking.reject(new Fault(...argsOf(message.fault)))
  else void close()
})
