/**
 * Rating pad of our register map: asks a person about a visit, and hands the key over with the visit
 * it belongs to. A unit as all others (`register-unit.ts`), with questions on top.
 *
 * A press carries the id of the request it answers, which the pad echoes, so it belongs to its visit
 * also when it is read late; the ids are drawn at random and known for the last `most_requests` only.
 * What carries no id, or one of a run before, is nobody's.
 * The pad goes idle with every connect and every power-up: an open question ends as `no_rating`.
 * A key beyond the configured ones is refused on the pad.
 */
import { createModbusReplyDeframer } from '../wire/modbus-rtu.ts'
import type { Prompt } from '../wire/register-map.ts'
import type { Action, DeviceType, MachineEvent, Step } from './machine.ts'
import { waiting } from './options.ts'
import { asking_ms, five_keys, keysRule, type RatingEnd, type RatingInput } from './rating.ts'
import { attendUnit, beginUnit, labelUnit, stepUnit } from './register-unit.ts'
import {
  type PressInput,
  type UnitCommand,
  type UnitFrame,
  type UnitKind,
  type UnitOptions,
  type UnitResult,
  type UnitState,
  unitAssumptions,
  unitDefaults,
  unitLine,
  unitRules,
} from './register-unit-state.ts'

export type RatingPadOptions = UnitOptions & {
  /** How long a question stays open. */
  asking_ms: number
  /** Scores by key, 5 (best) to 1; three to five keys. */
  keys: readonly number[]
}

export type RatingPadCommand =
  /** `request` is drawn for this question: 1 to 8 characters of a to z and 0 to 9. */
  | { command: 'ask'; visit: string; request: string }
  | { command: 'idle' }
  | Extract<UnitCommand, { command: 'set_address' }>
export type RatingPadResult = RatingEnd | UnitResult

export type RatingPadState = {
  options: RatingPadOptions
  unit: UnitState
  /** The open question and the command that waits for its end. */
  asking: { id: number; request: string; until_ms: number } | null
  /** The last requests and their visits, newest last. */
  requests: readonly { request: string; visit: string }[]
}

type PadStep = Step<RatingPadState, RatingInput, RatingPadResult>
type PadAction = Action<RatingInput, RatingPadResult>
type PadEvent = MachineEvent<UnitFrame, RatingPadCommand>

const most_requests = 16

const kind: UnitKind = {
  name: 'rating_pad',
  class: 'rater',
  title: { zh: '评价器', en: 'rating pad' },
  codes: ['rating'],
  asserted: ['prompt'],
}

export const ratingPad: DeviceType<
  RatingPadState,
  UnitFrame,
  RatingPadCommand,
  RatingInput,
  RatingPadResult,
  RatingPadOptions
> = {
  name: kind.name,
  title: kind.title,
  protocol: 'modbus_rtu',
  carries_cards: false,
  assumptions: unitAssumptions,
  line: unitLine,
  limits: { most_bytes_per_send: 4096 },
  defaults: { ...unitDefaults, poll_ms: 100, asking_ms, keys: five_keys },
  rules: { ...unitRules, asking_ms: waiting, keys: keysRule },
  deframer: createModbusReplyDeframer,
  label: labelUnit,
  begin: (options) => ({ options, unit: beginUnit(options, kind), asking: null, requests: [] }),
  step,
  attend: (state, open) => around(state, attendUnit(state.unit, open)),
}

function step(state: RatingPadState, event: PadEvent, now_ms: number): PadStep {
  if (event.type === 'command') return onCommand(state, event, now_ms)
  const { boot } = state.unit
  const stepped = around(state, stepUnit(state.unit, event, now_ms))
  const { unit, asking } = stepped.state
  const gone = event.type === 'disconnected' || (boot !== null && unit.boot !== boot)
  const over = asking !== null && now_ms >= asking.until_ms
  return gone || over ? then(stepped, (here) => withdraw(here, 'no_rating', now_ms)) : stepped
}

