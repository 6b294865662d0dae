/** A hall's rows and its presence put together: what the list, the page and alarms are made of. */
import { type HallPresence, unbooked } from '../health/presence.ts'
import type {
  Alarm,
  Completeness,
  CompletenessRows,
  HallRowView,
  HallSummary,
  PresenceView,
} from './views.ts'

type Deps = { presence: { of(hall: string): HallPresence }; now_ms: () => number }

export function summaryOf(row: HallRowView, deps: Deps): HallSummary {
  const presence = deps.presence.of(row.hall)
  return {
    ...row,
    presence: presenceView(presence, row.head, deps.now_ms()),
    alarms: alarmsOf(row, presence),
  }
}

export function completenessOf(rows: CompletenessRows, deps: Deps): Completeness {
  const presence = deps.presence.of(rows.hall)
  return { ...rows, unbooked: unbooked(presence, rows.head, deps.now_ms()) }
}

function presenceView(
  presence: HallPresence,
  head: HallRowView['head'],
  now_ms: number,
): PresenceView {
  const { state, since_ms, birth, heard_ms, intruder, problems } = presence
  return {
    state,
    since_ms,
    gateway: birth?.gateway ?? null,
    version: birth?.version ?? null,
    config_version: birth?.config_version ?? null,
    skew_ms: birth?.clock.skew_ms ?? null,
    heard_ms,
    intruder: intruder?.gateway ?? null,
    problems,
    unbooked: unbooked(presence, head, now_ms),
  }
}

/** States of a device that a person must look at. */
const FAULTY = new Set([
  'hardware_error',
  'user_error',
  'no_device',
  'fraud_attempt',
  'potential_fraud',
])

/** A device that is not the one that belongs there: its cards and keys reach nobody. */
const HELD_BACK = new Set(['wrong_place', 'stranger', 'unconfirmed'])

/** In the business day; at night halls switch things off. */
const AWAY = new Set(['offline', 'power_off'])

function alarmsOf(row: HallRowView, presence: HallPresence): Alarm[] {
  const present = presence.state === 'present'
  const devices = present ? (presence.birth?.devices ?? []) : []
  const needsAPerson = ({ state, reason }: { state: string; reason: string }) =>
    FAULTY.has(state) || HELD_BACK.has(reason) || (row.day_open && AWAY.has(state))
  const alarms: Alarm[] = [
    { alarm: 'not_owner', count: presence.intruder === null ? 0 : 1 },
    { alarm: 'gap', count: row.gaps },
    { alarm: 'branch', count: row.branches },
    { alarm: 'rejected', count: row.rejected },
    { alarm: 'device', count: devices.filter(needsAPerson).length },
    { alarm: 'presence_unreadable', count: presence.problems },
    { alarm: 'batch_unreadable', count: presence.batches_refused },
  ]
  return alarms.filter(({ count }) => count > 0)
}
