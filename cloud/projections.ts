/**
 * What the controller makes of the halls' logs. A new projection is one folder and one line here.
 *
 * Tables (all with `hall` and `build` in front of the key; read through the views `live_{table}`,
 * which show the active build only):
 *
 * | projection | table        | key         | is |
 * | ---------- | ------------ | ----------- | --- |
 * | visits     | visit        | ticket      | every ticket with its times, waits and outcome |
 * |            | hall_day     | day         | figures of a business day |
 * |            | counter      | counter     | what each counter is doing now |
 * |            | hall_state   | part        | open day, names of hall and services |
 * | ledger     | orders       | order_id    | orders with lines and tenders |
 * |            | entry        | place       | what each booking record booked, with its postings |
 * |            | account      | account     | debits, credits and balance of every account |
 * |            | ledger_state | part        | the day that entries belong to |
 * | gaps       | gap          | place       | every loss that a log admits to |
 * | ratings    | rating_ask   | request     | questions to customers, each with its answer |
 * |            | rating       | place       | every press of a rating key, attributed or not |
 * | bindings   | bound_device | device      | which device belongs where, and where it went |
 * |            | device_home  | identity    | where each device was bound last |
 *
 * Columns and their units: tables.ts of queue, ledger and ratings. The tables of the log itself:
 * store/schema.ts.
 */
import { bindings } from './health/bindings.ts'
import { gaps } from './health/gaps.ts'
import { ledger } from './ledger/ledger.ts'
import type { Projection, TableSpec } from './ports.ts'
import { visits } from './queue/visits.ts'
import { ratings } from './ratings/ratings.ts'

export const projections: readonly Projection[] = [visits, ledger, gaps, ratings, bindings]

/** Every table of every projection, each with the projection it belongs to. */
export const projectionTables: readonly (TableSpec & { projection: string })[] =
  projections.flatMap(({ name, tables }) => tables.map((spec) => ({ ...spec, projection: name })))
