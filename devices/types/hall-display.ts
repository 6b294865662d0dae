/**
 * A panel on the wall of a hall, as far as its control link goes: power, input and state, over PJLink
 * or Samsung MDC. What it shows comes another way.
 * Power and input are wishes: set until the panel reports them once, and again after every connect. A
 * panel that somebody changes by hand afterwards is reported as `differs`, not fought.
 * A value nobody listed is shown as it came; what the panel refuses is listed as unsupported and not
 * asked again on that connection.
 *
 * PJLink with a password: the machine has no hash function. It emits a `challenge` and waits for the
 * command `prove`; the password never enters its state. Without `security: sha256` the MD5 proof is
 * used; there is no way down from SHA-256 to MD5. Assumed (one implementation): the flow of version
 * 2.10, and that a device closes after 30 s without a command.
 */
import { createDeframer } from '../wire/deframer.ts'
import { scanMdcReply } from '../wire/mdc.ts'
import { encodePjlinkRequest, scanPjlinkReply } from '../wire/pjlink.ts'
import {
  type DisplayAsked,
  type DisplayFrame,
  type DisplayProtocol,
  type DisplayQuestion,
  type DisplayReading,
  displayDialects,
  labelOfDisplay,
} from './display-dialects.ts'
import type { Action, DeviceType, MachineEvent, Step } from './machine.ts'
import { type OptionRules, waiting } from './options.ts'

export type HallDisplayOptions = {
  /** `pjlink` or `mdc`; null is `pjlink`. */
  protocol: string | null
  /** Id of an MDC panel, 0 to 253. */
  id: number
  /** PJLink: kept by the driver. */
  password: string | null
  /** PJLink: `md5` or `sha256`; null is `md5`. */
  security: string | null
  /** What it is to be from each connect on; null leaves it as it is. */
  power: 'on' | 'off' | null
  /** PJLink's two characters (`31`) or MDC's names (`hdmi1`). */
  input: string | null
  poll_ms: number
  reply_ms: number
  most_misses: number
  /** Rest before a wish that was not reached is set again: a panel warms up for a while. */
  settle_ms: number
}

export type DisplayWish = { power: 'on' | 'off' | null; input: string | null }

export type DisplayCondition = {
  /** off, on, cooling, warming, rebooting, or the raw value; null before it is known. */
  power: string | null
  input: string | null
  /** `lamp error, filter warning`; empty while all is well. */
  troubles: string | null
  /** What this panel does not know. */
  unsupported: readonly string[]
}

export type HallDisplayInput =
  | { type: 'display'; condition: DisplayCondition }
  | { type: 'challenge'; security: 'md5' | 'sha256'; salt: string }
export type HallDisplayCommand =
  | { command: 'want'; wish: DisplayWish }
  /** `proof` null: there is no password to prove. */
  | { command: 'prove'; proof: string | null }
export type HallDisplayResult = 'accepted' | 'invalid_input'

type Asked = DisplayAsked['what']

export type HallDisplayState = {
  options: HallDisplayOptions
  protocol: DisplayProtocol
  /** greet: waiting for the greeting or the salt. prove: for the driver. shut: refused. */
  phase: 'down' | 'greet' | 'prove' | 'ready' | 'shut'
  asked: DisplayAsked | null
  plan: DisplayQuestion[]
  /** It could not say its number when it was asked, as in standby. */
  owes_serial: boolean
  misses: number
  /** Stands before the first command. */
  proof: string
  wish: DisplayWish
  reached: { power: boolean; input: boolean }
  set_again_at_ms: number
  condition: DisplayCondition
}

type DisplayStep = Step<HallDisplayState, HallDisplayInput, HallDisplayResult>
type DisplayAction = Action<HallDisplayInput, HallDisplayResult>
type DisplayEvent = MachineEvent<DisplayFrame, HallDisplayCommand>

const nothing_known: DisplayCondition = {
  power: null,
  input: null,
  troubles: null,
  unsupported: [],
}

const rules: OptionRules<HallDisplayOptions> = {
  protocol: { kind: 'text', pattern: /^(pjlink|mdc)$/, form: 'pjlink, mdc' },
  id: { kind: 'whole', least: 0, most: 253 },
  password: { kind: 'text', pattern: /^[!-~]{1,32}$/, form: '1 to 32 ASCII characters' },
  security: { kind: 'text', pattern: /^(md5|sha256)$/, form: 'md5, sha256' },
  power: { kind: 'text', pattern: /^(on|off)$/, form: 'on, off' },
  input: {
    kind: 'text',
    pattern: /^([1-6][1-9A-Z]|[a-z][a-z0-9_]{1,15})$/,
    form: '31 and the like for PJLink, hdmi1 and the like for MDC',
  },
  // A PJLink device hangs up after 30 s of silence.
  poll_ms: { kind: 'whole', least: 1, most: 25_000 },
  reply_ms: waiting,
  most_misses: { kind: 'whole', least: 1, most: 100 },
  settle_ms: waiting,
}

