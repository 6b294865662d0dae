/**
 * Crashes drawn from the seed: which action arms which one, and how long after it was sent. Every
 * second one strikes before its action was acknowledged, for certain: where the acknowledgement was
 * faster it is armed again at the next action. The others strike 0 to 30 ms after, as it comes.
 */
import { performance } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import type { Random } from '#devices/std/random.ts'
import { below, pick, seeded } from '../people/seeded.ts'
import type { Victim } from './world.ts'

export type CrashCounts = {
  gateway: number
  controller: number
  database: number
  before_ack: number
}

type Crash = { at_act: number; victim: Victim; early: boolean }

/** Until then a crash meant for before the acknowledgement strikes; most take longer than a ms. */
const EARLY_MS = 1.5
const LATE_MS = 30

export type CrashTarget = {
  up(victim: Victim): Promise<void>
  /** False where the victim is down already, by another crash. */
  crash(victim: Victim): boolean
}

export class Crashes {
  readonly counts: CrashCounts = { gateway: 0, controller: 0, database: 0, before_ack: 0 }
  readonly #target: CrashTarget
  readonly #random: Random
  readonly #due: Crash[]
  #acts = 0
  #armed = 0

  constructor(target: CrashTarget, options: { crashes: number; acts: number; seed: string }) {
    this.#target = target
    this.#random = seeded('crash', options.seed)
    this.#due = drawn(this.#random, options)
  }

  /** Crashes that have not struck yet. */
  get left(): number {
    return this.#due.length + this.#armed
  }

  /** Sends an action, and perhaps a crash with it. */
  async around<T>(send: () => Promise<T>): Promise<T> {
    this.#acts++
    const crash = this.#due[0]
    if (crash === undefined || crash.at_act > this.#acts) return send()
    this.#due.shift()
    this.#armed++
    // A victim that is still getting up cannot be killed: everybody waits for it.
    await this.#target.up(crash.victim)
    let acknowledged = false
    const answer = send().finally(() => {
      acknowledged = true
    })
    void this.#strike(crash, () => acknowledged)
    return answer
  }

  async #strike(crash: Crash, acknowledged: () => boolean): Promise<void> {
    const until = performance.now() + this.#random() * (crash.early ? EARLY_MS : LATE_MS)
    // A timer is too coarse to strike within an action.
    while (performance.now() < until && !(crash.early && acknowledged())) await turn()
    this.#armed--
    const before = !acknowledged()
    // Too late for it, or another one of the same second was quicker: again at the next action.
    if ((crash.early && !before) || !this.#target.crash(crash.victim)) {
      this.#due.unshift(crash)
      return
    }
    this.counts[crash.victim]++
    if (before) this.counts.before_ack++
  }
}

function drawn(random: Random, { crashes, acts }: { crashes: number; acts: number }): Crash[] {
  const last = Math.max(1, Math.floor(acts * 0.9))
  const places = Array.from({ length: crashes }, () => 1 + below(random, last))
  return places
    .sort((a, b) => a - b)
    .map((at_act, i) => ({ at_act, victim: victimOf(random, i), early: i % 2 === 0 }))
}

/** Each of the three early on, then the gateway more often: people talk to it. */
function victimOf(random: Random, i: number): Victim {
  const first = (['gateway', 'controller', 'database'] as const)[i]
  return first ?? pick(random, ['gateway', 'gateway', 'controller', 'database'])
}
