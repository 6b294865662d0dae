/**
 * The replay itself: fact time moves from second to second, and only when every act of the second
 * before was acknowledged at its device. Acts of one second run side by side where no person, no
 * counter and no printer is shared.
 */
import { sleep } from '#devices/std/clock.ts'
import { Fault, isFault } from '#devices/std/fault.ts'
import { realPace } from '../pace.ts'
import { Hall } from './acts.ts'
import type { Book } from './book.ts'
import type { Crashes } from './crash.ts'
import type { Act, DayPlan, Plan, Second } from './plan.ts'
import type { World } from './world.ts'

export type RunParts = { world: World; book: Book; crashes: Crashes; plan: Plan }

export type RunProgress = { date: string; wall_ms: number; acts: number; of: number }

export type RunOptions = {
  /** Fact time no longer fits the dates: a person confirms each. */
  stretched: boolean
  signal: AbortSignal
  onProgress: (progress: RunProgress) => void
  /** Told at once, so that nobody waits for an end that is lost already. */
  onProblem: (problem: string) => void
}

/** What went wrong, in words; the run goes on, so that the report can say what came of it. */
export type Problems = string[]
const PROBLEMS_MAX = 50

export async function runPlan(parts: RunParts, options: RunOptions): Promise<Problems> {
  const { world, book } = parts
  const hall = new Hall(world, book)
  const problems: Problems = []
  const doing: Doing = { ...parts, hall, problems, pending: new Map(), options }
  const watch = setInterval(() => tellLate(doing), LATE_MS)
  try {
    await runDays(doing)
  } finally {
    clearInterval(watch)
  }
  return problems
}

const LATE_MS = 10_000

function tellLate({ pending, options }: Doing): void {
  const now = realPace.now_ms()
  for (const [{ step, person }, since_ms] of pending) {
    if (now - since_ms < LATE_MS) continue
    const at = person.counter === null ? '' : ` at ${person.counter}`
    const for_s = Math.round((now - since_ms) / 1_000)
    options.onProblem(`line ${person.visit.line}, ${step}${at}: no answer for ${for_s} s`)
  }
}

async function runDays(doing: Doing): Promise<void> {
  const { world, hall, plan, options } = doing
  let acts = 0
  // Nobody comes: the hall has a time all the same, or its gateway would wait for one for ever.
  if (plan.days.length === 0) await world.setTime(Date.now())
  for (const [i, day] of plan.days.entries()) {
    const doubtful = day.shift_s > 43_200 || longSince(plan.days[i - 1], day)
    await openDay({ world, hall, day, confirmed: options.stretched || doubtful })
    for (const second of day.seconds) {
      if (options.signal.aborted) throw new Fault('unavailable', 'stopped')
      await world.setTime(second.wall_ms)
      await runSecond(doing, second)
      acts += second.acts.length
      options.onProgress({ date: day.date, wall_ms: second.wall_ms, acts, of: plan.acts })
    }
    await closeDay(hall, day)
  }
}

/** A gateway wants a person's word after so long a pause, as its clock may be wrong. */
const LONG_MS = 31 * 86_400_000
const longSince = (last: DayPlan | undefined, day: DayPlan): boolean =>
  last !== undefined && Date.parse(day.date) - Date.parse(last.date) > LONG_MS

type Opening = { world: World; hall: Hall; day: DayPlan; confirmed: boolean }

async function openDay({ world, hall, day, confirmed }: Opening): Promise<void> {
  await world.setTime(day.opens_ms)
  hall.date = day.date
  const confirmed_by = confirmed ? 'replay' : null
  await hall.post('/day/open', { day: day.date, confirmed_by }, `open-${day.date}`)
  const signIn = ({ counter, clerk }: DayPlan['counters'][number]) =>
    hall.post(`/counters/${counter}/sign-in`, { clerk }, `in-${day.date}-${counter}`)
  await Promise.all(day.counters.map(signIn))
}

async function closeDay(hall: Hall, day: DayPlan): Promise<void> {
  const signOut = ({ counter }: DayPlan['counters'][number]) =>
    hall.post(`/counters/${counter}/sign-out`, undefined, `out-${day.date}-${counter}`)
  await Promise.all(day.counters.map(signOut))
  await hall.post('/day/close', undefined, `close-${day.date}`)
}

type Doing = RunParts & {
  hall: Hall
  problems: Problems
  /** Acts without an answer, and since when. */
  pending: Map<Act, number>
  options: RunOptions
}

async function runSecond(doing: Doing, { acts }: Second): Promise<void> {
  const [only] = acts
  if (acts.length === 1 && only !== undefined) return doAct(doing, only)
  const tails = new Map<unknown, Promise<void>>()
  for (const act of acts) {
    const shared = sharedBy(act)
    const before = shared.map((thing) => tails.get(thing))
    const done = Promise.all(before).then(() => doAct(doing, act))
    for (const thing of shared) tails.set(thing, done)
  }
  await Promise.all(tails.values())
}

/** What only one act can have at a time. */
function sharedBy({ step, person }: Act): unknown[] {
  if (step === 'press') return [person, 'panel']
  return person.counter === null ? [person] : [person, person.counter]
}

async function doAct(doing: Doing, act: Act): Promise<void> {
  const { hall, crashes, problems, world, pending, options } = doing
  pending.set(act, realPace.now_ms())
  try {
    await crashes.around(() => hall.perform(act))
  } catch (error) {
    if (!isFault(error) || problems.length >= PROBLEMS_MAX) throw error
    const problem = `line ${act.person.visit.line}, ${act.step}: ${error.message}`
    problems.push(problem)
    options.onProblem(problem)
    await world.up('gateway')
  } finally {
    pending.delete(act)
  }
}

type Status = {
  gateway: string
  log: {
    epoch: string
    epoch_number: number
    head: { seq: number; hash: string }
    unbooked: number
  }
}

const DRAIN_MS = 180_000

/** Waits until the controller holds all that the gateway has. The gateway's head, either way. */
export async function drain(world: World, signal: AbortSignal): Promise<Status['log']> {
  const until = realPace.now_ms() + DRAIN_MS
  for (;;) {
    if (signal.aborted) throw new Fault('unavailable', 'stopped')
    await Promise.all([world.up('gateway'), world.up('controller'), world.up('database')])
    const status = await world.local.json<Status>({ path: '/status' }).catch(() => null)
    const late = realPace.now_ms() > until
    if (status !== null && (status.log.unbooked === 0 || late)) return status.log
    if (late) throw new Fault('unavailable', 'the gateway does not say where its log ends')
    await sleep(realPace, 50, 'drain')
  }
}
