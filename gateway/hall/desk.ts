/**
 * The hall's one writer. Decides at once, against a state that includes records not yet on disk;
 * answers and effects leave only when everything they rest on is on disk.
 *
 * Two states are kept: one ahead, which decides, and one synced, which everyone else reads. What a
 * display shows or a page lists is therefore never more than the disk holds.
 *
 * One append is under way at a time; what is decided meanwhile shares the next. A failed one refuses
 * all who wait with its fault (`commit_failed`, `disk_full`), drops both states and reads the log
 * again; inputs that arrive meanwhile wait for that. Past the bound on waiting inputs: `overloaded`.
 */

import type { Draft, Source, Stamp } from '#devices/contract/record.ts'
import { Bug } from '#devices/std/assert.ts'
import { Fault, isFault } from '#devices/std/fault.ts'
import { type Log as Logger, silent } from '#devices/std/log.ts'
import type { Desk, Log } from '../ports.ts'
import { apply } from './apply.ts'
import { type Decision, decide } from './decide.ts'
import { countersShown, effectsOf, padsAsking, unclosedPrints } from './effects.ts'
import type { Answer, Ask, Effect, Input } from './input.ts'
import { APPEND_RECORDS_MAX, SUBMITS_WAITING_MAX } from './limits.ts'
import { copyState, type HallState } from './state.ts'
import { notBehind } from './time.ts'

export type DeskParts = {
  log: Log
  /** Reads fact time. */
  stamps: () => Stamp
  /** 16 hex digits from 64 random bits. */
  fresh: () => string
  /** The fold of what is on disk. The desk keeps it. */
  state: HallState
  /** Folds what is on disk again, after an append failed or the log began a new epoch. */
  rebuild: () => Promise<HallState>
  /**
   * Called behind every change of the synced state, in the order of the records, also where no
   * effect comes of it. Must not throw.
   */
  onEffects: (effects: Effect[], state: Readonly<HallState>) => void
  logger?: Logger
}

export type HallDesk = Desk & {
  /** What is on disk. The object is another one after a rebuild: read it each time. */
  readonly state: Readonly<HallState>
  /** Reads the state from disk again once all appends under way have ended. */
  reload(): Promise<void>
  /** Resolves when nothing that was submitted so far is without an answer. */
  idle(): Promise<void>
}

export function openDesk(parts: DeskParts): HallDesk {
  return new OneWriter(parts)
}

type Arrived = { input: Input; answer: (answer: Answer) => void }
type Decided = Arrived & { decision: Decision; at: Stamp }

class OneWriter implements HallDesk {
  readonly #parts: DeskParts
  readonly #logger: Logger
  /** Decides. Holds everything decided, also what is not on disk yet. */
  #ahead: HallState
  /** Holds what is on disk. */
  #synced: HallState
  /** Decided, not yet handed to the log. */
  #queue: Decided[] = []
  /** The append under way. One at a time: behind one that fails nothing else was handed over. */
  #flight: Promise<void> | null = null
  /** Inputs that arrive while the state is read again; null while it is not. */
  #waiting: Arrived[] | null = null
  #rebuilding: Promise<void> | null = null
  /** The state could not be read again; the next input tries once more. */
  #broken = false
  readonly #open = new Set<Promise<Answer>>()
  /** Tickets with a printer: a press repeated meanwhile does not print a second paper. */
  readonly #printing = new Set<string>()

  constructor(parts: DeskParts) {
    this.#parts = parts
    this.#logger = parts.logger ?? silent
    this.#synced = parts.state
    this.#ahead = copyState(parts.state)
  }

  get state(): Readonly<HallState> {
    return this.#synced
  }

