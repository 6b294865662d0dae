/**
 * A hall for a trace: its services and counters are those the trace names, its number bands wide
 * enough for the busiest day with room for papers taken twice. Pure.
 *
 * Refuses (`too_large`) more than 64 services or {@link COUNTERS_MAX} counters.
 */
import { type HallRules, NumberBand } from '#devices/contract/hall-rules.ts'
import { Name } from '#devices/contract/text.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Visit } from './trace.ts'

export const ZONE = 'Asia/Shanghai'
/** Credits in seconds, by the trace's priority 0, 1, 2. */
const classes = [
  { class: 'unidentified', name: { zh: '普通', en: 'General' }, credit_s: 0 },
  { class: 'ordinary', name: { zh: '客户', en: 'Customer' }, credit_s: 0 },
  { class: 'priority', name: { zh: '贵宾', en: 'Priority' }, credit_s: 90 },
] as const
/** Each counter has two devices, and a gateway takes 512. */
export const COUNTERS_MAX = 250
const SERVICES_MAX = 64

/** Labels of the trace in the order they first occur. */
export function serviceLabels(visits: readonly Visit[]): string[] {
  const labels = [...new Set(visits.map(({ service }) => service))]
  if (labels.length > SERVICES_MAX) throw new Fault('too_large', `${labels.length} services`)
  return labels.length === 0 ? ['none'] : labels
}

/** The panel's button: a row for each class, in each row the services in their order. */
export function buttonOf(labels: readonly string[], visit: Visit): number {
  return 1 + labels.indexOf(visit.service) + labels.length * visit.priority
}

export function rulesOf(visits: readonly Visit[], counters: readonly string[]): HallRules {
  const labels = serviceLabels(visits)
  if (counters.length > COUNTERS_MAX) throw new Fault('too_large', `${counters.length} counters`)
  const names = asNames(labels, 'S')
  const digits = busiest(visits) > 2_000 ? 5 : 4
  return {
    hall_name: { zh: '回放大厅', en: 'Replayed hall' },
    zone: ZONE,
    services: labels.map((label, i) => ({
      service: names[i] as string,
      name: { zh: shown(label, 60), en: shown(label, 120) },
      band: NumberBand.parse({ prefix: prefixOf(i), first: 1, last: 10 ** digits - 1, digits }),
    })),
    classes: classes.map((one) => ({ ...one })),
    counters: counters.length === 0 ? ['A01'] : [...counters],
    guard_window_ms: 0,
  }
}

/** A label as people read it: a character that no rules may hold is shown as unreadable. */
function shown(label: string, most: number): string {
  return label.replaceAll('\u0000', '\ufffd').slice(0, most).toWellFormed()
}

/** Labels as names where they can be; the others get a name of their own. */
export function asNames(labels: readonly string[], prefix: string): string[] {
  const taken = new Set(labels.filter((label) => Name.safeParse(label).success))
  return labels.map((label, i) => {
    if (taken.has(label)) return label
    let n = i + 1
    while (taken.has(`${prefix}${n}`)) n++
    taken.add(`${prefix}${n}`)
    return `${prefix}${n}`
  })
}

/** A, B ... Z, AA, AB ... */
function prefixOf(i: number): string {
  const letter = (n: number) => String.fromCharCode(65 + n)
  return i < 26 ? letter(i) : letter(Math.floor(i / 26) - 1) + letter(i % 26)
}

function busiest(visits: readonly Visit[]): number {
  const days = new Map<string, number>()
  for (const { date } of visits) days.set(date, (days.get(date) ?? 0) + 1)
  return Math.max(0, ...days.values())
}
