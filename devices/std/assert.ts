/**
 * Assertions for our own mistakes: a broken invariant ends the process, it is never handled.
 * Expected trouble is a {@link ../std/fault.ts Fault}; an ordinary result is a union member.
 */

/** A broken invariant of this program. Nothing catches it but the outermost frame, which exits. */
export class Bug extends Error {
  override name = 'Bug'
}

/** Throws {@link Bug} unless `condition` holds. `what` states the invariant, in the positive. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Bug(what)
}

/** The end of an exhaustive switch: compiles only when every member was dealt with. */
export function unreachable(value: never): never {
  throw new Bug(`unreachable: ${JSON.stringify(value)}`)
}
