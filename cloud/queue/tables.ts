/**
 * Rows that the queue's projection keeps: what a visit was, what a day came to, what a counter is
 * doing now. The store adds `hall` and `build` in front of every key. Times are ms since 1970 UTC
 * of the hall's own clock, intervals are whole milliseconds.
 */
import type { ColumnType, TableSpec } from '../ports.ts'

/** Where a visit stands. `no_show` may be called again; `done`, `left` and `voided` are final. */
export type Outcome = 'waiting' | 'called' | 'serving' | 'done' | 'no_show' | 'left' | 'voided'

/** One ticket. `wait_ms` runs from the issue to the last call, `serve_ms` from serving to done. */
export type VisitRow = {
  ticket: string
  day: string
  number: string
  service: string
  class: string
  outcome: Outcome
  counter: string | null
  clerk: string | null
  ahead: number
  calls: number
  recalls: number
  issued_ms: number
  first_called_ms: number | null
  called_ms: number | null
  serving_ms: number | null
  ended_ms: number | null
  wait_ms: number | null
  serve_ms: number | null
  /** An interval came from the wall clock, as the gateway restarted within it. */
  wall_interval: boolean
  delivery: 'printed' | 'likely' | 'failed' | 'unknown' | null
  /** Nobody held the paper: left out of all figures but the count of such. */
  undelivered: boolean
  /** The customer's token of this hall, once a card was read. */
  subject: string | null
  /** Boot and monotonic reading, `boot:ms`, of the issue and of the start of service. */
  issued_clock: string
  serving_clock: string | null
  issued_place: number
  updated_place: number
}

/** Figures of a business day. All but `issued` leave out voided and undelivered tickets. */
export type HallDayRow = {
  day: string
  opened_ms: number | null
  closed_ms: number | null
  issued: number
  tickets: number
  called: number
  served: number
  no_show: number
  left: number
  undelivered: number
  voided: number
  kiosk: number
  /** Waits of those who came to the counter or were no-shows. */
  waits_n: number
  waits_sum_ms: number
  waits_max_ms: number
}

/** What a counter is doing now; `closed` when nobody is signed in. */
export type CounterRow = {
  counter: string
  state: 'closed' | 'free' | 'called' | 'serving'
  clerk: string | null
  ticket: string | null
  number: string | null
  since_ms: number
}

/** One row a hall, `part` is always `now`: its open day and the names its pages need. */
export type HallStateRow = {
  part: 'now'
  day: string | null
  day_open: boolean
  config_version: number | null
  name_zh: string | null
  name_en: string | null
  zone: string | null
  /** JSON: `[{service, name: {zh, en}}]`. */
  services: string | null
}

export const queueTables: readonly TableSpec[] = [
  {
    table: 'visit',
    key: ['ticket'],
    columns: {
      ticket: 'text',
      day: 'text',
      number: 'text',
      service: 'text',
      class: 'text',
      outcome: 'text',
      counter: 'text',
      clerk: 'text',
      ahead: 'int8',
      calls: 'int4',
      recalls: 'int4',
      issued_ms: 'int8',
      first_called_ms: 'int8',
      called_ms: 'int8',
      serving_ms: 'int8',
      ended_ms: 'int8',
      wait_ms: 'int8',
      serve_ms: 'int8',
      wall_interval: 'bool',
      delivery: 'text',
      undelivered: 'bool',
      subject: 'text',
      issued_clock: 'text',
      serving_clock: 'text',
      issued_place: 'int8',
      updated_place: 'int8',
    } satisfies Record<keyof VisitRow, ColumnType>,
    indexes: [['day']],
  },
  {
    table: 'hall_day',
    key: ['day'],
    columns: {
      day: 'text',
      opened_ms: 'int8',
      closed_ms: 'int8',
      issued: 'int4',
      tickets: 'int4',
      called: 'int4',
      served: 'int4',
      no_show: 'int4',
      left: 'int4',
      undelivered: 'int4',
      voided: 'int4',
      kiosk: 'int4',
      waits_n: 'int4',
      waits_sum_ms: 'int8',
      waits_max_ms: 'int8',
    } satisfies Record<keyof HallDayRow, ColumnType>,
  },
  {
    table: 'counter',
    key: ['counter'],
    columns: {
      counter: 'text',
      state: 'text',
      clerk: 'text',
      ticket: 'text',
      number: 'text',
      since_ms: 'int8',
    } satisfies Record<keyof CounterRow, ColumnType>,
  },
  {
    table: 'hall_state',
    key: ['part'],
    columns: {
      part: 'text',
      day: 'text',
      day_open: 'bool',
      config_version: 'int8',
      name_zh: 'text',
      name_en: 'text',
      zone: 'text',
      services: 'jsonb',
    } satisfies Record<keyof HallStateRow, ColumnType>,
  },
]
