/**
 * Which records count: each fact once, at its first place. Reads the bytes itself. The form of a
 * record is judged by the contract, which is written down once; what is refused for its meaning, this
 * program decides. The controller's list of rejected records is taken on trust for nothing but values
 * that its database could not keep.
 */
import { parseRecord, type RecordRefusal } from '#devices/contract/record.ts'
import type { Line } from './chain.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Why a record's form is refused, by the contract itself; null where it is not. */
export function formOf({ bytes }: Line): RecordRefusal | null {
  let text: string | null = null
  try {
    text = decoder.decode(bytes)
  } catch {}
  const parsed = parseRecord(text)
  return parsed.ok ? null : parsed.code
}

export type Fact = {
  place: number
  epoch: string
  seq: number
  kind: string
  at: { wall_ms: number; boot: string; mono_ms: number }
  data: Record<string, unknown>
}

type Was = { epoch: string; seq: number; hash: string }

export type Read =
  | { type: 'fact'; fact: Fact; was: Was | null }
  | { type: 'repeat' }
  | { type: 'unreadable' }

/** Remembers positions that later records name as their first place, and who booked them. */
export class FirstPlaces {
  /** Positions named by some `was`, as `epoch seq hash`, to the place that counts. */
  readonly booked = new Map<string, number>()
  readonly #named: ReadonlySet<string>

  constructor(named: ReadonlySet<string>) {
    this.#named = named
  }

  /** `refused`: the controller could not read its form, so it booked nothing of it. */
  read(line: Line, refused: boolean): Read {
    const own = keyOf(line)
    const value = refused ? null : objectOf(line.bytes)
    const was = value === null ? null : wasOf(value)
    const repeat = was !== null && this.booked.has(keyOf(was))
    if (was !== null && !repeat) this.booked.set(keyOf(was), line.place)
    if (this.#named.has(own) && !this.booked.has(own)) this.booked.set(own, line.place)
    if (repeat) return { type: 'repeat' }
    const { kind, at, data } = (value ?? {}) as unknown as Fact
    if (typeof kind !== 'string' || typeof at !== 'object' || typeof data !== 'object')
      return { type: 'unreadable' }
    const { place, epoch, seq } = line
    return { type: 'fact', was, fact: { place, epoch, seq, kind, at, data } }
  }
}

export const keyOf = (p: { epoch: string; seq: number; hash: string }) =>
  `${p.epoch} ${p.seq} ${p.hash}`

/** The first place a record claims, or null for one that stands there for the first time. */
export function namedBy(line: Line): string | null {
  if (!line.bytes.includes('"was"') && !line.bytes.includes('\\u')) return null
  const value = objectOf(line.bytes)
  const was = value === null ? null : wasOf(value)
  return was === null ? null : keyOf(was)
}

function wasOf(value: Record<string, unknown>): Was | null {
  const was = value.was as Was | undefined
  return was !== undefined && typeof was?.epoch === 'string' ? was : null
}

function objectOf(bytes: Buffer): Record<string, unknown> | null {
  try {
    const value = JSON.parse(bytes.toString('utf8')) as unknown
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
