/**
 * Presence of halls, as a fold of what their gateways say. Unknown until something is heard after
 * the controller started; nothing here is stored.
 *
 * A death counts only for its own session. A gateway that does not own its hall never changes the
 * hall's presence: it is kept beside it as `intruder`. What cannot be read is counted, and changes
 * nothing. Raises no faults.
 */
import { MESSAGE_BYTES_MAX, NESTING_MAX } from '#devices/contract/limits.ts'
import { type Birth, type DevicePresence, Presence } from '#devices/contract/presence.ts'
import { tooDeep } from '#devices/std/json.ts'

export type PresenceState = 'unknown' | 'present' | 'gone'

export type HallPresence = {
  state: PresenceState
  /** Cloud time at which the state began; null while unknown. */
  since_ms: number | null
  /** What the owner said last, kept after it went: the last known devices. */
  birth: Birth | null
  /** Cloud time at which `birth` came. */
  heard_ms: number | null
  /** Another gateway that uses this hall's credential. */
  intruder: { gateway: string; session: string; heard_ms: number } | null
  /** Messages that could not be read since the controller started. */
  problems: number
  last_problem: string | null
  /** Messages on the hall's log topic that were no batch, since the controller started. */
  batches_refused: number
}

export const UNKNOWN: HallPresence = {
  state: 'unknown',
  since_ms: null,
  birth: null,
  heard_ms: null,
  intruder: null,
  problems: 0,
  last_problem: null,
  batches_refused: 0,
}

export type Heard = { ok: true; message: Presence } | { ok: false; problem: string }

/** Reads one message. `text` null stands for bytes that are not UTF-8. */
export function readPresence(text: string | null): Heard {
  if (text === null) return { ok: false, problem: 'bad_text' }
  if (text.length > MESSAGE_BYTES_MAX) return { ok: false, problem: 'too_large' }
  if (tooDeep(text, NESTING_MAX)) return { ok: false, problem: 'too_deep' }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, problem: 'malformed' }
  }
  const read = Presence.safeParse(value)
  if (read.success) return { ok: true, message: read.data }
  return { ok: false, problem: `invalid: ${read.error.issues[0]?.path.join('.') ?? ''}` }
}

/** `owner` is the gateway that may speak for the hall; null where the hall has none yet. */
export type Hearing = { now_ms: number; owner: string | null }

/** The hall's presence after `heard`. */
export function fold(before: HallPresence, heard: Heard, at: Hearing): HallPresence {
  if (!heard.ok) {
    return { ...before, problems: before.problems + 1, last_problem: heard.problem }
  }
  const { message } = heard
  if (message.type === 'death') return died(before, message.session, at.now_ms)
  if (at.owner !== null && message.gateway !== at.owner) {
    const { gateway, session } = message
    return { ...before, intruder: { gateway, session, heard_ms: at.now_ms } }
  }
  return born(before, message, at.now_ms)
}

function born(before: HallPresence, birth: Birth, now_ms: number): HallPresence {
  const goesOn = before.state === 'present' && before.birth?.session === birth.session
  // Whoever was an intruder may have become the owner meanwhile.
  const intruder = before.intruder?.gateway === birth.gateway ? null : before.intruder
  const since_ms = goesOn ? before.since_ms : now_ms
  return { ...before, state: 'present', since_ms, birth, heard_ms: now_ms, intruder }
}

function died(before: HallPresence, session: string, now_ms: number): HallPresence {
  if (before.intruder?.session === session) return { ...before, intruder: null }
  if (before.state !== 'present' || before.birth?.session !== session) return before
  return { ...before, state: 'gone', since_ms: now_ms }
}

/** The hall has a new owner: what the old one said no longer stands for it. */
export function ownerChanged(before: HallPresence, owner: string): HallPresence {
  if (before.birth === null || before.birth.gateway === owner) return before
  const { problems, last_problem, batches_refused } = before
  return { ...UNKNOWN, problems, last_problem, batches_refused }
}

export type Unbooked = {
  /** Records the gateway holds that no receipt covered when it last spoke. */
  records: number
  /** Age of the oldest of them at `now_ms` in ms, by the gateway's clock put right by its skew. */
  oldest_ms: number | null
  reported_ms: number
}

type Held = { epoch: string; seq: number } | null

/** What is still on the gateway only. Once the cloud holds all it reported, that is nothing. */
export function unbooked(presence: HallPresence, held: Held, now_ms: number): Unbooked | null {
  const { birth, heard_ms } = presence
  if (birth === null || heard_ms === null) return null
  const all = held?.epoch === birth.epoch && held.seq >= birth.head.seq
  if (all || birth.unbooked === 0 || birth.unbooked_since_ms === null) {
    return { records: 0, oldest_ms: null, reported_ms: heard_ms }
  }
  const since_ms = birth.unbooked_since_ms + (birth.clock.skew_ms ?? 0)
  const left = held?.epoch === birth.epoch ? birth.head.seq - held.seq : birth.unbooked
  return {
    records: Math.min(left, birth.unbooked),
    oldest_ms: Math.max(0, now_ms - since_ms),
    reported_ms: heard_ms,
  }
}

/** Devices with how they are known: a gateway that is gone knows nothing any more. */
export function devicesOf(presence: HallPresence): DevicePresence[] {
  const devices = presence.birth?.devices ?? []
  if (presence.state === 'present') return devices
  return devices.map((device) => ({ ...device, state: 'stale' }))
}
