/**
 * Loaded first in every thread of a program that is started small (./small.ts): frees what only the
 * start needed, a moment after it, as nothing else would make the collector look at a quiet program.
 */

/** Behind an ordinary start, and behind a slow one, ms. */
const AFTER_MS = [5_000, 60_000]

for (const ms of AFTER_MS) {
  const free = () => globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  setTimeout(free, ms).unref()
}
