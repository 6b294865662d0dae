/**
 * Arithmetic of the printed numbers that must outlive the log file: what is marked before it is used,
 * and what two who know of some know together. Numbers are marked in blocks ahead of use, so that not
 * every ticket costs a second sync.
 */
import { SERVICES_MAX } from '#devices/contract/limits.ts'
import type { PrintedNumbers } from '#devices/contract/record.ts'

/** Numbers marked ahead of the one in use. */
export const NUMBER_BLOCK = 50

/** A number that is about to be used: which day and service, and the number without its prefix. */
export type UsedNumber = { day: string; service: string; number: number }

type Marked = PrintedNumbers | null

/**
 * What is marked after `used`, or null where it covers all of it already. Where one must be marked,
 * the others are marked as far ahead with it, so that services do not each cost a sync of their own.
 */
export function coverNumbers(marked: Marked, used: readonly UsedNumber[]): Marked {
  if (used.every((one) => isCovered(marked, one))) return null
  return used.reduce(raise, marked)
}

const markOf = (marked: Marked, { day, service }: UsedNumber): number | undefined =>
  marked?.day === day ? marked.used.find((n) => n.service === service)?.to : undefined

const isCovered = (marked: Marked, used: UsedNumber): boolean =>
  (markOf(marked, used) ?? 0) >= used.number

function raise(marked: Marked, used: UsedNumber): PrintedNumbers {
  const { day, service, number } = used
  const sameDay = marked?.day === day ? marked.used : []
  const others = sameDay.filter((n) => n.service !== service)
  const to = Math.max(markOf(marked, used) ?? 0, number + NUMBER_BLOCK)
  return { day, used: [...others, { service, to }] }
}

/** What either of two knows of: the later day, and within one day the higher number of each service. */
export function furthest(a: Marked, b: Marked): Marked {
  if (a === null || b === null) return bounded(a ?? b)
  if (a.day !== b.day) return bounded(a.day > b.day ? a : b)
  const to = new Map(a.used.map((one) => [one.service, one.to]))
  for (const one of b.used) to.set(one.service, Math.max(to.get(one.service) ?? 0, one.to))
  return bounded({ day: a.day, used: [...to].map(([service, to]) => ({ service, to })) })
}

/** More services than a hall may have were given other names within the day; the last came last. */
function bounded(numbers: Marked): Marked {
  return numbers && { ...numbers, used: numbers.used.slice(-SERVICES_MAX) }
}