export const hallDisplay: DeviceType<
  HallDisplayState,
  DisplayFrame,
  HallDisplayCommand,
  HallDisplayInput,
  HallDisplayResult,
  HallDisplayOptions
> = {
  name: 'hall_display',
  title: { zh: '大厅显示屏', en: 'hall display' },
  protocol: 'pjlink, samsung_mdc',
  carries_cards: false,
  assumptions: [
    {
      code: 'pjlink_2_10',
      zh: 'PJLink 2.10 的 SHA-256 口令过程、30 秒无命令即断开、参数最长 128 字节：仅见于一个实现',
      en: 'PJLink from one source: SHA-256 (2.10), hanging up after 30 s, 128 bytes at most',
    },
    {
      code: 'mdc_line_and_codes',
      zh: 'MDC 串口 9600 8N1 与 TCP 1515 仅见于一处来源；拒绝（4E）的代码含义未知，一律视为不支持',
      en: 'MDC from one source: 9600 8N1, TCP 1515; a refusal (4E) is taken as unsupported',
    },
  ],
  limits: { most_bytes_per_send: 2048 },
  defaults: {
    protocol: null,
    id: 1,
    password: null,
    security: null,
    power: null,
    input: null,
    poll_ms: 5000,
    reply_ms: 3000,
    most_misses: 3,
    settle_ms: 10_000,
  },
  rules,
  deframer: () => createDeframer(scan, 256),
  label: labelOfDisplay,
  begin: (options) => ({
    options: { ...options, password: null },
    protocol: protocolOf(options),
    phase: 'down',
    asked: null,
    plan: [],
    owes_serial: false,
    misses: 0,
    proof: '',
    wish: { power: options.power, input: hasInput(options) ? options.input : null },
    reached: { power: false, input: false },
    set_again_at_ms: 0,
    condition: nothing_known,
  }),
  step,
}

function protocolOf({ protocol }: HallDisplayOptions): DisplayProtocol {
  return protocol === 'mdc' ? 'mdc' : 'pjlink'
}

/** Names of inputs are those of the protocol. */
function hasInput(options: HallDisplayOptions): boolean {
  return options.input === null || displayDialects[protocolOf(options)].isInput(options.input)
}

/** Both protocols share the stream's law: their frames begin with different bytes. */
function scan(view: Uint8Array) {
  const mdc = view[0] === 0xaa
  const found = mdc ? scanMdcReply(view) : scanPjlinkReply(view)
  if (found.kind !== 'frame') return found
  const frame = { protocol: mdc ? 'mdc' : 'pjlink', ...found.frame } as DisplayFrame
  return { ...found, frame }
}

function step(state: HallDisplayState, event: DisplayEvent, now_ms: number): DisplayStep {
  switch (event.type) {
    case 'connected':
      return onConnected(state, now_ms)
    case 'disconnected':
      return { state: { ...state, phase: 'down', asked: null, proof: '' }, actions: [] }
    case 'frame':
      return onFrame(state, event.frame, now_ms)
    case 'timer':
      return onTimer(state, now_ms)
    case 'command':
      return onCommand(state, event, now_ms)
    case 'settled':
      return { state, actions: [] }
  }
}

function onConnected(state: HallDisplayState, now_ms: number): DisplayStep {
  const fresh: HallDisplayState = {
    ...state,
    phase: 'greet',
    asked: null,
    plan: [...displayDialects[state.protocol].questions],
    owes_serial: false,
    misses: 0,
    proof: '',
    reached: { power: false, input: false },
    set_again_at_ms: now_ms,
    condition: nothing_known,
  }
  if (state.protocol === 'mdc') return proceed({ ...fresh, phase: 'ready' }, now_ms)
  return { state: fresh, actions: [replyTimer(fresh)] }
}

function replyTimer(state: HallDisplayState): DisplayAction {
  return { do: 'timer', kind: 'reply', ms: state.options.reply_ms }
}

/** Puts actions before those of a step. */
function after(actions: DisplayAction[], next: DisplayStep): DisplayStep {
  return { state: next.state, actions: [...actions, ...next.actions] }
}

