/** One replay from a trace to a report: opens the world, lives the days, reads the books back. */
import { performance } from 'node:perf_hooks'
import { Fault } from '#devices/std/fault.ts'
import { Book } from './book.ts'
import { Crashes } from './crash.ts'
import { rulesOf } from './hall-of.ts'
import { planOf, stretchedMs } from './plan.ts'
import { type Report, reportOf } from './report.ts'
import { drain, type RunProgress, runPlan } from './run.ts'
import { readTrace, type Trace, type Visit } from './trace.ts'
import { openWorld, type World, type WorldOptions } from './world.ts'

export type ReplayOptions = {
  day: string | null
  stretch: number
  crashes: number
  seed: string
  keep: string | null
  signal: AbortSignal
  /** Progress, for people. */
  say: (line: string) => void
  /** Called with the world before people come, and while it still stands at the end. */
  prepare?: (world: World) => void
  inspect?: (world: World) => Promise<void>
  mqttUrl?: WorldOptions['mqttUrl']
}

export type Outcome = { report: Report; reasons: string[]; shifted: Shifted[] }

/** A day that began later as a whole, so that the hall's clock never went back. */
export type Shifted = { date: string; shift_s: number }

export async function replay(
  pieces: AsyncIterable<string>,
  options: ReplayOptions,
): Promise<Outcome> {
  const began = performance.now()
  const { say, stretch, seed, signal } = options
  const stopped = Promise.withResolvers<never>()
  stopped.promise.catch(() => {})
  signal.addEventListener('abort', () => stopped.reject(new Fault('unavailable', 'stopped')))
  if (signal.aborted) throw new Fault('unavailable', 'stopped')
  // A pipe that nobody writes to never ends by itself.
  const trace = await Promise.race([readTrace(pieces, options.day), stopped.promise])
  if (options.day !== null && trace.counts.contacts === 0) {
    throw new Fault('not_found', `no contact of ${options.day} in the trace`)
  }
  announce(trace, say)
  refuseEndless(trace.visits, stretch)
  const plan = planOf(trace.visits, { seed, stretch })
  const rules = rulesOf(trace.visits, plan.counters)
  say(`${plan.acts} acts of ${plan.people.length} people at ${plan.counters.length} counters`)
  if (stretch !== 1) say(`all durations are stretched by ${stretch}`)
  await using world = await openWorld({
    rules,
    keep: options.keep,
    say,
    signal,
    ...pickTap(options),
  })
  const up_s = (performance.now() - began) / 1_000
  say(
    `controller, database, gateway and ${world.hardware.placed.length} devices are up (${up_s.toFixed(1)} s)`,
  )
  const book = new Book()
  const crashes = new Crashes(world, { crashes: options.crashes, acts: plan.acts, seed })
  options.prepare?.(world)
  const work = async (): Promise<Outcome> => {
    const onProgress = progressOf(say)
    const problems = await runPlan(
      { world, book, crashes, plan },
      { stretched: stretch !== 1, signal, onProgress, onProblem: say },
    )
    const log = await drain(world, signal)
    const { report, reasons } = await reportOf({
      ...{ world, plan, book, trace: trace.counts, log, stretch },
      crashes: crashes.counts,
    })
    const wall_s = Math.round((performance.now() - began) / 100) / 10
    if (crashes.left > 0) problems.push(`${crashes.left} crashes found no action to strike`)
    await options.inspect?.(world)
    const all = [...problems, ...reasons]
    const shifted = plan.days.filter(({ shift_s }) => shift_s > 0)
    return { report: { ...report, wall_s, ok: all.length === 0 }, reasons: all, shifted }
  }
  return await Promise.race([work(), stopped.promise])
}

/** A controller takes a longer wait for a clock's mistake and books none. */
const WAIT_MS_MAX = 31 * 86_400_000

function refuseEndless(visits: readonly Visit[], stretch: number): void {
  for (const visit of visits) {
    if (visit.outcome !== 'served') continue
    const wait_ms = stretchedMs(visit.called_s, stretch) - stretchedMs(visit.ticket_s, stretch)
    if (wait_ms <= WAIT_MS_MAX) continue
    throw new Fault(
      'too_large',
      `line ${visit.line} waits more than 31 days, stretched by ${stretch}`,
    )
  }
}

function pickTap({ mqttUrl }: ReplayOptions): Pick<WorldOptions, 'mqttUrl'> {
  return mqttUrl === undefined ? {} : { mqttUrl }
}

function announce({ counts, rejected }: Trace, say: (line: string) => void): void {
  const { contacts, served, left, phantom, rejected: refused } = counts
  say(
    `${contacts} contacts: ${served} served, ${left} left, ${phantom} phantom, ${refused} rejected`,
  )
  for (const { line, reason } of rejected.slice(0, 5)) say(`  line ${line} rejected: ${reason}`)
}

const PROGRESS_MS = 2_000

function progressOf(say: (line: string) => void): (progress: RunProgress) => void {
  let last_ms = performance.now()
  let last_acts = 0
  return ({ date, wall_ms, acts, of }) => {
    const now = performance.now()
    if (now - last_ms < PROGRESS_MS) return
    const rate = Math.round(((acts - last_acts) * 1_000) / (now - last_ms))
    const time = new Date(wall_ms).toISOString().slice(0, 19)
    const share = Math.floor((100 * acts) / of)
    say(`${share}%  day ${date}, ${time}Z: ${acts} of ${of} acts, ${rate}/s`)
    last_ms = now
    last_acts = acts
  }
}