  submit(ask: Ask, source?: Source): Promise<Answer> {
    if (this.#open.size >= SUBMITS_WAITING_MAX) {
      return Promise.resolve(refused(new Fault('overloaded', 'inputs waiting')))
    }
    const input = this.#input(ask, source)
    const answered = new Promise<Answer>((answer) => this.#take({ input, answer }))
    this.#open.add(answered)
    return answered.finally(() => this.#open.delete(answered))
  }

  async idle(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open)
    await this.#rebuilding
  }

  reload(): Promise<void> {
    return this.#rebuild()
  }

  #input(ask: Ask, source?: Source): Input {
    const input = { at: this.#parts.stamps(), fresh: this.#parts.fresh(), ask }
    return source === undefined ? input : { ...input, source }
  }

  #take(arrived: Arrived): void {
    if (this.#broken) void this.#rebuild()
    if (this.#waiting !== null) this.#waiting.push(arrived)
    else this.#decide(arrived)
  }

  #decide({ input, answer }: Arrived): void {
    const at = notBehind(this.#ahead, input.at)
    const decision = decide(this.#ahead, { ...input, at })
    for (const draft of decision.drafts) apply(this.#ahead, { ...draft, at })
    this.#queue.push({ input, answer, decision, at })
    this.#pump()
  }

  #pump(): void {
    while (this.#flight === null && this.#queue.length > 0) {
      const group = takeGroup(this.#queue)
      const records = group.flatMap(({ decision, at }) =>
        decision.drafts.map((draft) => ({ draft, at })),
      )
      // Without records, and with nothing under way, everything it rests on is on disk.
      if (records.length === 0) this.#settle(group)
      else this.#flight = this.#append(group, records)
    }
  }

  #append(group: Decided[], records: { draft: Draft; at: Stamp }[]): Promise<void> {
    return this.#parts.log.append(records).then(
      () => {
        this.#flight = null
        this.#settle(group)
        this.#pump()
      },
      (error: unknown) => {
        this.#flight = null
        this.#fail(group, error)
      },
    )
  }

  #settle(group: Decided[]): void {
    for (const { input, answer, decision, at } of group) {
      for (const draft of decision.drafts) apply(this.#synced, { ...draft, at })
      if (input.ask.type === 'ticket.delivery') this.#printing.delete(input.ask.ticket)
      const effects = effectsOf(decision, this.#synced)
      if (decision.drafts.length + effects.length > 0) this.#emit(effects)
      answer(decision.answer)
    }
  }

  #emit(wanted: Effect[]): void {
    const effects = wanted.filter(
      (effect) => effect.type !== 'print' || !this.#printing.has(effect.ticket),
    )
    for (const effect of effects) if (effect.type === 'print') this.#printing.add(effect.ticket)
    this.#parts.onEffects(effects, this.#synced)
  }

  #fail(group: Decided[], error: unknown): void {
    const fault = asFault(error)
    const refusedAll = [...group, ...this.#queue]
    this.#queue = []
    this.#logger('error', 'append_failed', { code: fault.code, refused: refusedAll.length })
    void this.#rebuild()
    for (const { input, answer } of refusedAll) {
      // The printer is done, though its word is lost: the rebuild closes the ticket as unknown.
      if (input.ask.type === 'ticket.delivery') this.#printing.delete(input.ask.ticket)
      answer(refused(fault))
    }
  }

  #rebuild(): Promise<void> {
    this.#waiting ??= []
    this.#rebuilding ??= this.#readAgain().finally(() => {
      this.#rebuilding = null
    })
    return this.#rebuilding
  }

  async #readAgain(): Promise<void> {
    while (this.#flight !== null) await this.#flight
    const state = await this.#parts.rebuild().catch((error: unknown) => asFault(error))
    this.#broken = state instanceof Fault
    const waiting = this.#waiting ?? []
    this.#waiting = null
    if (state instanceof Fault) {
      this.#logger('error', 'rebuild_failed', { code: state.code })
      for (const { answer } of waiting) answer(refused(state))
      return
    }
    this.#synced = state
    this.#ahead = copyState(state)
    this.#assertAgain()
    for (const arrived of waiting) this.#decide(arrived)
  }

  /**
   * A commit that failed may still be on disk. What it shows is shown now; what it would have
   * printed is not printed, but closed as unknown: the press is repeated, or nobody ever comes.
   */
  #assertAgain(): void {
    for (const ticket of this.#printing) {
      if (this.#synced.tickets[ticket] === undefined) this.#printing.delete(ticket)
    }
    const counters = countersShown(this.#synced)
    const shown = counters.map((counter): Effect => ({ type: 'shown', counter }))
    this.#emit([...shown, ...padsAsking(this.#synced)])
    for (const ask of unclosedPrints(this.#synced)) {
      if (!this.#printing.has(ask.ticket)) {
        this.#decide({ input: this.#input(ask), answer: () => {} })
      }
    }
  }
}

/** Decisions for one append: whole ones, at least one, within the bound on records. */
function takeGroup(queue: Decided[]): Decided[] {
  let records = 0
  let taken = 0
  for (const { decision } of queue) {
    records += decision.drafts.length
    if (taken > 0 && records > APPEND_RECORDS_MAX) break
    taken++
  }
  return queue.splice(0, taken)
}

function refused(fault: Fault): Answer {
  return { outcome: 'refused', fault }
}

/** A bug of ours is no trouble of the disk: it goes on up. */
function asFault(error: unknown): Fault {
  if (error instanceof Bug) throw error
  return isFault(error) ? error : new Fault('commit_failed', '', { cause: error })
}
