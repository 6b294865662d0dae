/**
 * The projection `gaps`: every loss that a hall's log admits to, for the statement of completeness.
 * Raises no faults: a gap can always be kept.
 */
import type { ColumnType, Projection, TableSpec } from '../ports.ts'

/** Records `from_seq` to `to_seq` of `epoch` are lost; `to_seq` null: not known how many. */
export type GapRow = {
  place: number
  epoch: string
  from_seq: number
  to_seq: number | null
  reason: string
}

const table: TableSpec = {
  table: 'gap',
  key: ['place'],
  columns: {
    place: 'int8',
    epoch: 'text',
    from_seq: 'int8',
    to_seq: 'int8',
    reason: 'text',
  } satisfies Record<keyof GapRow, ColumnType>,
}

export const gaps: Projection = {
  name: 'gaps',
  version: 1,
  tables: [table],
  kinds: ['gap'],
  needs: () => [],
  follow: () => [],
  fold({ place, record }) {
    if (record.kind !== 'gap') return []
    const { epoch, from, to, reason } = record.data
    return [{ table: 'gap', row: { place, epoch, from_seq: from, to_seq: to, reason } }]
  },
}
