/** Small records for the tests of the log. */
import type { Draft, Stamp } from '#devices/contract/record.ts'
import { printRecord } from '#devices/contract/record.ts'
import type { Entry } from '../../../gateway/log/hall-log.ts'

export const START_MS = 1_780_000_000_000

export const stampAt = (wall_ms: number): Stamp => ({
  ...{ wall_ms, boot: '0123456789abcdef', mono_ms: 1, skew_ms: null, skew_error_ms: null },
})

/** A small record; `n` tells it from others. */
export function visited(n: number, purpose = 'look'): Draft {
  return { kind: 'kiosk.visited', data: { kiosk: `k${n}`, purpose } }
}

export const entryOf = (draft: Draft, wall_ms = START_MS): Entry => ({
  text: printRecord(draft, stampAt(wall_ms)),
  wall_ms,
})

export const entries = (from: number, to: number): Entry[] =>
  Array.from({ length: to - from + 1 }, (_, i) => entryOf(visited(from + i)))
