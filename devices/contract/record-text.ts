/**
 * The text of a record, printed once and hashed as it is. Apart from the schemas, which a program
 * that only writes and carries records does not load.
 */
import type { Position } from './position.ts'
import type { Draft, Stamp } from './record.ts'

/** The text of a record. Written once, when the fact is recorded. */
export function printRecord(draft: Draft, at: Stamp): string {
  const { kind, data, source } = draft
  return JSON.stringify(
    source === undefined ? { v: 1, kind, at, data } : { v: 1, kind, at, source, data },
  )
}

/** The same fact appended again in a later epoch. `was` names where it stood first, and stays. */
export function reprintRecord(text: string, was: Position): string {
  const value = JSON.parse(text) as Record<string, unknown>
  return JSON.stringify({ ...value, was: value.was ?? was })
}
