/**
 * Presses of a device that cannot number its events. The gateway makes the numbers up: `boot` is the
 * run of the driver, `event` its counter, so a number means nothing beyond that run.
 * The same key heard again while its press is undecided, or within `guard_ms` after it was answered,
 * is the same press: the device did not hear the answer, and gets another. Each of those answers may
 * be lost too, so each guards a recorded press for as long again, and time without a link does not
 * count, as nothing is heard in it. What that costs, and it is stated on the device's page: presses of one key that
 * follow each other so soon count as one, a device that repeats itself more slowly than that makes
 * two presses of one where an answer is lost, and so does one that repeats itself over a restart of
 * the gateway.
 * A press that could not be decided is handed over again until `give_up_ms`. Refuses more than
 * `most_open` presses at once.
 */

export type GuardRules = { guard_ms: number; retry_ms: number; give_up_ms: number }

export type Guarded<Input> = {
  boot: string
  event: number
  /** What makes two frames the same key. */
  same: string
  input: Input
  standing: 'deciding' | 'failed' | 'recorded' | 'refused'
  heard_at_ms: number
  /** When a failed one is handed over again, and when an answered one stops guarding. */
  due_at_ms: number
}

export type PressBook<Input> = { boot: string; events: number; open: readonly Guarded<Input>[] }

export const most_open = 16

export function emptyBook<Input>(boot: string): PressBook<Input> {
  return { boot, events: 0, open: [] }
}

export type Heard<Input> =
  | { verdict: 'new'; book: PressBook<Input>; press: Guarded<Input> }
  | { verdict: 'repeat'; book: PressBook<Input>; press: Guarded<Input> }
  | { verdict: 'no_room' }

/** `inputOf` is given the made-up number. */
export function hear<Input>(
  book: PressBook<Input>,
  same: string,
  given: { now_ms: number; rules: GuardRules; inputOf: (boot: string, event: number) => Input },
): Heard<Input> {
  const { now_ms, rules, inputOf } = given
  const known = book.open.find((press) => press.same === same && guards(press, now_ms))
  if (known !== undefined) {
    const press = guardedFrom(known, now_ms, rules)
    const open = book.open.map((one) => (one === known ? press : one))
    return { verdict: 'repeat', book: { ...book, open }, press }
  }
  const open = book.open.filter((press) => guards(press, now_ms))
  if (open.length >= most_open) return { verdict: 'no_room' }
  const { boot } = book
  const event = book.events + 1
  const press: Guarded<Input> = {
    boot,
    event,
    same,
    input: inputOf(boot, event),
    standing: 'deciding',
    heard_at_ms: now_ms,
    due_at_ms: Number.POSITIVE_INFINITY,
  }
  return { verdict: 'new', book: { boot, events: event, open: [...open, press] }, press }
}

function guards(press: Guarded<unknown>, now_ms: number): boolean {
  return press.standing === 'deciding' || press.standing === 'failed' || now_ms < press.due_at_ms
}

/**
 * Guarding anew from here on, if it is on record. A refused one changed nothing, so it may be asked
 * again: who presses it over and over until a customer comes is not kept waiting for it.
 */
function guardedFrom<Input>(
  press: Guarded<Input>,
  now_ms: number,
  { guard_ms }: GuardRules,
): Guarded<Input> {
  return press.standing === 'recorded' ? { ...press, due_at_ms: now_ms + guard_ms } : press
}

/** The link is back: what guarded when it was lost guards as if nothing had been missed since. */
export function linkedAgain<Input>(
  book: PressBook<Input>,
  given: { lost_ms: number; now_ms: number; rules: GuardRules },
): PressBook<Input> {
  const { lost_ms, now_ms, rules } = given
  const open = book.open.map((press) =>
    guards(press, lost_ms) ? guardedFrom(press, now_ms, rules) : press,
  )
  return { ...book, open }
}

/** The press this decides, as it stands then; null when it was given up or is of another run. */
export function settle<Input>(
  book: PressBook<Input>,
  settled: { boot: string; event: number; outcome: 'recorded' | 'refused' | 'failed' },
  given: { now_ms: number; rules: GuardRules },
): { book: PressBook<Input>; press: Guarded<Input> | null } {
  const { boot, event, outcome } = settled
  const { now_ms, rules } = given
  const before = book.open.find((press) => press.boot === boot && press.event === event)
  if (before === undefined || before.standing !== 'deciding') return { book, press: null }
  const wait_ms = outcome === 'failed' ? rules.retry_ms : rules.guard_ms
  const press: Guarded<Input> = { ...before, standing: outcome, due_at_ms: now_ms + wait_ms }
  const open = book.open.map((one) => (one === before ? press : one))
  return { book: { ...book, open }, press }
}

/** What is due by now: presses to hand over again; what is over is dropped. */
export function collectDue<Input>(
  book: PressBook<Input>,
  given: { now_ms: number; rules: GuardRules },
): { book: PressBook<Input>; again: Guarded<Input>[] } {
  const { now_ms, rules } = given
  const again: Guarded<Input>[] = []
  const open: Guarded<Input>[] = []
  for (const press of book.open) {
    if (now_ms < press.due_at_ms) open.push(press)
    else if (press.standing === 'failed' && now_ms < press.heard_at_ms + rules.give_up_ms) {
      const once: Guarded<Input> = {
        ...press,
        standing: 'deciding',
        due_at_ms: Number.POSITIVE_INFINITY,
      }
      open.push(once)
      again.push(once)
    }
  }
  return { book: { ...book, open }, again }
}

/** When `collectDue` should be asked next; infinite while nothing waits. */
export function nextDue_ms(book: PressBook<unknown>): number {
  return Math.min(...book.open.map((press) => press.due_at_ms), Number.POSITIVE_INFINITY)
}
