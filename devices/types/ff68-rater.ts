/**
 * Rating pad of the `FF 68` protocol. No command that makes it ask a customer is known, so asking is
 * ours alone: it opens a window in which the first press belongs to the asked visit. A press outside
 * is kept as nobody's; no press is no rating.
 *
 * Assumed, for lack of a second source or a device: the command 11 (one vendor's document); that the
 * key is the last data byte and counts from `first_key`, the best first; that the pad repeats a rating
 * until it is answered. The answer, command 01 with the same data, goes out only
 * after the rating's record is on disk.
 * After a lost link the pad is idle: an open question is withdrawn as unanswered.
 */
import {
  createFf68Deframer,
  encodeFf68,
  type Ff68Frame,
  ratingAnswer,
  ratingOf,
} from '../wire/ff68.ts'
import {
  type Ff68Options,
  ff68Assumptions,
  ff68Defaults,
  ff68Rules,
  labelFf68,
  speaks_first,
} from './ff68-unit.ts'
import {
  collectDue,
  emptyBook,
  type Guarded,
  hear,
  linkedAgain,
  nextDue_ms,
  type PressBook,
  settle,
} from './guarded-presses.ts'
import type { Action, DeviceType, MachineEvent, Step } from './machine.ts'
import { waiting } from './options.ts'
import { asking_ms, five_keys, keysRule, type RatingEnd, type RatingInput } from './rating.ts'

export type Ff68RaterOptions = Ff68Options & {
  /** How long a question stays open. */
  asking_ms: number
  /** Scores by key, 5 (best) to 1; three to five keys. */
  keys: readonly number[]
  /** The byte of the first key; the others follow. */
  first_key: number
}

export type Ff68RaterCommand = { command: 'ask'; visit: string } | { command: 'idle' }
export type Ff68RaterResult = 'accepted' | RatingEnd

type Rating = { input: RatingInput; frame: Ff68Frame }

export type Ff68RaterState = {
  options: Ff68RaterOptions
  up: boolean
  /** When the link was lost. */
  lost_ms: number
  book: PressBook<Rating>
  /** The open question and the command that waits for its end. */
  asking: { id: number; visit: string; until_ms: number } | null
}

type RaterStep = Step<Ff68RaterState, RatingInput, Ff68RaterResult>
type RaterAction = Action<RatingInput, Ff68RaterResult>
type RaterEvent = MachineEvent<Ff68Frame, Ff68RaterCommand>

export const ff68Rater: DeviceType<
  Ff68RaterState,
  Ff68Frame,
  Ff68RaterCommand,
  RatingInput,
  Ff68RaterResult,
  Ff68RaterOptions
> = {
  name: 'ff68_rater',
  title: { zh: '评价器（FF 68 协议）', en: 'rating pad (FF 68 protocol)' },
  protocol: 'ff68',
  carries_cards: false,
  nameless: true,
  limits: { most_bytes_per_send: 4096 },
  speaks_first,
  assumptions: [
    ...ff68Assumptions,
    {
      code: 'rating_command',
      zh: '评价帧命令 11 与应答 01 仅见于一份厂家文档；按键连续编号、第一个最满意属假定',
      en: 'commands 11 and 01 are from one vendor’s document; keys in a row, the best first: assumed',
    },
    {
      code: 'no_prompt',
      zh: '没有已知的命令能让它提示顾客评价：20 秒窗口只在网关内计时',
      en: 'no command is known that makes it ask a customer: the window runs in the gateway only',
    },
  ],
  defaults: { ...ff68Defaults, asking_ms, keys: five_keys, first_key: 1 },
  rules: {
    ...ff68Rules,
    asking_ms: waiting,
    keys: keysRule,
    first_key: { kind: 'whole', least: 0, most: 251 },
  },
  deframer: createFf68Deframer,
  label: labelFf68,
  begin: (options) => ({
    options,
    up: false,
    lost_ms: 0,
    book: emptyBook(options.run),
    asking: null,
  }),
  step,
}

function step(state: Ff68RaterState, event: RaterEvent, now_ms: number): RaterStep {
  const { state: next, actions } = react(state, event, now_ms)
  const until_ms = next.asking?.until_ms ?? Number.POSITIVE_INFINITY
  const due_ms = Math.min(until_ms, nextDue_ms(next.book)) - now_ms
  if (!next.up || !Number.isFinite(due_ms)) return { state: next, actions }
  return {
    state: next,
    actions: [...actions, { do: 'timer', kind: 'rest', ms: Math.max(due_ms, 1) }],
  }
}

