/**
 * The last card read at each counter, in memory only, for that counter's own screen. It belongs to
 * one session (clerk and open ticket) and is forgotten as soon as that is another one, when it is
 * done, and after a bounded time.
 */
import type { Cancel, Pace } from '#devices/std/clock.ts'
import type { Card } from '#devices/types/card.ts'

/** Who is at the counter: the clerk signed in and the ticket open there. */
export type CounterSession = { clerk: string | null; ticket: string | null }

/** However long a ticket takes, its card is not kept longer. */
const KEPT_MS = 30 * 60_000

export class CardMemory {
  readonly #pace: Pace
  readonly #onForget: (counter: string) => void
  readonly #watching: ((counter: string, present: boolean) => void)[] = []
  readonly #cards = new Map<string, { card: Card; session: CounterSession; cancel: Cancel }>()

  /** `onForget`: that counter's reader is to drop its copy too. */
  constructor(pace: Pace, onForget: (counter: string) => void = () => {}) {
    this.#pace = pace
    this.#onForget = onForget
  }

  /** Tells of each card that is kept or forgotten: that there is one, never what is on it. */
  watch(run: (counter: string, present: boolean) => void): void {
    this.#watching.push(run)
  }

  /** Keeps the card in place of the one before. At most one per counter. */
  put(counter: string, card: Card, session: CounterSession): void {
    this.#cards.get(counter)?.cancel()
    const cancel = this.#pace.after(KEPT_MS, 'forget card', () => this.forget(counter))
    this.#cards.set(counter, { card, session, cancel })
    this.#tell(counter, true)
  }

  /** The fields, if the session is still the one they were read in; forgets them if not. */
  read(counter: string, session: CounterSession): Card['shown'] | null {
    this.settle(counter, session)
    return this.#cards.get(counter)?.card.shown ?? null
  }

  /** To be told of every change at a counter: drops a card of another session. */
  settle(counter: string, session: CounterSession): void {
    const kept = this.#cards.get(counter)
    if (kept === undefined) return
    const same = kept.session.clerk === session.clerk && kept.session.ticket === session.ticket
    if (!same || session.clerk === null) this.forget(counter)
  }

  forget(counter: string): void {
    const kept = this.#cards.get(counter)
    if (kept === undefined) return
    kept.cancel()
    this.#cards.delete(counter)
    this.#onForget(counter)
    this.#tell(counter, false)
  }

  #tell(counter: string, present: boolean): void {
    for (const run of this.#watching) run(counter, present)
  }

  /** At the end of the program; leaves no timer behind. */
  [Symbol.dispose](): void {
    for (const counter of [...this.#cards.keys()]) this.forget(counter)
  }
}
