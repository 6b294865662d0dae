/**
 * Call pad of the `FF 68` protocol: keys for the clerk, three digits for people waiting and three for
 * the ticket. Not of our making; see `wire/ff68.ts` for what is known and from where.
 *
 * Assumed, for lack of a second source or a device: what each key means; that the pad repeats a key
 * frame until it is answered; that an answer to one frame and a frame to show may follow each other
 * at once; that it shows the same again without flicker. Blank and 暂停服务 both show dark digits:
 * this pad has no other way known.
 *
 * A press is answered, with the frame itself, only after its record is on disk. A refused one is
 * answered too, or the pad would send it until somebody else's ticket makes it possible; a beep tells
 * the clerk. What is shown is sent again after each connect and every `assert_ms`, as the pad says
 * nothing when it loses power.
 */
import {
  beepFrame,
  createFf68Deframer,
  encodeFf68,
  type Ff68Frame,
  type Ff68Key,
  type Ff68Shows,
  ff68Commands,
  keyOf,
  showFrame,
} from '../wire/ff68.ts'
import {
  type Ff68Options,
  ff68Assumptions,
  ff68Defaults,
  ff68Rules,
  labelFf68,
  noteSent,
  type Reflections,
  speaks_first,
  takeReflection,
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

export type Ff68PadOptions = Ff68Options & {
  /** How often the digits are sent again though nothing changed. */
  assert_ms: number
  /** How long what was sent may come back by itself. */
  reflection_ms: number
}

/** `boot` and `event` are made up by the gateway: see `guarded-presses.ts`. */
export type Ff68PressInput = {
  type: 'press'
  boot: string
  event: number
  key: Ff68Key
}
export type Ff68PadCommand = { command: 'show'; shows: Ff68Shows } | { command: 'beep' }
/** `not_connected`: a beep is for now, it is not kept for later. */
export type Ff68PadResult = 'accepted' | 'not_connected'

type Press = { input: Ff68PressInput; frame: Ff68Frame }

export type Ff68PadState = {
  options: Ff68PadOptions
  up: boolean
  /** When the link was lost. */
  lost_ms: number
  book: PressBook<Press>
  sent: Reflections
  wanted: Ff68Shows
  assert_at_ms: number
}

type PadStep = Step<Ff68PadState, Ff68PressInput, Ff68PadResult>
type PadAction = Action<Ff68PressInput, Ff68PadResult>

export const ff68Pad: DeviceType<
  Ff68PadState,
  Ff68Frame,
  Ff68PadCommand,
  Ff68PressInput,
  Ff68PadResult,
  Ff68PadOptions
> = {
  name: 'ff68_pad',
  title: { zh: '呼叫器（FF 68 协议）', en: 'call pad (FF 68 protocol)' },
  protocol: 'ff68',
  carries_cards: false,
  nameless: true,
  speaks_first,
  assumptions: [
    ...ff68Assumptions,
    {
      code: 'key_values',
      zh: '按键与显示的取值只来自一个开源系统；按键帧命令 01 属假定',
      en: 'values of keys and display are from one open-source system only; command 01 of a key frame is assumed',
    },
    {
      code: 'paused_is_dark',
      zh: '没有已知的“暂停服务”显示：空白与暂停都是黑屏',
      en: 'no way to show 暂停服务 is known: blank and paused both show dark digits',
    },
  ],
  limits: { most_bytes_per_send: 4096 },
  defaults: { ...ff68Defaults, assert_ms: 30_000, reflection_ms: 100 },
  rules: { ...ff68Rules, assert_ms: waiting, reflection_ms: waiting },
  deframer: createFf68Deframer,
  label: labelFf68,
  begin: (options) => ({
    options,
    up: false,
    lost_ms: 0,
    book: emptyBook(options.run),
    sent: [],
    wanted: { waiting: null, ticket: null },
    assert_at_ms: 0,
  }),
  step,
}

function step(
  state: Ff68PadState,
  event: MachineEvent<Ff68Frame, Ff68PadCommand>,
  now_ms: number,
): PadStep {
  const { state: next, actions } = react(state, event, now_ms)
  if (!next.up) return { state: next, actions }
  const due_ms = Math.min(next.assert_at_ms, nextDue_ms(next.book)) - now_ms
  return {
    state: next,
    actions: [...actions, { do: 'timer', kind: 'rest', ms: Math.max(due_ms, 1) }],
  }
}

function react(
  state: Ff68PadState,
  event: MachineEvent<Ff68Frame, Ff68PadCommand>,
  now_ms: number,
): PadStep {
  switch (event.type) {
    case 'connected': {
      const online: PadAction = { do: 'state', state: 'online', reason: 'connected' }
      const { lost_ms, options: rules } = state
      const book = linkedAgain(state.book, { lost_ms, now_ms, rules })
      return after([online], show({ ...state, book, up: true, sent: [] }, now_ms))
    }
    case 'disconnected':
      return { state: { ...state, up: false, lost_ms: now_ms }, actions: [] }
    case 'frame':
      return onFrame(state, event.frame, now_ms)
    case 'timer':
      return onTimer(state, now_ms)
    case 'command':
      return onCommand(state, event, now_ms)
    case 'settled':
      return onSettled(state, event, now_ms)
  }
}

/** Puts actions before those of a step. */
function after(actions: PadAction[], next: PadStep): PadStep {
  return { state: next.state, actions: [...actions, ...next.actions] }
}

function send(state: Ff68PadState, frame: Ff68Frame, now_ms: number): PadStep {
  const bytes = encodeFf68(frame)
  const { reflection_ms } = state.options
  const sent = noteSent(state.sent, bytes, { now_ms, reflection_ms })
  const label = labelFf68(frame).command
  return { state: { ...state, sent }, actions: [{ do: 'send', bytes, label }] }
}

function show(state: Ff68PadState, now_ms: number): PadStep {
  const { address, assert_ms } = state.options
  const asserted = { ...state, assert_at_ms: now_ms + assert_ms }
  return send(asserted, showFrame(address, state.wanted), now_ms)
}

function onFrame(state: Ff68PadState, frame: Ff68Frame, now_ms: number): PadStep {
  const unasked: PadAction = { do: 'count', counter: 'unasked_frames' }
  const sent = takeReflection(state.sent, frame, now_ms)
  if (sent !== null) return { state: { ...state, sent }, actions: [unasked] }
  if (frame.address !== state.options.address || !isFromPad(frame)) {
    return { state, actions: [unasked] }
  }
  const heard: PadAction = { do: 'state', state: 'online', reason: 'heard' }
  const key = keyOf(frame)
  if (key === null) {
    const unknown: PadAction = { do: 'count', counter: 'unknown_events' }
    return after([heard, unknown], answer(state, { frame, taken: false }, now_ms))
  }
  return after([heard], onKey(state, { frame, key }, now_ms))
}

/** The rest are the host's own commands and ratings, which are another device's. */
function isFromPad(frame: Ff68Frame): boolean {
  const { show, beep, rating } = ff68Commands
  return ![show, beep, rating].some((command) => command === frame.command)
}

function onKey(
  state: Ff68PadState,
  { frame, key }: { frame: Ff68Frame; key: Ff68Key },
  now_ms: number,
): PadStep {
  const inputOf = (boot: string, event: number): Press => ({
    frame,
    input: { type: 'press', boot, event, key },
  })
  const heard = hear(state.book, key, { now_ms, rules: state.options, inputOf })
  switch (heard.verdict) {
    case 'no_room':
      return { state, actions: [{ do: 'count', counter: 'floods' }] }
    case 'new':
      return { state: { ...state, book: heard.book }, actions: [emit(heard.press)] }
    case 'repeat': {
      const repeat: PadAction = { do: 'count', counter: 'repeats' }
      return after([repeat], answerPress({ ...state, book: heard.book }, heard.press, now_ms))
    }
  }
}

function emit(press: Guarded<Press>): PadAction {
  return { do: 'emit', input: press.input.input }
}

/** Nothing while it is not decided: the pad goes on asking. */
function answerPress(state: Ff68PadState, press: Guarded<Press>, now_ms: number): PadStep {
  const { standing } = press
  if (!state.up || standing === 'deciding' || standing === 'failed') return { state, actions: [] }
  return answer(state, { frame: press.input.frame, taken: standing === 'recorded' }, now_ms)
}

function answer(
  state: Ff68PadState,
  { frame, taken }: { frame: Ff68Frame; taken: boolean },
  now_ms: number,
): PadStep {
  const echoed = send(state, frame, now_ms)
  if (taken) return echoed
  return after(echoed.actions, send(echoed.state, beepFrame(state.options.address), now_ms))
}

function onSettled(
  state: Ff68PadState,
  settled: Extract<MachineEvent<Ff68Frame, Ff68PadCommand>, { type: 'settled' }>,
  now_ms: number,
): PadStep {
  const { book, press } = settle(state.book, settled, { now_ms, rules: state.options })
  const here = { ...state, book }
  return press === null ? { state: here, actions: [] } : answerPress(here, press, now_ms)
}

function onTimer(state: Ff68PadState, now_ms: number): PadStep {
  const { book, again } = collectDue(state.book, { now_ms, rules: state.options })
  const here = { ...state, book }
  const asserted = state.up && now_ms >= state.assert_at_ms ? show(here, now_ms) : null
  return after(again.map(emit), asserted ?? { state: here, actions: [] })
}

function onCommand(
  state: Ff68PadState,
  event: Extract<MachineEvent<Ff68Frame, Ff68PadCommand>, { type: 'command' }>,
  now_ms: number,
): PadStep {
  const { id, command } = event
  const beeps = command.command === 'beep'
  const result = beeps && !state.up ? 'not_connected' : 'accepted'
  const finish: PadAction = { do: 'finish', id, result }
  const wanting = beeps ? state : { ...state, wanted: command.shows }
  if (!state.up) return { state: wanting, actions: [finish] }
  if (beeps) return after([finish], send(state, beepFrame(state.options.address), now_ms))
  return after([finish], show(wanting, now_ms))
}
