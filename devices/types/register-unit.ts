/**
 * The machine of any unit that speaks our register map: identify, poll the event latch, hand a press
 * over, acknowledge it on the unit when it is decided, keep display and prompt as wanted.
 * The latch is released only by a decision, so a press is never lost between button and record;
 * the same (boot, event) may be handed over again after a lost link and means the same press.
 * A unit that went silent costs one time-out a connect until it answers again.
 * Refuses units of another class, map version or serial number: they are not polled for events.
 */
import type { ModbusRequest } from '../wire/modbus-rtu.ts'
import {
  answers,
  broadcast,
  createModbusReplyDeframer,
  encodeModbusRequest,
} from '../wire/modbus-rtu.ts'
import {
  type Acknowledgement,
  broadcast_ms,
  decodeEventBlock,
  decodeIdentity,
  decodeLatch,
  encodeAcknowledgement,
  encodeDisplay,
  encodeNewAddress,
  encodePrompt,
  type Latch,
  readRequest,
  writeRequest,
} from '../wire/register-map.ts'
import type { Action, DeviceType, FrameLabel, MachineEvent, Step } from './machine.ts'
import {
  type Asserted,
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
  type What,
} from './register-unit-state.ts'

type UnitStep = Step<UnitState, PressInput, UnitResult>
type UnitAction = Action<PressInput, UnitResult>
type UnitEvent = MachineEvent<UnitFrame, UnitCommand>

/** Of a unit on a new link: it may be another one, or in another boot. */
const unknown = { asked: null, misses: 0, shown: {}, boot: null }
/** An installer holds the key meanwhile. */
const most_addressing_ms = 15_000
const wrong_device_ms = 2000

/** A device type over the register map: its class, its names and the codes its keys may send. */
export function registerUnit(
  kind: UnitKind,
): DeviceType<UnitState, UnitFrame, UnitCommand, PressInput, UnitResult, UnitOptions> {
  return {
    name: kind.name,
    title: kind.title,
    protocol: 'modbus_rtu',
    carries_cards: false,
    assumptions: unitAssumptions,
    line: unitLine,
    limits: { most_bytes_per_send: 4096 },
    defaults: { ...unitDefaults, ...kind.defaults },
    rules: unitRules,
    deframer: createModbusReplyDeframer,
    label: labelUnit,
    begin: (options) => beginUnit(options, kind),
    step: stepUnit,
    attend: attendUnit,
  }
}

export function beginUnit(options: UnitOptions, kind: UnitKind): UnitState {
  const blank = {
    display: encodeDisplay({ mode: 'blank' }),
    prompt: encodePrompt({ mode: 'idle' }),
  }
  return {
    options,
    kind,
    phase: 'down',
    open: true,
    asked: null,
    misses: 0,
    silent: false,
    wanted: Object.fromEntries(kind.asserted.map((block) => [block, blank[block]])),
    shown: {},
    boot: null,
    deciding: null,
    decided: null,
    released: false,
    retry_at_ms: 0,
    addressing: null,
  }
}

export function labelUnit(frame: UnitFrame): FrameLabel {
  const status = frame.function === 'exception' ? `exception ${frame.exception}` : 'ok'
  const command = frame.function === 'exception' ? frame.of : frame.function
  const values = 'values' in frame ? frame.values.length * 2 + 5 : 8
  return { command, length: frame.function === 'exception' ? 5 : values, status }
}

export function stepUnit(state: UnitState, event: UnitEvent, now_ms: number): UnitStep {
  switch (event.type) {
    case 'connected':
      return ask({ ...state, ...unknown, phase: 'identify' }, 'identity')
    case 'disconnected':
      return onDisconnected(state, now_ms)
    case 'frame':
      return onFrame(state, event.frame, now_ms)
    case 'timer':
      return onTimer(state)
    case 'command':
      return onCommand(state, event, now_ms)
    case 'settled':
      return onSettled(state, event, now_ms)
  }
}

/** An opened counter is asked at once how it stands. */
export function attendUnit(state: UnitState, open: boolean): UnitStep {
  const attended = { ...state, open }
  const rests = state.phase === 'ready' && state.asked === null
  return open && !state.open && rests ? rest(attended, 1) : { state: attended, actions: [] }
}

