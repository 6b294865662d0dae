/**
 * Which reading of a stored segment the chain bears out. One column of the row may have been
 * changed by hand, or bytes of the text: of all readings near the row the one is taken whose SHA-256
 * leads from a hash known before the segment to one known behind it. Pure.
 */
import { createHash } from 'node:crypto'
import { spansOf, type Text, textsBefore, type Wrong } from './mend.ts'
import type { StoredSegment } from './rows.ts'

/** What others say of the hashes around a segment; null where nobody does. */
export type Around = { before: string | null; behind: string | null }

export type Fit = Text & { prev: string; hash: string }

/** The hashes after each line of a text, hex. */
export function hashesOf(bytes: Buffer, prev: string): string[] {
  let hash = Buffer.from(prev, 'hex')
  return spansOf(bytes).map(({ from, to }) => {
    hash = createHash('sha256').update(hash).update(bytes.subarray(from, to)).digest()
    return hash.toString('hex')
  })
}

/** Null where no reading that was tried fits. `wrongs` are the records that miss their sums. */
export function fitOf(
  stored: StoredSegment,
  { before, behind }: Around,
  wrongs: readonly Wrong[],
): Fit | null {
  const prevs = [...new Set([stored.prev, before ?? stored.prev])]
  const hashes = [...new Set([stored.hash, behind ?? stored.hash])]
  const asStored = fitting({ bytes: stored.bytes, changes: [] }, prevs, hashes)
  // A hash that nobody else confirms may have been made for a changed text.
  const sure = asStored !== null && (wrongs.length === 0 || asStored.hash === (behind ?? ''))
  if (sure) return asStored
  for (const text of textsBefore(stored, wrongs)) {
    const fit = fitting(text, prevs, hashes)
    if (fit !== null) return fit
  }
  return asStored
}

function fitting(text: Text, prevs: readonly string[], hashes: readonly string[]): Fit | null {
  for (const prev of prevs) {
    const end = hashesOf(text.bytes, prev).at(-1) ?? prev
    const hash = hashes.find((known) => known === end)
    if (hash !== undefined) return { ...text, prev, hash }
  }
  return null
}
