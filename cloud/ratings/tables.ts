/**
 * Rows that the projection of ratings keeps. Times are ms since 1970 UTC of the hall's own clock.
 * Figures are summed from these rows where they are read, so none can drift from what was pressed.
 */
import type { ColumnType, TableSpec } from '../ports.ts'

/** A question to a customer. `asked_ms` null: only its answer came through, the rest is lost. */
export type RatingAskRow = {
  request: string
  day: string | null
  counter: string
  clerk: string | null
  ticket: string | null
  service: string | null
  keys: number
  asked_ms: number | null
  /** Place of the press that answered it; null while nobody has. */
  rated_place: number | null
}

/** A press, by the place of its record. What is not attributed belongs to no visit and no clerk. */
export type RatingRow = {
  place: number
  request: string | null
  day: string | null
  at_ms: number
  counter: string
  clerk: string | null
  ticket: string | null
  service: string | null
  key: number
  /** 5 is the best. */
  score: number
  keys: number
  attributed: boolean
}

export const ratingTables: readonly TableSpec[] = [
  {
    table: 'rating_ask',
    key: ['request'],
    columns: {
      request: 'text',
      day: 'text',
      counter: 'text',
      clerk: 'text',
      ticket: 'text',
      service: 'text',
      keys: 'int4',
      asked_ms: 'int8',
      rated_place: 'int8',
    } satisfies Record<keyof RatingAskRow, ColumnType>,
    indexes: [['day']],
  },
  {
    table: 'rating',
    key: ['place'],
    append_only: true,
    columns: {
      place: 'int8',
      request: 'text',
      day: 'text',
      at_ms: 'int8',
      counter: 'text',
      clerk: 'text',
      ticket: 'text',
      service: 'text',
      key: 'int4',
      score: 'int4',
      keys: 'int4',
      attributed: 'bool',
    } satisfies Record<keyof RatingRow, ColumnType>,
    indexes: [['day']],
  },
]