function ask(state: UnitState, what: What): UnitStep {
  const request = requestOf(state, what)
  const bytes = encodeModbusRequest(request)
  const ms = what === 'address' ? broadcast_ms : state.options.reply_ms
  return {
    state: { ...state, asked: { request, what } },
    actions: [
      { do: 'send', bytes, label: what },
      { do: 'timer', kind: 'reply', ms },
    ],
  }
}

function requestOf(state: UnitState, what: What): ModbusRequest {
  const { unit } = state.options
  switch (what) {
    case 'identity':
    case 'latch':
    case 'event':
      return readRequest(unit, what)
    case 'acknowledge':
      return writeRequest(unit, what, encodeAcknowledgement(state.decided!))
    case 'address':
      return writeRequest(broadcast, what, encodeNewAddress(unit))
    case 'display':
    case 'prompt':
      return writeRequest(unit, what, [...state.wanted[what]!])
  }
}

function rest(state: UnitState, ms = pollOf(state)): UnitStep {
  return { state: { ...state, asked: null }, actions: [{ do: 'timer', kind: 'rest', ms }] }
}

function pollOf({ options, open }: UnitState): number {
  return open ? options.poll_ms : Math.max(options.poll_ms, options.closed_poll_ms)
}

/** Puts actions before those of a step. */
function after(actions: UnitAction[], next: UnitStep): UnitStep {
  return { state: next.state, actions: [...actions, ...next.actions] }
}

function onDisconnected(state: UnitState, now_ms: number): UnitStep {
  const down: UnitState = { ...state, phase: 'down', asked: null, shown: {} }
  const { addressing } = state
  if (addressing === null) return { state: down, actions: [] }
  if (addressing.sent) return endAddressing(down, 'not_connected')
  return rest(down, Math.max(addressing.until_ms - now_ms, 1))
}

function endAddressing(state: UnitState, result: UnitResult): UnitStep {
  const { addressing } = state
  if (addressing === null) return { state, actions: [] }
  const finish: UnitAction = { do: 'finish', id: addressing.id, result }
  return { state: { ...state, addressing: null }, actions: [finish] }
}

function onTimer(state: UnitState): UnitStep {
  if (state.phase === 'down') return endAddressing(state, 'not_connected')
  if (state.asked === null) return proceed(state)
  if (state.asked.what === 'address') return ask(state, 'identity')
  return onMiss(state, state.asked.what)
}

function onMiss(state: UnitState, what: What): UnitStep {
  const missed: UnitAction = { do: 'count', counter: 'timeouts' }
  const { addressing } = state
  if (addressing !== null && !addressing.sent && what === 'identity') {
    return after([missed], ask({ ...state, addressing: { ...addressing, sent: true } }, 'address'))
  }
  const told = endAddressing(state, 'no_answer')
  const misses = state.misses + 1
  const most = state.silent ? 1 : state.options.most_misses
  if (misses >= most) {
    const drop: UnitAction = { do: 'drop', reason: 'silent' }
    const lost: UnitState = { ...told.state, asked: null, misses, silent: true }
    return { state: lost, actions: [missed, ...told.actions, drop] }
  }
  // Every question may be asked twice: reads change nothing, an acknowledgement, a display and a
  // prompt state the same again.
  return after([missed, ...told.actions], ask({ ...told.state, misses }, what))
}

/** The next question while the line is free: show what is wanted, else poll. */
function proceed(state: UnitState): UnitStep {
  if (state.phase !== 'ready') return ask(state, 'identity')
  return ask(state, unshown(state) ?? 'latch')
}

/** Nothing is written before the boot is known: a power loss right after it would not be noticed. */
function unshown({ kind, boot, wanted, shown }: UnitState): Asserted | null {
  if (boot === null) return null
  return kind.asserted.find((block) => !same(wanted[block], shown[block])) ?? null
}

function same(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.join() === b.join())
}

/**
 * What is wanted need not wait for the next poll; but the line is given back in between, or a unit
 * that always has something to show would keep it.
 */
function afterPoll(state: UnitState): UnitStep {
  return unshown(state) === null ? rest(state) : rest(state, 1)
}

