/**
 * Books a micro-batch of messages as they came: unpacks each, commits what is a batch or a birth.
 * What is neither is told as refused. Throws Fault `unavailable` while the database is away; nothing
 * was booked and nothing counted then, and the same messages may be given again.
 */
import type { FaultCode } from '#devices/std/fault.ts'
import { type Answer, type CommitDeps, commit, type Item } from './commit.ts'
import { LANES } from './limits.ts'
import type { Packed } from './queue.ts'
import { unpackBatch, unpackPresence } from './unpack.ts'

export type Refused = { hall: string; code: FaultCode | 'presence'; detail: string }
/** What was committed, and what was not worth it. */
export type BookedAll = { answers: readonly Answer[]; refused: readonly Refused[] }

/** Takes one micro-batch at a time. */
export interface Booker {
  book(messages: readonly Packed[]): Promise<BookedAll>
}

/** In this thread, as many as are to be under way at a time. */
export function bookersHere(deps: CommitDeps): Booker[] {
  const booker: Booker = {
    async book(messages) {
      const refused: Refused[] = []
      const items = messages.flatMap((message) => unpack(message, refused))
      if (items.length === 0) return { answers: [], refused }
      const answers = await commit(deps, items)
      return { answers, refused }
    },
  }
  return Array.from({ length: LANES }, () => booker)
}

function unpack({ hall, name, payload }: Packed, refused: Refused[]): Item[] {
  if (name === 'log') {
    const unpacked = unpackBatch(hall, payload)
    if (unpacked.ok) return [unpacked.item]
    refused.push({ hall, code: unpacked.code, detail: unpacked.detail })
    return []
  }
  const presence = unpackPresence(payload)
  if (presence === null) refused.push({ hall, code: 'presence', detail: '' })
  return presence?.type === 'birth' ? [{ type: 'birth', hall, birth: presence }] : []
}
