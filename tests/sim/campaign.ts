/**
 * Many worlds on several threads. Seeds are handed out in order and in small chunks, so that a
 * campaign that stops at the first failure names the same seed however many threads ran it.
 */
import { Worker } from 'node:worker_threads'
import type { Chunk, Told } from './campaign-worker.ts'
import type { Outcome } from './world.ts'

export type Campaign = {
  from: number
  seeds: number
  workers: number
  /** Stops handing out seeds once one failed. */
  untilFailure: boolean
  onOutcome: (outcome: Outcome) => void
}

const CHUNK_SEEDS = 5

/** Resolves when every seed that was handed out has ended; rejects when a thread broke. */
export async function runCampaign(campaign: Campaign): Promise<void> {
  const end = campaign.from + campaign.seeds
  let next = campaign.from
  let failed = false

  function take(): Chunk | null {
    if (next >= end || (failed && campaign.untilFailure)) return null
    const first = next
    next = Math.min(end, first + CHUNK_SEEDS)
    return { first, last: next - 1, untilFailure: campaign.untilFailure }
  }

  function thread(): Promise<void> {
    const worker = new Worker(new URL('./campaign-worker.ts', import.meta.url))
    const ended = new Promise<void>((resolve, reject) => {
      const goOn = () => {
        const chunk = take()
        if (chunk === null) resolve()
        else worker.postMessage(chunk)
      }
      worker.on('message', (told: Told) => {
        if ('done' in told) return goOn()
        failed ||= told.problems.length > 0
        campaign.onOutcome(told)
      })
      worker.once('error', reject)
      goOn()
    })
    return ended.finally(() => worker.terminate())
  }

  const threads = Math.min(campaign.workers, Math.ceil(campaign.seeds / CHUNK_SEEDS))
  await Promise.all(Array.from({ length: threads }, thread))
}
