/**
 * Who sits at a counter, and the card that was checked there. A session is the time one ticket is
 * open; the card's token is forgotten with it.
 * Refuses with `unknown_counter`, `unknown_service`, `wrong_state` (another clerk),
 * `not_signed_in`, `counter_busy`, `day_closed`.
 */

import { counterRow, letGo } from './queue.ts'
import type { HallState } from './state.ts'
import { hasService } from './tickets.ts'
import { type Applier, type Decider, record, refuse } from './verdict.ts'

function isListed(state: HallState, counter: string): boolean {
  return state.config?.rules.counters.includes(counter) === true
}

export const signIn: Decider<'counter.sign_in'> = (state, ask) => {
  const { counter, clerk, services } = ask
  if (!isListed(state, counter)) return refuse('unknown_counter', counter)
  const unknown = services.find((service) => !hasService(state, service))
  if (unknown !== undefined) return refuse('unknown_service', unknown)
  const present = state.counters[counter]?.clerk ?? null
  if (present !== null && present !== clerk) {
    return refuse('wrong_state', 'another clerk is signed in')
  }
  return record({ kind: 'counter.signed_in', data: { counter, clerk, services: [...services] } })
}

export const signedIn: Applier<'counter.signed_in'> = (state, data) => {
  const row = counterRow(state, data.counter)
  row.clerk = data.clerk
  row.services = [...data.services]
}

export const signOut: Decider<'counter.sign_out'> = (state, { counter }) => {
  const row = state.counters[counter]
  if (row === undefined && !isListed(state, counter)) return refuse('unknown_counter', counter)
  if (row === undefined || row.clerk === null) return refuse('not_signed_in', counter)
  if (row.ticket !== null) return refuse('counter_busy', counter)
  return record({ kind: 'counter.signed_out', data: { counter, clerk: row.clerk } })
}

export const signedOut: Applier<'counter.signed_out'> = (state, data) => {
  const row = counterRow(state, data.counter)
  letGo(state, row)
  row.clerk = null
  row.services = []
  row.subject = null
}

export const takeCard: Decider<'card'> = (state, { counter, card }) => {
  const row = state.counters[counter]
  if (row === undefined && !isListed(state, counter)) return refuse('unknown_counter', counter)
  if (state.day?.open !== true && row?.ticket == null) return refuse('day_closed')
  const data = { counter, ticket: row?.ticket ?? null, ...card }
  return record({ kind: 'card.verified', data })
}

export const cardVerified: Applier<'card.verified'> = (state, data) => {
  const row = counterRow(state, data.counter)
  if (row.ticket === data.ticket) row.subject = data.subject
}
