/**
 * Which device belongs where, by what it says it is. A path only proposes: a device is bound by its
 * identity, and another one in its place is a replacement that somebody decided and that is on record.
 * Refuses with `unknown_counter`, `not_found`, `wrong_state` (bound elsewhere and nobody said that it
 * moved, or not that identity), `overloaded`.
 */

import { BOUND_DEVICES_MAX } from './limits.ts'
import type { HallState } from './state.ts'
import { type Applier, type Decider, record, refuse, repeat } from './verdict.ts'

export const bindDevice: Decider<'device.bind'> = (state, ask) => {
  const { device, device_type: type, identity, place, counter, by } = ask
  if (counter !== null && state.config?.rules.counters.includes(counter) !== true) {
    return refuse('unknown_counter', counter)
  }
  const known = state.devices[device]
  const elsewhere = boundAs(state, identity)
  const moved = elsewhere !== null && elsewhere !== device
  if (moved && by === FIRST_SEEN) return refuse('wrong_state', `is ${elsewhere}`)
  if (known !== undefined && known.identity !== identity) {
    return refuse('wrong_state', 'another one is bound: replace it')
  }
  const full = Object.keys(state.devices).length >= BOUND_DEVICES_MAX
  if (known === undefined && full) return refuse('overloaded', 'bound devices')
  const same = known?.type === type && known.place === place && known.counter === counter
  const data = { device, type, identity, place, counter, by }
  return same ? repeat({ device }) : record({ kind: 'device.bound', data })
}

/** Who binds what was never bound: the gateway itself, which may not move anything. */
export const FIRST_SEEN = 'first_seen'

/** The name under which an identity is bound. */
export function boundAs(state: Readonly<HallState>, identity: string): string | null {
  const found = Object.values(state.devices).find((device) => device.identity === identity)
  return found?.device ?? null
}

export const deviceBound: Applier<'device.bound'> = (state, data) => {
  const { device, type, identity, place, counter } = data
  leavesOthers(state, identity)
  state.devices[device] = { device, type, identity, place, counter }
}

export const replaceDevice: Decider<'device.replace'> = (state, ask) => {
  const { device, old_identity, new_identity, by } = ask
  const known = state.devices[device]
  if (known === undefined) return refuse('not_found', device)
  if (known.identity === new_identity) return repeat({ device })
  if (known.identity !== old_identity) return refuse('wrong_state', 'another one is bound')
  const data = { device, old_identity, new_identity, by }
  return record({ kind: 'device.replaced', data })
}

export const deviceReplaced: Applier<'device.replaced'> = (state, data) => {
  leavesOthers(state, data.new_identity)
  const known = state.devices[data.device]
  if (known !== undefined) known.identity = data.new_identity
}

/** A device belongs to one place: where it was before is free for whatever answers there. */
function leavesOthers(state: HallState, identity: string): void {
  const before = boundAs(state, identity)
  if (before !== null) delete state.devices[before]
}
