/** One thread of a campaign: runs the worlds it is told to, one seed after the other. */
import { parentPort } from 'node:worker_threads'
import { drawOptions } from './options.ts'
import type { Outcome } from './world.ts'
import { runWorld } from './world.ts'

/** Seeds `first` to `last`, both included. */
export type Chunk = { first: number; last: number; untilFailure: boolean }
export type Told = Outcome | { done: true }

let running: number | null = null

/** A broken invariant is a failure of its seed. The thread goes on: a world shares nothing. */
function broke(error: unknown): void {
  if (running === null) throw error
  const problem = error instanceof Error ? `broke: ${error.stack}` : 'broke'
  const nothing = { told: 0, records: 0, messages: 0, virtual_ms: 0 }
  const outcome = { seed: running, options: drawOptions(running), problems: [problem], ...nothing }
  running = null
  parentPort!.postMessage(outcome satisfies Told)
  parentPort!.postMessage({ done: true } satisfies Told)
}
process.on('uncaughtException', broke)

parentPort!.on('message', async ({ first, last, untilFailure }: Chunk) => {
  for (let seed = first; seed <= last; seed++) {
    running = seed
    const outcome = await runWorld(seed)
    running = null
    parentPort!.postMessage(outcome satisfies Told)
    if (untilFailure && outcome.problems.length > 0) break
  }
  parentPort!.postMessage({ done: true } satisfies Told)
})