function onFrame(state: UnitState, frame: UnitFrame, now_ms: number): UnitStep {
  const { asked } = state
  if (asked === null) return { state, actions: [{ do: 'count', counter: 'unasked_frames' }] }
  if (!answers(asked.request, frame)) {
    // Of another exchange, or damaged and still whole: the right answer may yet come.
    return { state, actions: [{ do: 'count', counter: 'wrong_answers' }] }
  }
  const heard: UnitState = { ...state, asked: null, misses: 0, silent: false }
  switch (asked.what) {
    case 'identity':
      return onIdentity(heard, frame)
    case 'latch':
      return onLatch(heard, frame, now_ms)
    case 'event':
      return onEventBlock(heard, frame, now_ms)
    case 'acknowledge':
      return onAcknowledged(heard, frame)
    case 'address':
      return { state, actions: [] }
    default:
      return onAsserted(heard, frame, { ...asked, what: asked.what })
  }
}

function onIdentity(state: UnitState, frame: UnitFrame): UnitStep {
  const told = endAddressing(state, state.addressing?.sent ? 'accepted' : 'taken')
  return after(told.actions, onKnown(told.state, frame))
}

function onKnown(state: UnitState, frame: UnitFrame): UnitStep {
  const identity = 'values' in frame ? decodeIdentity(frame.values) : null
  if (identity === null) return wrongDevice(state, 'not of our register map')
  if (identity.class !== state.kind.class) return wrongDevice(state, `class ${identity.class}`)
  const { serial, firmware } = identity
  const known: UnitAction = { do: 'identity', identity: { key: serial, firmware } }
  const expected = state.options.serial
  if (expected !== null && expected !== serial) {
    return after([known], wrongDevice(state, `serial ${serial}`))
  }
  const online: UnitAction = { do: 'state', state: 'online', reason: 'answers' }
  return after([known, online], proceed({ ...state, phase: 'ready' }))
}

/** Asked again now and then: somebody may plug the right one in behind a serial server. */
function wrongDevice(state: UnitState, reason: string): UnitStep {
  const told: UnitAction = {
    do: 'state',
    state: 'not_configured',
    reason: `wrong device: ${reason}`,
  }
  return after([told], rest({ ...state, phase: 'wrong_device' }, wrong_device_ms))
}

function contradicts(state: UnitState): UnitStep {
  return after([{ do: 'count', counter: 'wrong_answers' }], rest(state))
}

function onLatch(state: UnitState, frame: UnitFrame, now_ms: number): UnitStep {
  const latch = 'values' in frame ? decodeLatch(frame.values) : null
  if (latch === null) return contradicts(state)
  const here = inBoot(state, latch.boot)
  if (isRebooted(state, latch.boot)) return ask(here, 'identity')
  if (latch.event === 0) return afterPoll(here)
  return knownLatch(here, latch, now_ms) ?? ask(here, 'event')
}

/**
 * A new boot without a lost link: the unit sits behind a serial server and has gone blank, or another
 * one has taken its place. Who it is by now is asked before anything it pressed is handed over.
 */
function inBoot(state: UnitState, boot: string): UnitState {
  return { ...state, boot, shown: isRebooted(state, boot) ? {} : state.shown }
}

function isRebooted(state: UnitState, boot: string): boolean {
  return state.boot !== null && boot !== state.boot
}

/** Null for an event that nobody was asked about yet. */
function knownLatch(state: UnitState, latch: Latch, now_ms: number): UnitStep | null {
  const { decided, deciding } = state
  if (isSame(decided, latch)) {
    if (!state.released) return ask(state, 'acknowledge')
    // Accepted, and latched all the same: once more, but at the pace of the poll.
    return after([{ do: 'count', counter: 'repeats' }], rest({ ...state, released: false }))
  }
  return isSame(deciding, latch) || now_ms < state.retry_at_ms ? afterPoll(state) : null
}

function isSame(known: Latch | null, { boot, event }: Latch): boolean {
  return known !== null && known.boot === boot && known.event === event
}

