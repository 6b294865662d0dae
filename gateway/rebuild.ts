/**
 * The engine's state from what is on disk: the newest snapshot that fits the chain, then every
 * record behind it. A record that cannot be read is counted and passed over, as history is history.
 */
import { parseRecord } from '#devices/contract/record.ts'
import type { Log as Logger } from '#devices/std/log.ts'
import { apply } from './hall/apply.ts'
import type { Places } from './hall/places.ts'
import { emptyState, type HallState, readState } from './hall/state.ts'
import type { LogClient } from './log/client.ts'
import type { ShipCursor } from './ports.ts'

export type Rebuilt = {
  state: HallState
  /** The last record it includes, and how many of them no snapshot holds yet. */
  last: ShipCursor | null
  folded: number
}

export async function rebuildState(
  log: Pick<LogClient, 'snapshot' | 'fold'>,
  logger: Logger,
  places?: Places,
): Promise<Rebuilt> {
  places?.clear()
  const snapshot = await log.snapshot()
  const cached = snapshot === null ? null : readState(snapshot.state)
  let state = cached ?? emptyState()
  let last: ShipCursor | null = cached === null ? null : snapshot!.at
  let folded = 0
  let unreadable = 0
  for await (const { text, epoch, seq } of log.fold(cached === null ? null : snapshot!.at)) {
    last = { epoch, seq }
    folded++
    const parsed = parseRecord(text)
    if (!parsed.ok) {
      unreadable++
      continue
    }
    state = apply(state, { ...parsed.record, epoch, seq })
    places?.note(parsed.record, { epoch, seq })
  }
  if (unreadable > 0) logger('warn', 'state.unreadable_records', { unreadable })
  return { state, last, folded }
}