/** The next thing to say: a look first, then a wish that it showed to be open, then a rest. */
function proceed(state: HallDisplayState, now_ms: number): DisplayStep {
  const [what, ...plan] = state.plan
  if (what !== undefined) return ask({ ...state, plan }, { what })
  const setting = dueSetting(state, now_ms)
  if (setting !== null) {
    return ask({ ...state, set_again_at_ms: now_ms + state.options.settle_ms }, setting)
  }
  const rest: DisplayAction = { do: 'timer', kind: 'rest', ms: state.options.poll_ms }
  return { state: { ...state, asked: null }, actions: [rest] }
}

function dueSetting(state: HallDisplayState, now_ms: number): DisplayAsked | null {
  const { wish, reached, condition } = state
  if (now_ms < state.set_again_at_ms || condition.power === null) return null
  const on = wish.power === 'on'
  if (wish.power !== null && !reached.power) {
    // It is on its way already.
    if (condition.power === (on ? 'warming' : 'cooling')) return null
    return { what: 'set_power', on }
  }
  if (wish.input === null || reached.input || condition.power !== 'on') return null
  return condition.input === null ? null : { what: 'set_input', input: wish.input }
}

function ask(state: HallDisplayState, asked: DisplayAsked): DisplayStep {
  const { id } = state.options
  const bytes = displayDialects[state.protocol].encode(asked, { id, proof: state.proof })
  // The label never holds the proof.
  return {
    state: { ...state, asked, proof: '' },
    actions: [{ do: 'send', bytes, label: asked.what }, replyTimer(state)],
  }
}

function onTimer(state: HallDisplayState, now_ms: number): DisplayStep {
  const { phase, asked, options } = state
  if (phase === 'down' || phase === 'prove') return { state, actions: [] }
  if (phase === 'shut') return { state, actions: [{ do: 'drop', reason: 'password_refused' }] }
  if (phase === 'ready' && asked === null) {
    const looks = (['power', 'input', 'troubles'] as const).filter(
      (what) => !state.condition.unsupported.includes(what),
    )
    const plan: DisplayQuestion[] = state.owes_serial ? ['serial', ...looks] : looks
    return proceed({ ...state, plan, owes_serial: false }, now_ms)
  }
  const missed: DisplayAction = { do: 'count', counter: 'timeouts' }
  const misses = state.misses + 1
  // Without a greeting there is nothing to ask again.
  if (asked === null || misses >= options.most_misses) {
    const reason = asked === null ? 'no_greeting' : 'no_answer'
    return { state: { ...state, misses }, actions: [missed, { do: 'drop', reason }] }
  }
  return after([missed], ask({ ...state, misses }, asked))
}

function onFrame(state: HallDisplayState, frame: DisplayFrame, now_ms: number): DisplayStep {
  if (frame.protocol === 'pjlink' && frame.reply !== 'answer')
    return onGreeting(state, frame, now_ms)
  const { asked, protocol, options } = state
  if (asked === null) return { state, actions: [{ do: 'count', counter: 'unasked_frames' }] }
  const reading = displayDialects[protocol].read(asked, frame, options.id)
  if (reading.is === 'other') return { state, actions: [{ do: 'count', counter: 'wrong_answers' }] }
  const heard = { ...state, asked: null, misses: 0 }
  const read = take(heard, asked, reading)
  return after(read.actions, proceed(read.state, now_ms))
}

function onGreeting(
  state: HallDisplayState,
  frame: Extract<DisplayFrame, { protocol: 'pjlink' }>,
  now_ms: number,
): DisplayStep {
  if (frame.reply === 'not_authorised') return shut(state, 'password_refused')
  const waits = state.phase === 'greet' && frame.reply === 'greeting'
  if (!waits) return { state, actions: [{ do: 'count', counter: 'unasked_frames' }] }
  if (frame.security === 'none') return proceed({ ...state, phase: 'ready' }, now_ms)
  if (frame.security === 'md5' && state.options.security === 'sha256') {
    const bytes = encodePjlinkRequest({ request: 'security' })
    return { state, actions: [{ do: 'send', bytes, label: 'security' }, replyTimer(state)] }
  }
  const { security, salt } = frame
  const challenge: DisplayAction = { do: 'emit', input: { type: 'challenge', security, salt } }
  return { state: { ...state, phase: 'prove' }, actions: [challenge] }
}

const shut_ms = 60_000

/** Nothing more is said on this link, and the next is not hurried: the same password helps nobody. */
function shut(state: HallDisplayState, reason: string): DisplayStep {
  const told: DisplayAction = { do: 'state', state: 'not_configured', reason }
  const rest: DisplayAction = { do: 'timer', kind: 'rest', ms: shut_ms }
  return { state: { ...state, phase: 'shut', asked: null }, actions: [told, rest] }
}

