/**
 * A hall's records in the order of their places. A segment whose place was changed by hand is found
 * by its number and taken in its turn.
 */
import type { ChainWalk, Line } from './chain.ts'
import type { Reader, StoredSegment } from './rows.ts'

export async function* linesInOrder(
  reader: Reader,
  hall: string,
  walk: ChainWalk,
): AsyncGenerator<Line[]> {
  const taken = new Set<number>()
  async function* lost(before: StoredSegment | undefined): AsyncGenerator<Line[]> {
    for (;;) {
      const wanted = walk.lostBefore(before)
      if (wanted === null) return
      const found = await reader.segmentFrom(hall, wanted.epoch, wanted.first)
      if (found === undefined || found.place === before?.place || taken.has(found.place)) return
      taken.add(found.place)
      yield walk.segment(found, null)
    }
  }
  let waiting: StoredSegment | undefined
  for await (const segment of reader.segments(hall)) {
    if (waiting !== undefined && !taken.has(waiting.place)) {
      yield* lost(waiting)
      yield walk.segment(waiting, segment)
    }
    waiting = segment
  }
  if (waiting !== undefined && !taken.has(waiting.place)) {
    yield* lost(waiting)
    yield walk.segment(waiting, undefined)
  }
  yield* lost(undefined)
}
