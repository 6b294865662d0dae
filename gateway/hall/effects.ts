/**
 * What leaves the gateway once records are on disk, and what displays and printers read from the
 * state. Shown things are asserted from the state as often as one likes; a print is asked for once
 * and closed by `ticket.delivery`.
 */

import type { Draft } from '#devices/contract/record.ts'
import type { Bilingual } from '#devices/contract/text.ts'
import type { Decision } from './decide.ts'
import type { Ask, Effect } from './input.ts'
import type { HallState } from './state.ts'

/** Effects of a decision whose records are applied to `state`. Each comes once. */
export function effectsOf(decision: Decision, state: HallState): Effect[] {
  const counters = new Set<string>()
  const pads = new Map<string, Effect>()
  const effects: Effect[] = []
  for (const draft of decision.drafts) {
    if (draft.kind === 'ticket.issued') {
      effects.push({ type: 'print', ticket: draft.data.ticket, reprint: false })
    }
    const counter = counterTouched(state, draft)
    if (counter !== null) counters.add(counter)
    const pad = padTouched(draft)
    if (pad !== null) pads.set(`${pad.type} ${pad.counter}`, pad)
  }
  if (decision.reprint !== undefined) {
    effects.push({ type: 'print', ticket: decision.reprint, reprint: true })
  }
  for (const counter of counters) effects.push({ type: 'shown', counter })
  return [...effects, ...pads.values()]
}

/** The rating pad or PIN pad that a record concerns. */
function padTouched({ kind, data }: Draft): Extract<Effect, { type: 'rate' | 'pin' }> | null {
  switch (kind) {
    case 'rating.asked':
    // A question about an earlier visit is over.
    case 'ticket.done':
      return { type: 'rate', counter: data.counter }
    case 'rating.given':
      return data.attributed ? { type: 'rate', counter: data.counter } : null
    case 'pin.asked':
    case 'pin.ended':
      return { type: 'pin', counter: data.counter }
    default:
      return null
  }
}

/** Pads that may ask something: to be told again what, after the state was read anew. */
export function padsAsking(state: HallState): Effect[] {
  return Object.values(state.counters).flatMap(({ counter, asking, pin_order }): Effect[] => [
    ...(asking === null ? [] : [{ type: 'rate', counter } as const]),
    ...(pin_order === null ? [] : [{ type: 'pin', counter } as const]),
  ])
}

function counterTouched(state: HallState, draft: Decision['drafts'][number]): string | null {
  switch (draft.kind) {
    case 'ticket.called':
    case 'ticket.recalled':
    case 'ticket.serving':
    case 'ticket.done':
    case 'ticket.no_show':
    case 'counter.signed_in':
    case 'counter.signed_out':
      return draft.data.counter
    case 'ticket.left':
    case 'ticket.voided':
      return state.tickets[draft.data.ticket]?.counter ?? null
    default:
      return null
  }
}

/** What a counter's display shows. `times` is how often the number was called again. */
export type Shown =
  | { number: string; state: 'called' | 'serving'; times: number }
  | 'blank'
  | 'paused'

/** `paused` (暂停服务): nobody is signed in; also for a counter never heard of. */
export function shownAt(state: HallState, counter: string): Shown {
  const row = state.counters[counter]
  if (row === undefined || row.clerk === null) return 'paused'
  const ticket = row.ticket === null ? undefined : state.tickets[row.ticket]
  if (ticket?.state !== 'called' && ticket?.state !== 'serving') return 'blank'
  return { number: ticket.number, state: ticket.state, times: ticket.recalls }
}

/** Counters with something to show: those of the rules, and others still in use. */
export function countersShown(state: HallState): string[] {
  const listed = state.config?.rules.counters ?? []
  return [...new Set([...listed, ...Object.keys(state.counters)])]
}

/** What a ticket's paper says. */
export type PrintJob = {
  ticket: string
  number: string
  service: string
  service_name: Bilingual
  hall_name: Bilingual
  zone: string
  day: string
  class: string
  ahead: number
  issued_wall_ms: number
}

/** Null where the ticket is not known any more. */
export function printJobOf(state: HallState, ticket: string): PrintJob | null {
  const known = state.tickets[ticket]
  if (known === undefined || state.config === null) return null
  const { rules } = state.config
  const { number, service, day, ahead, issued_wall_ms } = known
  const named = rules.services.find((candidate) => candidate.service === service)
  return {
    ticket,
    number,
    service,
    service_name: named?.name ?? { zh: service, en: service },
    hall_name: rules.hall_name,
    zone: rules.zone,
    day,
    class: known.class,
    ahead,
    issued_wall_ms,
  }
}

/**
 * Prints that a stopped gateway left open: how they ended nobody knows. To be asked at every start
 * before anything is heard from devices.
 */
export function unclosedPrints(state: HallState): Extract<Ask, { type: 'ticket.delivery' }>[] {
  return Object.values(state.tickets)
    .filter((ticket) => ticket.delivery === null)
    .map(({ ticket }) => ({ type: 'ticket.delivery', ticket, outcome: 'unknown', reprint: false }))
}
