/**
 * What must outlive the log file itself, in a small file beside it: where the log was begun, how far
 * the cloud confirmed it, and which printed numbers may be in people's hands. With it a gateway that
 * lost its log file neither repeats a number nor loses its place.
 *
 * Numbers are marked in blocks ahead of use, so that not every ticket costs a second sync.
 */
import { SERVICES_MAX } from '#devices/contract/limits.ts'
import type { Position } from '#devices/contract/position.ts'
import type { PrintedNumbers } from '#devices/contract/record.ts'
import { Fault } from '#devices/std/fault.ts'
import { SlotFile } from './slot-file.ts'

/** Numbers marked ahead of the one in use. */
export const NUMBER_BLOCK = 50

export type Marks = {
  v: 1
  /** The epoch last begun here; null where the hall is taken over from a replaced gateway. */
  epoch: string | null
  /** Head of that epoch when this was written: a log that ends earlier was put back from a copy. */
  seq: number
  receipted: Position | null
  numbers: PrintedNumbers | null
}

export interface MarksFile {
  /** Null where there is none yet, or where it cannot be read: then nothing is known. */
  load(): Marks | null
  /** On disk when it returns. Faults `disk_full`, `commit_failed`. */
  save(marks: Marks): void
}

export function marksFile(file: string): MarksFile {
  const slots = new SlotFile(file)
  return {
    load() {
      try {
        return marksOf(JSON.parse(slots.read() ?? 'null'))
      } catch {
        return null
      }
    },
    save(marks) {
      try {
        slots.write(JSON.stringify(marks))
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
        const full = code === 'ENOSPC' || code === 'EDQUOT'
        throw new Fault(full ? 'disk_full' : 'commit_failed', `marks: ${code}`, { cause: error })
      }
    },
  }
}

/** Written by this file and under a sum: another version is not known. */
function marksOf(value: { v?: unknown } | null): Marks | null {
  return value?.v === 1 ? (value as Marks) : null
}

/** A number that is about to be used: which day and service, and the number without its prefix. */
export type UsedNumber = { day: string; service: string; number: number }

/**
 * The marks after `used`, or null where they already cover all of it. Where one must be marked, the
 * others are marked as far ahead with it, so that services do not each cost a sync of their own.
 */
export function coverNumbers(marks: Marks, used: readonly UsedNumber[]): Marks | null {
  if (used.every((one) => isCovered(marks, one))) return null
  return used.reduce(raise, marks)
}

const markOf = ({ numbers }: Marks, { day, service }: UsedNumber): number | undefined =>
  numbers?.day === day ? numbers.used.find((n) => n.service === service)?.to : undefined

const isCovered = (marks: Marks, used: UsedNumber): boolean =>
  (markOf(marks, used) ?? 0) >= used.number

function raise(marks: Marks, used: UsedNumber): Marks {
  const { day, service, number } = used
  const sameDay = marks.numbers?.day === day ? marks.numbers.used : []
  const others = sameDay.filter((n) => n.service !== service)
  const to = Math.max(markOf(marks, used) ?? 0, number + NUMBER_BLOCK)
  return { ...marks, numbers: { day, used: [...others, { service, to }] } }
}

/** What either of two knows of: the later day, and within one day the higher number of each service. */
export function furthest(
  a: PrintedNumbers | null,
  b: PrintedNumbers | null,
): PrintedNumbers | null {
  if (a === null || b === null) return bounded(a ?? b)
  if (a.day !== b.day) return bounded(a.day > b.day ? a : b)
  const to = new Map(a.used.map((one) => [one.service, one.to]))
  for (const one of b.used) to.set(one.service, Math.max(to.get(one.service) ?? 0, one.to))
  return bounded({ day: a.day, used: [...to].map(([service, to]) => ({ service, to })) })
}

/** More services than a hall may have were given other names within the day; the last came last. */
function bounded(numbers: PrintedNumbers | null): PrintedNumbers | null {
  return numbers && { ...numbers, used: numbers.used.slice(-SERVICES_MAX) }
}
