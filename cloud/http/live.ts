/**
 * The live feed: what the pipeline and presence say changed, handed to whoever watches. It carries
 * names, never rows: a watcher reads again what it shows. Publishing never waits and never throws.
 *
 * Bounded: a watcher that does not keep up has its changes merged, hall by hall, not queued.
 */

/** What of a hall changed. `rows`: projections (queue, money); `hall`: made, new owner, new rules. */
export const TOPICS = ['log', 'rows', 'presence', 'hall'] as const
export type LiveTopic = (typeof TOPICS)[number]

export type LiveEvent = {
  hall: string
  topics: readonly LiveTopic[]
  /** Records the cloud now holds of the hall, where the log changed. */
  place?: number
}

export interface LiveFeed {
  publish(event: LiveEvent): void
  /** `next` resolves with what changed since the last call, at once if something did. */
  subscribe(): LiveWatch
  readonly watchers: number
}

export interface LiveWatch {
  /** Waits for changes; an empty list when `close` was called. */
  next(): Promise<LiveEvent[]>
  close(): void
}

export function createLiveFeed(): LiveFeed {
  const watches = new Set<Pending>()
  return {
    publish: (event) => {
      for (const watch of watches) watch.add(event)
    },
    subscribe: () => {
      const watch = new Pending(() => watches.delete(watch))
      watches.add(watch)
      return watch
    },
    get watchers() {
      return watches.size
    },
  }
}

class Pending implements LiveWatch {
  #changes = new Map<string, LiveEvent>()
  #wake: (() => void) | null = null
  #closed = false
  readonly #onClose: () => void

  constructor(onClose: () => void) {
    this.#onClose = onClose
  }

  add(event: LiveEvent): void {
    const before = this.#changes.get(event.hall)
    this.#changes.set(event.hall, before === undefined ? event : merge(before, event))
    this.#wake?.()
  }

  async next(): Promise<LiveEvent[]> {
    if (this.#changes.size === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = null
    }
    const changes = [...this.#changes.values()]
    this.#changes = new Map()
    return this.#closed ? [] : changes
  }

  close(): void {
    this.#closed = true
    this.#onClose()
    this.#wake?.()
  }
}

function merge(a: LiveEvent, b: LiveEvent): LiveEvent {
  const topics = [...new Set([...a.topics, ...b.topics])]
  const place = b.place ?? a.place
  return place === undefined ? { hall: a.hall, topics } : { hall: a.hall, topics, place }
}