function take(state: HallDisplayState, asked: DisplayAsked, reading: DisplayReading): DisplayStep {
  switch (reading.is) {
    case 'value':
    case 'raw':
      return takeValue(state, asked, reading.value)
    case 'unsupported':
      return changed(state, withUnsupported(state, asked.what))
    case 'failure': {
      const condition = { ...state.condition, troubles: 'failure error' }
      return changed(state, { ...state, condition })
    }
    // Taken or not now: the next looks will show what came of it.
    default: {
      const owes_serial = state.owes_serial || asked.what === 'serial'
      return { state: { ...state, owes_serial }, actions: [] }
    }
  }
}

function withUnsupported(state: HallDisplayState, what: Asked): HallDisplayState {
  const { condition, reached } = state
  const unsupported = [...new Set([...condition.unsupported, what])]
  return {
    ...state,
    condition: { ...condition, unsupported },
    // A wish that cannot be granted is not repeated.
    reached: {
      power: reached.power || what === 'set_power',
      input: reached.input || what === 'set_input' || what === 'input',
    },
  }
}

function takeValue(state: HallDisplayState, asked: DisplayAsked, value: string): DisplayStep {
  const { condition, reached, wish } = state
  switch (asked.what) {
    case 'class': {
      // A class 1 device knows no serial number and is not asked for one.
      const plan = value === '2' ? state.plan : state.plan.filter((what) => what !== 'serial')
      return { state: { ...state, plan }, actions: [] }
    }
    case 'serial': {
      const identity: DisplayAction = { do: 'identity', identity: { key: value, firmware: null } }
      return { state, actions: [identity] }
    }
    case 'power': {
      const power = reached.power || value === wish.power
      const next = { ...condition, power: value }
      return changed(state, { ...state, condition: next, reached: { ...reached, power } })
    }
    case 'input': {
      const input = reached.input || value === wish.input
      const next = { ...condition, input: value }
      return changed(state, { ...state, condition: next, reached: { ...reached, input } })
    }
    case 'troubles':
      return changed(state, { ...state, condition: { ...condition, troubles: value } })
    default:
      // A setting answered with something else than it was set to.
      return { state, actions: [{ do: 'count', counter: 'wrong_answers' }] }
  }
}

function changed(before: HallDisplayState, state: HallDisplayState): DisplayStep {
  const { condition } = state
  const actions: DisplayAction[] = [stateOf(state)]
  if (JSON.stringify(condition) !== JSON.stringify(before.condition)) {
    actions.push({ do: 'emit', input: { type: 'display', condition } })
  }
  return { state, actions }
}

function stateOf({ condition, reached, wish, options }: HallDisplayState): DisplayAction {
  const { power, input, troubles, unsupported } = condition
  if (troubles?.includes('error')) {
    return { do: 'state', state: 'hardware_error', reason: troubles.slice(0, 64) }
  }
  const strayed =
    (reached.power && wish.power !== null && power !== wish.power) ||
    (reached.input && wish.input !== null && input !== null && input !== wish.input)
  const refused = hasInput(options)
    ? unsupported.find((what) => what.startsWith('set_'))
    : 'set_input'
  const reason = refused !== undefined ? `unsupported: ${refused}` : strayed ? 'differs' : 'answers'
  return { do: 'state', state: 'online', reason }
}

function onCommand(
  state: HallDisplayState,
  event: Extract<DisplayEvent, { type: 'command' }>,
  now_ms: number,
): DisplayStep {
  const { id, command } = event
  const finish = (result: HallDisplayResult): DisplayAction => ({ do: 'finish', id, result })
  if (command.command === 'prove') {
    if (state.phase !== 'prove') return { state, actions: [finish('accepted')] }
    const next =
      command.proof === null
        ? shut(state, 'password_needed')
        : proceed({ ...state, phase: 'ready', proof: command.proof }, now_ms)
    return after([finish('accepted')], next)
  }
  const { wish } = command
  if (wish.input !== null && !displayDialects[state.protocol].isInput(wish.input)) {
    return { state, actions: [finish('invalid_input')] }
  }
  const wanting: HallDisplayState = {
    ...state,
    wish,
    reached: { power: false, input: false },
    set_again_at_ms: now_ms,
  }
  // What is known already may be what is wished for.
  const known = settled(wanting)
  const free = known.phase === 'ready' && known.asked === null
  return after([finish('accepted')], free ? proceed(known, now_ms) : { state: known, actions: [] })
}

function settled(state: HallDisplayState): HallDisplayState {
  const { wish, condition } = state
  return {
    ...state,
    reached: {
      power: wish.power !== null && wish.power === condition.power,
      input: wish.input !== null && wish.input === condition.input,
    },
  }
}
