/** A small hall to decide in: rules, stamps, inputs, and a hall that keeps its own log. */

import type { HallRules } from '#devices/contract/hall-rules.ts'
import type { Draft, Source, Stamp } from '#devices/contract/record.ts'
import type { FaultCode } from '#devices/std/fault.ts'
import { apply, type Fact } from '../../../gateway/hall/apply.ts'
import { type Decision, decide } from '../../../gateway/hall/decide.ts'
import type { Answer, Ask, Subject } from '../../../gateway/hall/input.ts'
import { emptyState, type HallState } from '../../../gateway/hall/state.ts'

/** 2026-03-02 09:00 in Shanghai. */
export const NINE_MS = Date.UTC(2026, 2, 2, 1)
export const TODAY = '2026-03-02'
export const BOOT = 'b0070001'

export function rules(changes: Partial<HallRules> = {}): HallRules {
  const name = (text: string) => ({ zh: text, en: text })
  return {
    hall_name: name('hall'),
    zone: 'Asia/Shanghai',
    services: [
      {
        service: 'cash',
        name: name('cash'),
        band: { prefix: 'A', first: 1, last: 999, digits: 3 },
      },
      {
        service: 'loans',
        name: name('loans'),
        band: { prefix: 'B', first: 1, last: 999, digits: 3 },
      },
    ],
    classes: [
      { class: 'plain', name: name('plain'), credit_s: 0 },
      { class: 'gold', name: name('gold'), credit_s: 600 },
    ],
    counters: ['1', '2', 'constructor'],
    guard_window_ms: 1_500,
    ...changes,
  }
}

export function stamp(ms: number, boot = BOOT): Stamp {
  return { wall_ms: NINE_MS + ms, boot, mono_ms: ms, skew_ms: null, skew_error_ms: null }
}

/** A hall in memory: decides, applies, and keeps the records for folding again. */
export function hall(start: HallState = emptyState()) {
  let fresh = 0
  const state = start
  const facts: Fact[] = []
  /** `ms` moves both clocks, `wall_ms` sets the wall apart. */
  const clock = { ms: 0, boot: BOOT, wall_ms: 0 }
  const now = (): Stamp => {
    const at = stamp(clock.ms, clock.boot)
    return { ...at, wall_ms: at.wall_ms + clock.wall_ms }
  }
  const take = (fact: Fact): void => {
    facts.push(fact)
    apply(state, fact)
  }
  const decideOn = (ask: Ask, source?: Source): Decision => {
    const id = (++fresh).toString(16).padStart(16, '0')
    const at = now()
    const decision = decide(state, { at, fresh: id, ask, ...(source && { source }) })
    for (const draft of decision.drafts) take({ ...draft, at })
    return decision
  }
  return {
    state,
    facts,
    clock,
    decide: decideOn,
    ask: (ask: Ask, source?: Source): Answer => decideOn(ask, source).answer,
    /** The subject of an input that must be recorded. */
    must: (ask: Ask, source?: Source): Subject => {
      const { answer } = decideOn(ask, source)
      if (answer.outcome === 'refused') throw answer.fault
      return answer.subject
    },
    /** The code with which an input is refused, or what it came to instead. */
    code: (ask: Ask, source?: Source): FaultCode | 'recorded' | 'repeat' => {
      const { answer } = decideOn(ask, source)
      if (answer.outcome === 'refused') return answer.fault.code
      return answer.repeat ? 'repeat' : 'recorded'
    },
    /** History that nobody decided here. */
    tell: (draft: Draft): void => take({ ...draft, at: now() }),
  }
}

/** Configured, the day open. */
export function openHall(changes: Partial<HallRules> = {}) {
  const opened = hall()
  opened.must({ type: 'config', version: 1, rules: rules(changes) })
  opened.must({ type: 'day.open', day: TODAY, confirmed_by: null })
  return opened
}

/** With clerks at counters 1 and 2, who take everything. */
export function staffedHall(changes: Partial<HallRules> = {}) {
  const staffed = openHall(changes)
  for (const counter of ['1', '2']) {
    staffed.must({ type: 'counter.sign_in', counter, clerk: `clerk-${counter}`, services: [] })
  }
  return staffed
}

export const press = (service = 'cash', named?: string): Ask =>
  named === undefined
    ? { type: 'ticket.press', service }
    : { type: 'ticket.press', service, class: named }

export const HASH_A = 'a'.repeat(64)
export const HASH_B = 'b'.repeat(64)

export function order(
  changes: Partial<Extract<Ask, { type: 'order.enter' }>['content']> = {},
): Ask {
  return {
    type: 'order.enter',
    content: {
      order: 'order-1',
      counter: '1',
      lines: [{ item: 'sim', amount_fen: 5_000 }],
      tenders: [{ tender: 'cash', amount_fen: 5_000 }],
      content_hash: HASH_A,
      ...changes,
    },
  }
}

export const card = (counter = '1', subject = 'c'.repeat(64)): Ask => ({
  type: 'card',
  counter,
  card: { card_type: 'resident', subject, sealed: 'a.b.c.d.e', warnings: [] },
})
