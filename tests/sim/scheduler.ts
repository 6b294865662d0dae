/**
 * Virtual time and seeded randomness. Events run in the order of (time, insertion); after each, all
 * promise callbacks drain before the next. Exact as long as nothing inside does real I/O.
 */
import type { Pace } from '#devices/std/clock.ts'

/** A number in [0, 1). */
export type Rng = () => number

/** sfc32 over a seed: small, fast, the same everywhere. */
export function seeded(seed: number): Rng {
  let a = 0x9e3779b9 ^ seed
  let b = 0x243f6a88 ^ (seed * 2654435761)
  let c = 0xb7e15162
  let d = seed | 1
  const next = () => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return (t >>> 0) / 4294967296
  }
  for (let i = 0; i < 15; i++) next()
  return next
}

export const draw = {
  between: (rng: Rng, low: number, high: number) => low + rng() * (high - low),
  int: (rng: Rng, low: number, high: number) => Math.floor(low + rng() * (high - low + 1)),
  chance: (rng: Rng, p: number) => rng() < p,
  of: <T>(rng: Rng, items: readonly T[]): T => items[Math.floor(rng() * items.length)]!,
  hex: (rng: Rng, digits: number) =>
    Array.from({ length: digits }, () => Math.floor(rng() * 16).toString(16)).join(''),
}

type Event = { at_ms: number; order: number; run: () => void }

export class Scheduler implements Pace {
  #events: Event[] = []
  #now_ms = 0
  #order = 0

  now_ms(): number {
    return this.#now_ms
  }

  after(ms: number, _what: string, run: () => void): () => void {
    const event: Event = { at_ms: this.#now_ms + Math.max(0, ms), order: this.#order++, run }
    push(this.#events, event)
    return () => {
      event.run = nothing
    }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, 'sleep', resolve)
    })
  }

  /** Runs events until `until` holds or the time is up; returns whether it held. */
  async run(most_ms: number, until: () => boolean): Promise<boolean> {
    const end_ms = this.#now_ms + most_ms
    for (;;) {
      if (until()) return true
      const event = this.#events[0]
      if (event === undefined || event.at_ms > end_ms) return until()
      pop(this.#events)
      if (event.run === nothing) continue
      this.#now_ms = event.at_ms
      event.run()
      await settled()
    }
  }
}

const nothing = () => {}

function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

const before = (a: Event, b: Event) =>
  a.at_ms < b.at_ms || (a.at_ms === b.at_ms && a.order < b.order)

function push(heap: Event[], event: Event): void {
  let i = heap.push(event) - 1
  while (i > 0) {
    const parent = (i - 1) >> 1
    if (!before(event, heap[parent]!)) break
    heap[i] = heap[parent]!
    i = parent
  }
  heap[i] = event
}

function pop(heap: Event[]): void {
  const last = heap.pop()!
  if (heap.length === 0) return
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[i] = heap[child]!
    i = child
  }
  heap[i] = last
}
