/**
 * What the API reads of the database, as a port: {@link ./reads-postgres.ts} implements it. Nothing
 * here changes a row. A hall that does not exist is null, never an empty answer.
 */
import type { Outcome } from '../queue/tables.ts'
import type {
  BalanceView,
  CompletenessRows,
  DayView,
  EntryView,
  HallLiveRows,
  HallRowView,
  RejectedView,
  VisitView,
} from './views.ts'
import type { BindingView, RatingsView } from './views-floor.ts'

/** `after` is the place of the last item of the page before; 0 begins. */
export type Paging = { after: number; limit: number }
export type Page<T> = { items: T[]; next: number | null }

export type VisitFilter = Paging & { day?: string | undefined; outcome?: Outcome | undefined }
export type LogRange = { epoch: string; from: number; limit: number }

/** Exact record texts, each ended by a line feed; `next` is the number to go on from. */
export type LogSlice = { bytes: Uint8Array; next: number | null }

export interface Reads {
  /** Every hall, or those of `only`, in the order of their ids. */
  halls(only?: readonly string[]): Promise<HallRowView[]>
  live(hall: string): Promise<HallLiveRows | null>
  completeness(hall: string): Promise<CompletenessRows | null>
  visits(hall: string, filter: VisitFilter): Promise<Page<VisitView> | null>
  day(hall: string, day: string): Promise<DayView | null>
  balances(hall: string): Promise<BalanceView[] | null>
  entries(hall: string, paging: Paging): Promise<Page<EntryView> | null>
  rejected(hall: string, paging: Paging): Promise<Page<RejectedView> | null>
  /** Of one business day, or of all with null. */
  ratings(hall: string, day: string | null): Promise<RatingsView | null>
  bindings(hall: string): Promise<BindingView[] | null>
  /** Null also where the hall has no such epoch. */
  log(hall: string, range: LogRange): Promise<LogSlice | null>
}
