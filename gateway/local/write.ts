/**
 * A caller's request on its way to the desk: numbered by its idempotency key, answered when it is
 * on disk. A refusal of the desk becomes the fault it carries.
 */
import { createHash } from 'node:crypto'
import type { OrderLine, OrderTender, Source } from '#devices/contract/record.ts'
import { canonicalJson } from '#devices/std/json.ts'
import type { Answer, Ask } from '../hall/input.ts'
import type { LocalDeps, Place } from './ports.ts'
import type { Recorded } from './schemas.ts'
import type { Caller } from './tokens.ts'

export function sourceOf(caller: Caller, key: string): Source {
  return { caller: caller.name, key }
}

/** Resolves when the record is on disk. Throws the desk's fault when it refuses. */
export async function record(deps: LocalDeps, ask: Ask, source: Source): Promise<Recorded> {
  return recordedAs(deps, await deps.desk.submit(ask, source))
}

/** What a caller is told of an answer of the desk. Throws the fault of a refusal. */
export function recordedAs(deps: LocalDeps, answer: Answer): Recorded {
  if (answer.outcome === 'refused') throw answer.fault
  const { repeat, subject } = answer
  const { booked, refused } = standingOf(deps, placeOf(deps, subject))
  return {
    ...{ outcome: 'recorded', repeat },
    ...(booked === null ? {} : { booked }),
    ...(refused === null ? {} : { refused }),
    ...subject,
  }
}

function placeOf(deps: LocalDeps, about: { ticket?: string; order?: string }): Place | null {
  if (about.order !== undefined) return deps.hall.order(about.order)?.place ?? null
  if (about.ticket !== undefined) return deps.hall.ticket(about.ticket)?.place ?? null
  return null
}

/** How a record stands in the cloud. `booked` null: the state does not know the record's place. */
export function standingOf(
  deps: LocalDeps,
  place: Place | null,
): { booked: boolean | null; refused: string | null } {
  if (place === null) return { booked: null, refused: null }
  return { booked: deps.booked(place), refused: place.refused ?? null }
}

export type OrderContent = {
  order: string
  counter: string
  lines: readonly OrderLine[]
  tenders: readonly OrderTender[]
}

/** SHA-256, hex, of the order's content in canonical form: what a customer confirms. */
export function contentHash({ order, counter, lines, tenders }: OrderContent): string {
  const canonical = canonicalJson({ order, counter, lines, tenders })
  return createHash('sha256').update(canonical, 'utf8').digest('hex')
}
