/**
 * `decide`: what one input comes to. Pure, and never changes the state: the records it gives are
 * applied by whoever appends them.
 *
 * An order's own id is its key, so a repeat of `order.enter` is told by the order, never by the
 * source. Any other repeated source gets the first outcome and appends nothing; only a repeated press whose paper
 * may not have come out asks for printing again, marked as such. A caller's key with another
 * request is refused with `key_reused`, an event behind all that is remembered with `wrong_state`.
 * A draft that would not be a valid record is refused with `invalid`, whatever let it come so far.
 */

import { type Draft, kinds, Source } from '#devices/contract/record.ts'
import { Fault, type FaultCode } from '#devices/std/fault.ts'
import * as bindings from './bindings.ts'
import * as calls from './calls.ts'
import * as counters from './counters.ts'
import * as day from './day.ts'
import type { Answer, Ask, Input, Subject } from './input.ts'
import * as orders from './orders.ts'
import * as pins from './pins.ts'
import { undelivered } from './queue.ts'
import * as ratings from './ratings.ts'
import { heardBefore, sameRequest } from './sources.ts'
import type { HallState } from './state.ts'
import { subjectOf } from './subject.ts'
import * as tickets from './tickets.ts'
import type { Decider, Verdict } from './verdict.ts'

export type Decision = {
  /** To be appended together or not at all. */
  drafts: Draft[]
  answer: Answer
  /** A ticket to print once more, marked 补打. */
  reprint?: string
}

const deciders: { [T in Ask['type']]: Decider<T> } = {
  config: day.configure,
  'day.open': day.openDay,
  'day.close': day.closeDay,
  'ticket.press': tickets.press,
  'ticket.delivery': tickets.deliver,
  'ticket.leave': tickets.leave,
  'ticket.void': tickets.voidTicket,
  'counter.sign_in': counters.signIn,
  'counter.sign_out': counters.signOut,
  'call.next': calls.callNext,
  'call.number': calls.callNumber,
  recall: calls.recall,
  serve: calls.serve,
  done: calls.finish,
  no_show: calls.noShow,
  card: counters.takeCard,
  'order.enter': orders.enterOrder,
  'order.confirm': orders.confirmOrder,
  'order.result': orders.resultOfOrder,
  'order.pin_begin': pins.beginPin,
  'pin.outcome': pins.endPin,
  'rating.ask': ratings.askRating,
  'rating.press': ratings.pressRating,
  'device.bind': bindings.bindDevice,
  'device.replace': bindings.replaceDevice,
  'kiosk.visit': day.visitKiosk,
}

export function decide(state: HallState, input: Input): Decision {
  const { ask, source } = input
  if (source !== undefined) {
    if (!Source.safeParse(source).success) return refused('invalid', 'source')
    const heard = heardBefore(state, source)
    if (heard.heard === 'too_old') return refused('wrong_state', 'event is too old')
    if (heard.heard === 'before' && !sameOrder(ask, heard.outcome.subject)) {
      const other = 'caller' in source && !sameRequest(state, ask, heard.outcome)
      return other ? refused('key_reused') : again(state, ask, heard.outcome.subject)
    }
  }
  const decider = deciders[ask.type] as Decider<Ask['type']>
  return settle(state, input, decider(state, ask, input))
}

/** Entered again, perhaps with other content: what becomes of it depends on the order's state. */
function sameOrder(ask: Ask, subject: Subject): boolean {
  return ask.type === 'order.enter' && ask.content.order === subject.order
}

function settle(state: HallState, { source }: Input, verdict: Verdict): Decision {
  if (verdict.verdict === 'refuse') return refused(verdict.code, verdict.detail)
  if (verdict.verdict === 'repeat') return recorded([], verdict.subject, true)
  const wrong = firstWrong(verdict.drafts)
  if (wrong !== null) return refused('invalid', wrong)
  const main = verdict.drafts.at(-1) as Draft
  const drafts = [...verdict.drafts.slice(0, -1), source === undefined ? main : { ...main, source }]
  return recorded(drafts, subjectOf(state, main), false)
}

/** Names the field, never what stands in it. */
function firstWrong(drafts: readonly Draft[]): string | null {
  for (const { kind, data } of drafts) {
    const parsed = kinds[kind].safeParse(data)
    if (!parsed.success) return `${kind} ${parsed.error.issues[0]?.path.join('.')}`
  }
  return null
}

function again(state: HallState, ask: Ask, subject: Subject): Decision {
  const decision = recorded([], subject, true)
  if (ask.type !== 'ticket.press' || subject.ticket === undefined) return decision
  const ticket = state.tickets[subject.ticket]
  const live = ticket?.state === 'waiting' || ticket?.state === 'called'
  return live && undelivered(ticket) ? { ...decision, reprint: ticket.ticket } : decision
}

function recorded(drafts: Draft[], subject: Subject, repeat: boolean): Decision {
  return { drafts, answer: { outcome: 'recorded', repeat, subject } }
}

function refused(code: FaultCode, detail = ''): Decision {
  return { drafts: [], answer: { outcome: 'refused', fault: new Fault(code, detail) } }
}
