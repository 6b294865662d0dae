/**
 * What the API answers, as schemas: they type the read port and document the API at once. Fen are
 * strings of whole numbers, since sums may pass 2^53. Times are milliseconds since 1970 UTC.
 * No personal data is in any of these.
 */
import { z } from '@hono/zod-openapi'
import { DeviceState } from '#devices/contract/presence.ts'
import { Bilingual } from '#devices/contract/text.ts'

export const FenText = z.string().regex(/^-?\d+$/)
const Ms = z.int()
const Count = z.int().min(0)

export const HeadView = z.object({
  epoch: z.string(),
  epoch_number: Count,
  seq: Count,
  hash: z.string(),
})

/** The stored half of a hall in the list; presence is added by the API. */
export const HallRowView = z.object({
  hall: z.string(),
  name: Bilingual,
  owner: z.string().nullable(),
  fence: Count,
  config_version: Count,
  /** Records the cloud holds, over all epochs. */
  records: Count,
  head: HeadView.nullable(),
  day: z.string().nullable(),
  day_open: z.boolean(),
  /** IANA zone of the hall; null before its rules were applied. */
  zone: z.string().nullable(),
  waiting: Count,
  called: Count,
  money_today_fen: FenText,
  branches: Count,
  gaps: Count,
  rejected: Count,
})
export type HallRowView = z.infer<typeof HallRowView>

export const UnbookedView = z.object({
  records: Count,
  oldest_ms: Ms.nullable(),
  reported_ms: Ms,
})

export const PresenceView = z.object({
  state: z.enum(['unknown', 'present', 'gone']),
  since_ms: Ms.nullable(),
  gateway: z.string().nullable(),
  version: z.string().nullable(),
  config_version: Count.nullable(),
  skew_ms: z.int().nullable(),
  heard_ms: Ms.nullable(),
  /** Gateway that uses the hall's credential without owning it. */
  intruder: z.string().nullable(),
  /** Presence messages that could not be read. */
  problems: Count,
  unbooked: UnbookedView.nullable(),
})
export type PresenceView = z.infer<typeof PresenceView>

export const Alarm = z.object({
  alarm: z.enum([
    'branch',
    'gap',
    'rejected',
    'not_owner',
    'presence_unreadable',
    'batch_unreadable',
    'device',
  ]),
  count: Count,
})
export type Alarm = z.infer<typeof Alarm>

export const HallSummary = HallRowView.extend({ presence: PresenceView, alarms: z.array(Alarm) })
export type HallSummary = z.infer<typeof HallSummary>

export const DeviceView = z.object({
  device: z.string(),
  type: z.string(),
  state: DeviceState,
  reason: z.string(),
  since_ms: Ms,
})

export const WaitingView = z.object({
  ticket: z.string(),
  number: z.string(),
  service: z.string(),
  class: z.string(),
  issued_ms: Ms,
})

export const CounterView = z.object({
  counter: z.string(),
  /** Id of who is signed in. */
  clerk: z.string().nullable(),
  /** Number its display shows; null when it shows none. */
  number: z.string().nullable(),
  state: z.enum(['closed', 'free', 'called', 'serving']),
  since_ms: Ms,
})

export const CallView = z.object({
  number: z.string(),
  service: z.string(),
  counter: z.string(),
  called_ms: Ms,
  wait_ms: Ms.nullable(),
  outcome: z.string(),
})

/** Today's sales less reversals. */
export const TenderView = z.object({ tender: z.string(), amount_fen: FenText })
export const BalanceView = z.object({
  account: z.string(),
  debit_fen: FenText,
  credit_fen: FenText,
  /** Debit less credit. */
  balance_fen: FenText,
})
export type BalanceView = z.infer<typeof BalanceView>

export const LedgerTotals = z.object({
  debit_fen: FenText,
  credit_fen: FenText,
  entries: Count,
  balanced: z.boolean(),
})
export type LedgerTotals = z.infer<typeof LedgerTotals>

export const PostingView = z.object({
  account: z.string(),
  debit_fen: FenText,
  credit_fen: FenText,
})

export const EntryView = z.object({
  /** Place of its record in the hall's log, counted over all epochs: the cursor for paging. */
  place: Count,
  kind: z.enum(['sale', 'reversal']),
  order: z.string(),
  day: z.string().nullable(),
  at_ms: Ms,
  amount_fen: FenText,
  postings: z.array(PostingView),
})
export type EntryView = z.infer<typeof EntryView>