function react(state: Ff68RaterState, event: RaterEvent, now_ms: number): RaterStep {
  switch (event.type) {
    case 'connected': {
      const online: RaterAction = { do: 'state', state: 'online', reason: 'connected' }
      const { lost_ms, options: rules } = state
      const book = linkedAgain(state.book, { lost_ms, now_ms, rules })
      return { state: { ...state, book, up: true }, actions: [online] }
    }
    case 'disconnected':
      return end({ ...state, up: false, lost_ms: now_ms }, 'no_rating')
    case 'frame':
      return onFrame(state, event.frame, now_ms)
    case 'timer':
      return onTimer(state, now_ms)
    case 'command':
      return onCommand(state, event, now_ms)
    case 'settled': {
      const { book, press } = settle(state.book, event, { now_ms, rules: state.options })
      const here = { ...state, book }
      return { state: here, actions: press === null ? [] : answerTo(here, press) }
    }
  }
}

/** Closes the open question, if there is one. */
function end(state: Ff68RaterState, result: Ff68RaterResult): RaterStep {
  const { asking } = state
  if (asking === null) return { state, actions: [] }
  return {
    state: { ...state, asking: null },
    actions: [{ do: 'finish', id: asking.id, result }],
  }
}

function onFrame(state: Ff68RaterState, frame: Ff68Frame, now_ms: number): RaterStep {
  const key = ratingOf(frame)
  if (key === null || frame.address !== state.options.address) {
    return { state, actions: [{ do: 'count', counter: 'unasked_frames' }] }
  }
  const heard: RaterAction = { do: 'state', state: 'online', reason: 'heard' }
  const { first_key, keys } = state.options
  const number = key - first_key + 1
  const score = keys[number - 1]
  if (score === undefined) {
    // Answered, so that the pad stops; there is no score to keep.
    const unknown: RaterAction = { do: 'count', counter: 'unknown_events' }
    return { state, actions: [heard, unknown, sendAnswer(frame)] }
  }
  const rated = onRating(state, { frame, key: number, score }, now_ms)
  return { state: rated.state, actions: [heard, ...rated.actions] }
}

function onRating(
  state: Ff68RaterState,
  { frame, key, score }: { frame: Ff68Frame; key: number; score: number },
  now_ms: number,
): RaterStep {
  const { asking } = state
  const visit = asking !== null && now_ms < asking.until_ms ? asking.visit : null
  const inputOf = (boot: string, event: number): Rating => ({
    frame,
    input: { type: 'rating', boot, event, visit, key, score },
  })
  const heard = hear(state.book, String(key), { now_ms, rules: state.options, inputOf })
  switch (heard.verdict) {
    case 'no_room':
      return { state, actions: [{ do: 'count', counter: 'floods' }] }
    case 'repeat':
      return {
        state: { ...state, book: heard.book },
        actions: [{ do: 'count', counter: 'repeats' }, ...answerTo(state, heard.press)],
      }
    case 'new': {
      const taken = { ...state, book: heard.book }
      const ended = visit === null ? { state: taken, actions: [] } : end(taken, 'rated')
      return { state: ended.state, actions: [emit(heard.press), ...ended.actions] }
    }
  }
}

function emit(press: Guarded<Rating>): RaterAction {
  return { do: 'emit', input: press.input.input }
}

/** Refused ratings are answered too: a customer can do nothing about them. */
function answerTo(state: Ff68RaterState, press: Guarded<Rating>): RaterAction[] {
  const decided = press.standing === 'recorded' || press.standing === 'refused'
  return state.up && decided ? [sendAnswer(press.input.frame)] : []
}

function sendAnswer(frame: Ff68Frame): RaterAction {
  return { do: 'send', bytes: encodeFf68(ratingAnswer(frame)), label: 'rating answer' }
}

function onTimer(state: Ff68RaterState, now_ms: number): RaterStep {
  const { book, again } = collectDue(state.book, { now_ms, rules: state.options })
  const here = { ...state, book }
  const over = state.asking !== null && now_ms >= state.asking.until_ms
  const ended = over ? end(here, 'no_rating') : { state: here, actions: [] }
  return { state: ended.state, actions: [...again.map(emit), ...ended.actions] }
}

function onCommand(
  state: Ff68RaterState,
  event: Extract<RaterEvent, { type: 'command' }>,
  now_ms: number,
): RaterStep {
  const { id, command } = event
  if (command.command === 'idle') {
    const ended = end(state, 'no_rating')
    return {
      state: ended.state,
      actions: [...ended.actions, { do: 'finish', id, result: 'accepted' }],
    }
  }
  if (!state.up) return { state, actions: [{ do: 'finish', id, result: 'not_connected' }] }
  const ended = end(state, 'replaced')
  const until_ms = now_ms + state.options.asking_ms
  const asking = { id, visit: command.visit, until_ms }
  return { state: { ...ended.state, asking }, actions: ended.actions }
}
