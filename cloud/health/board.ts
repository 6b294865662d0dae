/**
 * The presence of every hall, in memory: one entry a hall, filled by what halls say, read by the
 * API. Bounded by `halls_max`; a hall beyond it is not shown and counted in `dropped`.
 */
import { fold, type HallPresence, ownerChanged, readPresence, UNKNOWN } from './presence.ts'

export type BoardOptions = {
  now_ms: () => number
  /** Called when what the page shows of a hall changed. */
  changed?: (hall: string) => void
  halls_max?: number
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

export class PresenceBoard {
  /** Who may speak for a hall; a hall that is not in here has no owner yet. */
  readonly #owners = new Map<string, string>()
  readonly #halls = new Map<string, HallPresence>()
  readonly #options: BoardOptions
  dropped = 0

  constructor(options: BoardOptions) {
    this.#options = options
  }

  /** Takes one presence message as it came. Never throws. */
  hear(hall: string, payload: Uint8Array): void {
    const at = { now_ms: this.#options.now_ms(), owner: this.#owners.get(hall) ?? null }
    this.#set(hall, fold(this.of(hall), readPresence(decode(payload)), at))
  }

  /** A batch of this hall could not be read. */
  refuse(hall: string): void {
    const before = this.of(hall)
    this.#set(hall, { ...before, batches_refused: before.batches_refused + 1 })
  }

  /** Told at start for every hall that has an owner, and whenever one changes. */
  setOwner(hall: string, owner: string): void {
    this.#owners.set(hall, owner)
    if (this.#halls.has(hall)) this.#set(hall, ownerChanged(this.of(hall), owner))
  }

  of(hall: string): HallPresence {
    return this.#halls.get(hall) ?? UNKNOWN
  }

  #set(hall: string, presence: HallPresence): void {
    if (!this.#halls.has(hall) && this.#halls.size >= (this.#options.halls_max ?? 100_000)) {
      this.dropped++
      return
    }
    this.#halls.set(hall, presence)
    this.#options.changed?.(hall)
  }
}

function decode(payload: Uint8Array): string | null {
  try {
    return utf8.decode(payload)
  } catch {
    return null
  }
}