/** Figures of the hall's present day so far. */
export const TodayView = z.object({
  tickets: Count,
  served: Count,
  left: Count,
  no_show: Count,
  undelivered: Count,
  waits_n: Count,
  wait_mean_ms: Ms.nullable(),
  wait_max_ms: Ms.nullable(),
})

/** Everything the live page shows of one hall, in one read. */
export const HallLiveRows = z.object({
  services: z.array(
    z.object({
      service: z.string(),
      name: Bilingual,
      waiting: Count,
      oldest_issued_ms: Ms.nullable(),
    }),
  ),
  today: TodayView.nullable(),
  /** The first of them in the order of issue. */
  waiting: z.array(WaitingView),
  counters: z.array(CounterView),
  calls: z.array(CallView),
  tenders: z.array(TenderView),
  balances: z.array(BalanceView),
  ledger: LedgerTotals,
  entries: z.array(EntryView),
})
export type HallLiveRows = z.infer<typeof HallLiveRows>

export const HallView = HallSummary.extend({
  live: HallLiveRows,
  devices: z.array(DeviceView),
  completeness: z.lazy(() => Completeness),
})
export type HallView = z.infer<typeof HallView>

export const EpochView = z.object({
  epoch: z.string(),
  number: Count,
  parent: z.object({ epoch: z.string(), seq: Count, hash: z.string() }).nullable(),
  reason: z.string(),
  gateway: z.string(),
  continues: z.boolean(),
  seq: Count,
  hash: z.string(),
  branch: z.boolean(),
})
export type EpochView = z.infer<typeof EpochView>

export const GapView = z.object({
  place: Count,
  epoch: z.string(),
  from: Count,
  to: Count.nullable(),
  reason: z.string(),
})
export type GapView = z.infer<typeof GapView>

export const CompletenessRows = z.object({
  hall: z.string(),
  records: Count,
  /** Complete to this record of this epoch, but for the gaps and branches on record. */
  head: HeadView.nullable(),
  epochs: z.array(EpochView),
  branches: z.array(EpochView),
  gaps: z.array(GapView),
  rejected: Count,
})
export type CompletenessRows = z.infer<typeof CompletenessRows>

export const Completeness = CompletenessRows.extend({
  /** By presence; null when nothing was heard since the controller started. */
  unbooked: UnbookedView.nullable(),
})
export type Completeness = z.infer<typeof Completeness>

export const OUTCOMES = [
  'waiting',
  'called',
  'serving',
  'done',
  'no_show',
  'left',
  'voided',
] as const

export const VisitView = z.object({
  /** Place of its first record: the cursor for paging. */
  place: Count,
  ticket: z.string(),
  day: z.string(),
  number: z.string(),
  service: z.string(),
  class: z.string(),
  outcome: z.string(),
  counter: z.string().nullable(),
  delivery: z.string().nullable(),
  undelivered: z.boolean(),
  /** A card was laid at its counter and recorded; whose it is, is not told here. */
  card_checked: z.boolean(),
  issued_ms: Ms,
  called_ms: Ms.nullable(),
  serving_ms: Ms.nullable(),
  ended_ms: Ms.nullable(),
  wait_ms: Ms.nullable(),
  serve_ms: Ms.nullable(),
})
export type VisitView = z.infer<typeof VisitView>

/** Figures of one business day. Percentiles by nearest rank. */
export const DayView = z.object({
  hall: z.string(),
  day: z.string(),
  /** All tickets; those below leave out voided ones and those of unknown delivery. */
  issued: Count,
  tickets: Count,
  called: Count,
  served: Count,
  no_show: Count,
  left: Count,
  undelivered: Count,
  voided: Count,
  waits: z.object({
    n: Count,
    mean_s: z.number().nullable(),
    median_s: z.number().nullable(),
    p90_s: z.number().nullable(),
    max_s: z.number().nullable(),
    over_30_min_share: z.number().nullable(),
  }),
})
export type DayView = z.infer<typeof DayView>

export const RejectedView = z.object({
  place: Count,
  epoch: z.string(),
  seq: Count,
  projection: z.string(),
  version: Count,
  code: z.string(),
  /** What the code means; null for one that is of the database or of nobody. */
  text: z.object({ zh: z.string(), en: z.string() }).nullable(),
})
export type RejectedView = z.infer<typeof RejectedView>

export const Problem = z.object({
  code: z.string(),
  text: z.string(),
  detail: z.string(),
  problems: z.array(z.object({ path: z.string(), problem: z.string() })).optional(),
})