function onEventBlock(state: UnitState, frame: UnitFrame, now_ms: number): UnitStep {
  const block = 'values' in frame ? decodeEventBlock(frame.values) : null
  if (block === null) return contradicts(state)
  const { boot, latched } = block
  const here = inBoot(state, boot)
  if (isRebooted(state, boot)) return ask(here, 'identity')
  if (latched === null) return afterPoll(here)
  const { event, code, argument, text } = latched
  const known = knownLatch(here, { boot, event }, now_ms)
  if (known !== null) return known
  if (code === null || !state.kind.codes.includes(code)) {
    // Refused on the unit, so that the good presses behind it get through.
    const refused: Acknowledgement = { boot, event, outcome: 'refused' }
    const counted: UnitAction = { do: 'count', counter: 'unknown_events' }
    return after([counted], ask({ ...here, decided: refused, released: false }, 'acknowledge'))
  }
  const press: PressInput = { type: 'press', boot, event, code, argument, text }
  return after([{ do: 'emit', input: press }], afterPoll({ ...here, deciding: { boot, event } }))
}

function onSettled(
  state: UnitState,
  { boot, event, outcome }: Extract<UnitEvent, { type: 'settled' }>,
  now_ms: number,
): UnitStep {
  // Decided after the unit was found in another boot: nobody is left to tell.
  if (!isSame(state.deciding, { boot, event })) return { state, actions: [] }
  if (outcome === 'failed') {
    const retry_at_ms = now_ms + state.options.retry_ms
    return { state: { ...state, deciding: null, retry_at_ms }, actions: [] }
  }
  const acknowledgement: Acknowledgement = { boot, event, outcome }
  const decided = { ...state, deciding: null, decided: acknowledgement, released: false }
  const free = decided.phase === 'ready' && decided.asked === null
  return free ? ask(decided, 'acknowledge') : { state: decided, actions: [] }
}

function onAcknowledged(state: UnitState, frame: UnitFrame): UnitStep {
  // An exception: the unit has another boot or event by now; the next poll shows which.
  if (frame.function === 'exception') return contradicts(state)
  return proceed({ ...state, released: true })
}

function onAsserted(
  state: UnitState,
  frame: UnitFrame,
  { request, what }: { request: ModbusRequest; what: Asserted },
): UnitStep {
  const written = request.function === 'write_many' ? request.values : []
  const shown = { ...state.shown, [what]: written }
  // Taken as shown, so that a unit without a display is still polled for presses.
  const refused: UnitAction = { do: 'state', state: 'online', reason: `${what}_refused` }
  const told = frame.function === 'exception' ? [refused] : []
  const here = { ...state, shown }
  return after(told, unshown(here) === null ? ask(here, 'latch') : rest(here, 1))
}

function onCommand(
  state: UnitState,
  { id, command }: Extract<UnitEvent, { type: 'command' }>,
  now_ms: number,
): UnitStep {
  if (command.command === 'set_address') return onSetAddress(state, id, now_ms)
  const finish: UnitAction = { do: 'finish', id, result: 'accepted' }
  return after([finish], want(state, command))
}

/** Asserts at once where the line is free, else with the next turn. */
function want(
  state: UnitState,
  command: Exclude<UnitCommand, { command: 'set_address' }>,
): UnitStep {
  const shows = command.command === 'show'
  const values = shows ? encodeDisplay(command.display) : encodePrompt(command.prompt)
  const wanted = { ...state.wanted, [shows ? 'display' : 'prompt']: values }
  const wanting: UnitState = { ...state, wanted }
  const free = state.phase === 'ready' && state.asked === null
  const due = free ? unshown(wanting) : null
  return due === null ? { state: wanting, actions: [] } : ask(wanting, due)
}

function onSetAddress(state: UnitState, id: number, now_ms: number): UnitStep {
  const finish = (result: UnitResult): UnitStep => ({
    state,
    actions: [{ do: 'finish', id, result }],
  })
  if (state.addressing !== null) return finish('busy')
  if (state.phase === 'ready' || state.phase === 'wrong_device') return finish('taken')
  const addressing = { id, until_ms: now_ms + most_addressing_ms, sent: false }
  const begun: UnitState = { ...state, addressing }
  if (state.phase === 'down') return rest(begun, most_addressing_ms)
  return { state: begun, actions: [] }
}