function still(state: RatingPadState): PadStep {
  return { state, actions: [] }
}

function then(first: PadStep, next: (state: RatingPadState) => PadStep): PadStep {
  const second = next(first.state)
  return { state: second.state, actions: [...first.actions, ...second.actions] }
}

/** What the unit did, with its presses read as ratings. */
function around(
  state: RatingPadState,
  { state: unit, actions }: Step<UnitState, PressInput, UnitResult>,
): PadStep {
  let done: PadStep = { state: { ...state, unit }, actions: [] }
  for (const action of actions) {
    done = then(done, (here) =>
      action.do === 'emit' ? onPress(here, action.input) : { state: here, actions: [action] },
    )
  }
  return done
}

function onPress(state: RatingPadState, press: PressInput): PadStep {
  const { boot, event, argument: key, text } = press
  const score = state.options.keys[key - 1]
  if (score === undefined) return refuse(state, press)
  const visit = state.requests.find(({ request }) => request === text)?.visit ?? null
  const input: RatingInput = { type: 'rating', boot, event, visit, key, score }
  const answered = state.asking !== null && state.asking.request === text
  const ended = answered ? end(state, 'rated') : still(state)
  return { state: ended.state, actions: [{ do: 'emit', input }, ...ended.actions] }
}

/** Nobody is asked about a key that means nothing here; the pad is told at the next poll. */
function refuse(state: RatingPadState, { boot, event }: PressInput): PadStep {
  const decided = { boot, event, outcome: 'refused' } as const
  const unit: UnitState = { ...state.unit, deciding: null, decided, released: false }
  return { state: { ...state, unit }, actions: [{ do: 'count', counter: 'unknown_events' }] }
}

/** Closes the open question, if there is one. The pad closed it itself when it was answered. */
function end(state: RatingPadState, result: RatingEnd): PadStep {
  const { asking } = state
  if (asking === null) return still(state)
  const finish: PadAction = { do: 'finish', id: asking.id, result }
  return { state: { ...state, asking: null }, actions: [finish] }
}

function withdraw(state: RatingPadState, result: RatingEnd, now_ms: number): PadStep {
  return then(end(state, result), (here) => prompt(here, { mode: 'idle' }, now_ms))
}

function prompt(state: RatingPadState, wanted: Prompt, now_ms: number): PadStep {
  // A command of ours, not of a caller: nobody waits for its end.
  const event = { type: 'command', id: 0, command: { command: 'prompt', prompt: wanted } } as const
  const { state: unit, actions } = stepUnit(state.unit, event, now_ms)
  return around(state, { state: unit, actions: actions.filter((one) => one.do !== 'finish') })
}

function onCommand(
  state: RatingPadState,
  { id, command }: Extract<PadEvent, { type: 'command' }>,
  now_ms: number,
): PadStep {
  const finish =
    (result: RatingPadResult) =>
    (here: RatingPadState): PadStep => ({
      state: here,
      actions: [{ do: 'finish', id, result }],
    })
  if (command.command === 'set_address') {
    return around(state, stepUnit(state.unit, { type: 'command', id, command }, now_ms))
  }
  if (command.command === 'idle') {
    return then(withdraw(state, 'no_rating', now_ms), finish('accepted'))
  }
  if (state.unit.phase !== 'ready') return finish('not_connected')(state)
  return then(end(state, 'replaced'), (here) => put(here, { id, ...command }, now_ms))
}

function put(
  state: RatingPadState,
  { id, visit, request }: { id: number; visit: string; request: string },
  now_ms: number,
): PadStep {
  const { asking_ms: ms, keys } = state.options
  const requests = [...state.requests.slice(1 - most_requests), { request, visit }]
  const asking = { id, request, until_ms: now_ms + ms }
  const seconds = Math.min(Math.ceil(ms / 1000), 255)
  const count = keys.length as 3 | 4 | 5
  return prompt(
    { ...state, asking, requests },
    { mode: 'asking', keys: count, seconds, request },
    now_ms,
  )
}
