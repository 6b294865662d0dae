/** What deciding one ask comes to, before sources and answers are put to it. */

import type { Draft, Kind, RecOf, Stamp } from '#devices/contract/record.ts'
import type { FaultCode } from '#devices/std/fault.ts'
import type { Ask, Subject } from './input.ts'
import type { HallState } from './state.ts'

export type Verdict =
  /** Records to append, together or not at all. The last one is what the answer is about. */
  | { verdict: 'record'; drafts: Draft[] }
  /** It is so already: the first outcome again, and nothing to append. */
  | { verdict: 'repeat'; subject: Subject }
  | { verdict: 'refuse'; code: FaultCode; detail: string }

export type AskOf<T extends Ask['type']> = Extract<Ask, { type: T }>
export type Moment = { at: Stamp; fresh: string }
export type Decider<T extends Ask['type']> = (
  state: HallState,
  ask: AskOf<T>,
  moment: Moment,
) => Verdict
/** Takes a fact into the state, in place. Never throws: a log is history, also where it is odd. */
export type Applier<K extends Kind> = (state: HallState, data: RecOf<K>['data'], at: Stamp) => void

export function record(...drafts: Draft[]): Verdict {
  return { verdict: 'record', drafts }
}

export function repeat(subject: Subject): Verdict {
  return { verdict: 'repeat', subject }
}

export function refuse(code: FaultCode, detail = ''): Verdict {
  return { verdict: 'refuse', code, detail }
}
