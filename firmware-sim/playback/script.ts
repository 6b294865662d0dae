/**
 * A recording as a script for a far end: when a link opens and closes, what it waits for and what it
 * says. Pure. What was left out of the recording is put back as what it stands for where that is
 * possible: a key as a masked digit, a password as zeros. Noise stays out and is said so.
 * Faults: `unsupported` for a type that cannot be played.
 */
import type { LeftOut, Recording, RecordingEntry } from '#devices/contract/recording.ts'
import { concat, fromHex, toHex } from '#devices/std/bytes.ts'
import { Fault } from '#devices/std/fault.ts'
import { type Matcher, matcherFor, type Question } from './matching.ts'

/** `after_ms`: since the step before, as recorded. */
export type Step = { after_ms: number } & (
  | { do: 'open' }
  | { do: 'closed' }
  | { do: 'hear'; question: Question }
  | { do: 'say'; bytes: Uint8Array }
  | { do: 'left_out'; length: number; what: LeftOut }
)

export type Script = { steps: readonly Step[]; matcher: Matcher }

/** Pieces of an answer this close were one. */
const one_piece_ms = 20

const standIns: Partial<Record<LeftOut, readonly number[]>> = {
  key: [0xff],
  enter: [0x0d],
  cancel: [0x1b],
  clear: [0x08],
  password: [0x82, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x83],
}

/** `speed` above 1 also leaves out most of what repeats itself, as a host polls at its own pace. */
export function scriptOf({ head, entries }: Recording, speed: number): Script {
  const out = entries.find((entry) => entry.dir === 'out' && 'hex' in entry)
  const firstOut = out !== undefined && 'hex' in out ? fromHex(out.hex) : new Uint8Array(0)
  const matcher = matcherFor(head.type, firstOut)
  if (matcher === null) throw new Fault('unsupported', `playing back a ${head.type}`)
  // What came before the first link is the end of the one before.
  const opens = entries.findIndex((entry) => entry.dir === 'link' && entry.event === 'open')
  const steps = joined(stepsOf(entries.slice(Math.max(0, opens)), matcher))
  matcher.flush()
  return { steps: speed > 1 ? thinned(steps, speed) : steps, matcher }
}

function stepsOf(entries: readonly RecordingEntry[], matcher: Matcher): Step[] {
  const steps: Step[] = []
  let last_ms = 0
  for (const entry of entries) {
    const after_ms = Math.max(0, entry.t_ms - last_ms)
    for (const step of stepsOfEntry(entry, matcher)) {
      steps.push({ after_ms: entry.t_ms === last_ms ? 0 : after_ms, ...step })
      last_ms = entry.t_ms
    }
  }
  return steps
}

type Untimed<T> = T extends unknown ? Omit<T, 'after_ms'> : never

function stepsOfEntry(entry: RecordingEntry, matcher: Matcher): Untimed<Step>[] {
  if (entry.dir === 'link') {
    matcher.flush()
    return [{ do: entry.event }]
  }
  if ('hex' in entry) {
    const bytes = fromHex(entry.hex)
    if (entry.dir === 'in') return [{ do: 'say', bytes }]
    return matcher.push(bytes).map((question) => ({ do: 'hear', question }))
  }
  const { length, what } = entry
  const bytes = standIns[what]
  if (entry.dir === 'in' && bytes !== undefined) {
    return [{ do: 'say', bytes: Uint8Array.from(bytes) }]
  }
  return [{ do: 'left_out', length, what }]
}

function joined(steps: readonly Step[]): Step[] {
  const result: Step[] = []
  for (const step of steps) {
    const last = result.at(-1)
    if (last?.do === 'say' && step.do === 'say' && step.after_ms < one_piece_ms) {
      result[result.length - 1] = { ...last, bytes: concat(last.bytes, step.bytes) }
    } else result.push(step)
  }
  return result
}

/** Of a run of the same question with the same answer every `speed`-th stays. */
function thinned(steps: readonly Step[], speed: number): Step[] {
  const kept: Step[] = []
  let run = { name: '', length: 0 }
  for (const exchange of exchangesOf(steps)) {
    const name = exchange.map(nameOf).join()
    run = { name, length: run.name === name ? run.length + 1 : 0 }
    const repeats = exchange[0]?.do === 'hear' && run.length > 0
    if (!repeats || run.length % Math.ceil(speed) === 0) kept.push(...exchange)
  }
  return kept
}

/** A question with all that came until the next one. */
function exchangesOf(steps: readonly Step[]): Step[][] {
  const exchanges: Step[][] = []
  for (const step of steps) {
    if (step.do === 'say' && exchanges.at(-1)?.[0]?.do === 'hear') exchanges.at(-1)!.push(step)
    else exchanges.push([step])
  }
  return exchanges
}

function nameOf(step: Step): string {
  if (step.do === 'hear') return toHex(step.question.bytes)
  return step.do === 'say' ? `>${toHex(step.bytes)}` : step.do
}
