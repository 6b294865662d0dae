/**
 * One session's share of a line that others use too. What may make its machine send waits here until
 * the line is its own; on a line of its own nothing ever waits. Raises nothing.
 *
 * The machine never knows: it is given the command, the decision or the run-out timer a little later,
 * and asks then. What asks only (a poll) waits in its row; what does something (a number to show, a
 * press to acknowledge) is urgent.
 */
import type { Turns } from '../transports/transport.ts'

/** Given at once, turn or not: nothing is sent because of them while the line is another's. */
const always: ReadonlySet<string> = new Set(['frame', 'disconnected', 'attention'])
const urgent: ReadonlySet<string> = new Set(['command', 'settled'])
/** A poll that is due comes last: what the urgent ones ask may stand in its place. */
const order = ['connected', 'command', 'settled', 'timer']

export class Turn<Event extends { type: string }> {
  #turns: Turns | null = null
  #kept: Event[] = []
  #holding = false
  #heard = false

  /** A new link. */
  begin(turns: Turns | undefined): void {
    this.#turns = turns ?? null
    this.#holding = false
  }

  /** The link is gone. Gives what somebody still waits to hear about. */
  end(): Event[] {
    const untold = this.#kept.filter(({ type }) => urgent.has(type))
    this.#turns = null
    this.#holding = false
    this.#kept = []
    return untold
  }

  /** Whether the event waits here; the line is asked for then. */
  keep(event: Event): boolean {
    if (this.#turns === null || this.#holding || always.has(event.type)) return false
    this.#kept.push(event)
    this.#turns.ask(urgent.has(event.type))
    return true
  }

  /** The line is ours: all that waited, in the order it should be given. */
  take(): Event[] {
    this.#holding = true
    this.#heard = false
    const taken = this.#kept.toSorted((a, b) => order.indexOf(a.type) - order.indexOf(b.type))
    this.#kept = []
    return taken
  }

  /** A whole frame came. */
  heard(): void {
    this.#heard = true
  }

  /** The machine set its timer anew: one that ran out before says nothing any more. */
  forgetTimer(): void {
    this.#kept = this.#kept.filter(({ type }) => type !== 'timer')
  }

  /** The machine waits for no answer: others may have the line. */
  free(): void {
    this.#end(this.#heard)
  }

  /** No answer came in time. */
  missed(): void {
    this.#end(false)
  }

  #end(answered: boolean): void {
    if (!this.#holding) return
    this.#holding = false
    this.#turns?.free(answered)
  }
}
