/**
 * PIN pad SZZT ZT588: asks for a PIN, hands back an encrypted block and how it ended.
 * The gateway holds no PIN: the pad shows every digit outside as FF, which is set on each connect; a pad
 * that sends digits all the same has its entry cancelled at once (`clear_digits`). Plain formats and
 * key loading do not exist here. The block is opaque: only `reveal` of the result has it, no frame
 * view, state or log. The account number is dropped when the prompt was sent.
 * An entry is bound to what was confirmed by the content hash it was asked with, given back with the
 * outcome. After a reconnect an open prompt is over (`link_lost`) and input is switched off.
 * A prompt is sent once: without an answer to it the entry is cancelled and `unknown`.
 *
 * Assumed, as one open driver is all there is: that the accepted prompt is answered before the first
 * key, that enter or the last digit ends the entry, that a pad which timed out says EE by itself or
 * when the block is asked for, and that asking twice for a block is harmless.
 */
import {
  createZt588Deframer,
  encodeZt588,
  inputTime,
  isZt588Yes,
  promptText,
  readBlock,
  readInformation,
  type Zt588Error,
  type Zt588Format,
  type Zt588Frame,
  type Zt588Key,
  zt588Commands,
  zt588ErrorOf,
} from '../wire/zt588.ts'
import type { Action, DeviceType, FrameLabel, MachineEvent, Step } from './machine.ts'
import { waiting } from './options.ts'

export type PinPadOptions = {
  /** Number of the PIN key in the pad; 64 is the first transport key of that driver. */
  key: number
  /** iso0, iso1, iso3, ibm3624; null is iso0. */
  format: string | null
  hint: number
  /** Seconds the pad waits for a person. */
  input_s: number
  poll_ms: number
  /** The same while nobody works at its counter. */
  closed_poll_ms: number
  reply_ms: number
  most_misses: number
}

export type PinPadCommand =
  | {
      command: 'prompt'
      account: string
      digits: number
      /** Hash of what the person confirms. */
      content_hash: string
    }
  | { command: 'cancel' }

/** Not shown by printing: only `reveal` gives the block in hex. */
export type OpaqueBlock = { reveal(): string }

export type PinPadResult =
  | { outcome: 'accepted' }
  | {
      outcome: 'entered'
      content_hash: string
      track: number
      digits: number
      block: OpaqueBlock
    }
  | {
      outcome:
        | 'cancelled'
        | 'timed_out'
        | 'busy'
        | 'not_connected'
        | 'link_lost'
        | 'unknown'
        | 'clear_digits'
        | Exclude<Zt588Error, 'timed_out'>
      content_hash: string
    }

type Outcome = Exclude<PinPadResult['outcome'], 'accepted' | 'entered'>
type Prompt = Extract<PinPadCommand, { command: 'prompt' }>

/** What was asked of the pad and is not answered. `off` again, without one, when an entry ends. */
type Asked = 'off' | 'hex' | 'keys' | 'mask' | 'time' | 'status' | 'prompt' | 'block'

/** One entry, from its command to its `finish`. */
type Entry = { id: number; content_hash: string; digits: number; keys: number }

export type PinPadState = {
  options: PinPadOptions
  phase: 'down' | 'setup' | 'ready'
  asked: Asked | null
  misses: number
  /** Waits for the line to be free; gone once sent. */
  next: Prompt | null
  entry: Entry | null
  /** Input is to be switched off before anything else. */
  clear: boolean
  /** Somebody works at its counter. */
  open: boolean
}

type PadStep = Step<PinPadState, never, PinPadResult>
type PadAction = Action<never, PinPadResult>
type PadEvent = MachineEvent<Zt588Frame, PinPadCommand>

/** Setting up, in this order; the first ends whatever a lost link left open. */
const setup = ['off', 'hex', 'keys', 'mask', 'time', 'status'] as const
/** Beyond the pad's own time for an entry. */
const grace_ms = 5000

export const pinPad: DeviceType<
  PinPadState,
  Zt588Frame,
  PinPadCommand,
  never,
  PinPadResult,
  PinPadOptions
> = {
  name: 'pin_pad',
  title: { zh: '密码键盘', en: 'PIN pad' },
  protocol: 'zt588',
  // Prompts carry account numbers.
  carries_cards: true,
  assumptions: [
    {
      code: 'one_source',
      zh: '假定：报文格式、初始化步骤与按键码表仅见于一个开源驱动，控制参数为两位十六进制数',
      en: 'assumed: frames, set-up and key codes are from one open driver; values are two hex digits',
    },
    {
      code: 'prompt_answered_first',
      zh: '假定：键盘先应答输入命令，再送出按键；确认键或末位数字结束输入',
      en: 'assumed: the prompt is answered before the first key; enter or the last digit ends it',
    },
    {
      code: 'says_timed_out',
      zh: '假定：超时后键盘自行或在取密文时应答 EE；重复取密文无副作用',
      en: 'assumed: a pad that timed out says EE by itself or when asked; asking twice is harmless',
    },
  ],
  limits: { most_bytes_per_send: 1024 },
  defaults: {
    key: 0x40,
    format: null,
    hint: 0,
    input_s: 30,
    poll_ms: 1500,
    closed_poll_ms: 10_000,
    reply_ms: 1000,
    most_misses: 3,
  },
  rules: {
    key: { kind: 'whole', least: 0, most: 255 },
    format: {
      kind: 'text',
      pattern: /^(iso0|iso1|iso3|ibm3624)$/,
      form: 'iso0, iso1, iso3, ibm3624',
    },
    hint: { kind: 'whole', least: 0, most: 9 },
    input_s: { kind: 'whole', least: 1, most: 255 },
    poll_ms: waiting,
    closed_poll_ms: waiting,
    reply_ms: waiting,
    most_misses: { kind: 'whole', least: 1, most: 100 },
  },
  deframer: createZt588Deframer,
  label: labelOf,
  begin: (options) => ({
    options,
    phase: 'down',
    open: true,
    asked: null,
    misses: 0,
    next: null,
    entry: null,
    clear: true,
  }),
  step,
  /** A counter that opens is looked at now, not when the long rest is over. */
  attend(state, open) {
    const attended = { ...state, open }
    const rests = state.phase === 'ready' && state.asked === null && state.entry === null
    return rests && open && !state.open ? proceed(attended) : { state: attended, actions: [] }
  },
}

/** Neither keys nor texts: no digit, account number or block can be in it. */
function labelOf(frame: Zt588Frame): FrameLabel {
  if (frame.kind === 'key') return { command: 'key', length: 1, status: '' }
  return {
    command: 'answer',
    length: frame.text.length + 7,
    status: zt588ErrorOf(frame.text) ?? 'ok',
  }
}

function step(state: PinPadState, event: PadEvent): PadStep {
  switch (event.type) {
    case 'connected':
      return ask({ ...state, phase: 'setup', misses: 0, clear: true }, 'off')
    case 'disconnected':
      return onDisconnected(state)
    case 'frame':
      return event.frame.kind === 'key'
        ? onKey(state, event.frame.key)
        : onAnswer(state, event.frame.text)
    case 'timer':
      return onTimer(state)
    case 'command':
      return event.command.command === 'cancel'
        ? onCancel(state, event.id)
        : onPrompt(state, event.id, event.command)
    case 'settled':
      return { state, actions: [] }
  }
}

/** Puts actions before those of a step. */
function after(actions: PadAction[], next: PadStep): PadStep {
  return { state: next.state, actions: [...actions, ...next.actions] }
}

function ask(state: PinPadState, asked: Exclude<Asked, 'prompt'>): PadStep {
  const texts = {
    off: zt588Commands.input_off,
    hex: zt588Commands.plain_hex,
    keys: zt588Commands.scan_codes,
    mask: zt588Commands.mask,
    time: inputTime(state.options.input_s),
    status: zt588Commands.status,
    block: zt588Commands.get_block,
  }
  return send(state, asked, texts[asked])
}

function send(state: PinPadState, asked: Asked, text: string): PadStep {
  return {
    state: { ...state, asked },
    actions: [
      { do: 'send', bytes: encodeZt588(text), label: asked },
      { do: 'timer', kind: 'reply', ms: state.options.reply_ms },
    ],
  }
}

/** The line is free: switch input off if that is due, then a waiting prompt, then rest. */
function proceed(state: PinPadState): PadStep {
  const free = { ...state, asked: null }
  if (free.clear) return ask(free, 'off')
  if (free.next !== null) return sendPrompt(free, free.next)
  const { poll_ms, closed_poll_ms, input_s } = free.options
  const idle_ms = free.open ? poll_ms : closed_poll_ms
  const ms = free.entry === null ? idle_ms : input_s * 1000 + grace_ms
  return { state: free, actions: [{ do: 'timer', kind: 'rest', ms }] }
}

function sendPrompt(state: PinPadState, { account, digits }: Prompt): PadStep {
  const { key, hint, format } = state.options
  const named = (format ?? 'iso0') as Zt588Format
  const text = promptText({ key, hint, format: named, digits, account })
  return send({ ...state, next: null }, 'prompt', text)
}

/** Ends the entry. Input goes off, as the pad may still wait for keys. */
function end(state: PinPadState, outcome: Outcome): PadStep {
  const { entry } = state
  if (entry === null) return { state, actions: [] }
  const result: PinPadResult = { outcome, content_hash: entry.content_hash }
  return {
    state: { ...state, entry: null, next: null, clear: true },
    actions: [{ do: 'finish', id: entry.id, result }],
  }
}

/** The same, going on at once where no answer is waited for. */
function endNow(state: PinPadState, outcome: Outcome): PadStep {
  const ended = end(state, outcome)
  const free = ended.state.phase === 'ready' && ended.state.asked === null
  return free ? after(ended.actions, proceed(ended.state)) : ended
}

function onDisconnected(state: PinPadState): PadStep {
  const ended = end(state, 'link_lost')
  return { state: { ...ended.state, phase: 'down', asked: null }, actions: ended.actions }
}

function onPrompt(state: PinPadState, id: number, command: Prompt): PadStep {
  const { content_hash, digits } = command
  const refuse = (outcome: 'busy' | 'not_connected'): PadStep => ({
    state,
    actions: [{ do: 'finish', id, result: { outcome, content_hash } }],
  })
  if (state.phase !== 'ready') return refuse('not_connected')
  if (state.entry !== null) return refuse('busy')
  const waiting: PinPadState = {
    ...state,
    next: command,
    entry: { id, content_hash, digits, keys: 0 },
  }
  return state.asked === null ? proceed(waiting) : { state: waiting, actions: [] }
}

function onCancel(state: PinPadState, id: number): PadStep {
  const finish: PadAction = { do: 'finish', id, result: { outcome: 'accepted' } }
  return after([finish], endNow(state, 'cancelled'))
}

function onKey(state: PinPadState, key: Zt588Key): PadStep {
  const { entry, asked, next } = state
  const entering = entry !== null && next === null && asked === null
  if (!entering) return { state, actions: [{ do: 'count', counter: 'unasked_frames' }] }
  switch (key) {
    case 'clear_digit': {
      const told: PadAction = { do: 'state', state: 'hardware_error', reason: 'clear_digits' }
      return after([told], endNow(state, 'clear_digits'))
    }
    case 'cancel':
      return endNow(state, 'cancelled')
    case 'enter':
      return ask(state, 'block')
    case 'clear':
      return { state: { ...state, entry: { ...entry, keys: 0 } }, actions: [] }
    case 'masked': {
      const counted = { ...entry, keys: entry.keys + 1 }
      const here = { ...state, entry: counted }
      return counted.keys >= entry.digits ? ask(here, 'block') : { state: here, actions: [] }
    }
    case 'function':
      return { state, actions: [] }
  }
}

function onAnswer(state: PinPadState, text: string): PadStep {
  const { asked } = state
  const error = zt588ErrorOf(text)
  if (asked === null) {
    // A pad that gave up waiting may say so by itself.
    if (state.entry !== null && error === 'timed_out') return endNow(state, 'timed_out')
    return { state, actions: [{ do: 'count', counter: 'unasked_frames' }] }
  }
  const heard: PinPadState = { ...state, misses: 0 }
  switch (asked) {
    case 'off':
    case 'hex':
    case 'keys':
    case 'mask':
    case 'time':
      if (!isZt588Yes(text) && error === null) return wrong(state)
      return onSet({ ...heard, clear: asked === 'off' ? false : heard.clear }, asked, error)
    case 'status':
      return onStatus(heard, text, error)
    case 'prompt':
      if (error !== null) return after(...failed(heard, error))
      return isZt588Yes(text) ? proceed(heard) : wrong(state)
    case 'block':
      return onBlock(heard, text, error)
  }
}

function wrong(state: PinPadState): PadStep {
  // The right answer may yet come.
  return { state, actions: [{ do: 'count', counter: 'wrong_answers' }] }
}

function onSet(
  state: PinPadState,
  asked: 'off' | 'hex' | 'keys' | 'mask' | 'time',
  error: Zt588Error | null,
): PadStep {
  if (state.phase === 'ready') return proceed(state)
  // Without the mask digits would come in the clear: such a pad is not used.
  if (error !== null && asked === 'mask') {
    const told: PadAction = { do: 'state', state: 'unsupported', reason: 'mask refused' }
    return { state: { ...state, asked: null }, actions: [told] }
  }
  return ask(state, setup[setup.indexOf(asked) + 1]! as Exclude<Asked, 'prompt'>)
}

function onStatus(state: PinPadState, text: string, error: Zt588Error | null): PadStep {
  const information = readInformation(text)
  if (information === null && error === null) return wrong(state)
  const actions: PadAction[] = []
  if (information !== null) {
    const { model, production, serial, hardware, software } = information
    const key = `${model} ${production}-${serial}`
    actions.push({ do: 'identity', identity: { key, firmware: `${hardware}-${software}` } })
  }
  if (information?.blank)
    actions.push({ do: 'state', state: 'not_configured', reason: 'no key loaded' })
  else if (error === null) actions.push({ do: 'state', state: 'online', reason: 'answers' })
  else actions.push({ do: 'state', state: 'hardware_error', reason: error })
  return after(actions, proceed({ ...state, phase: 'ready' }))
}

function onBlock(state: PinPadState, text: string, error: Zt588Error | null): PadStep {
  if (error !== null) return after(...failed(state, error))
  const answer = readBlock(text)
  const { entry } = state
  if (answer === null || entry === null) return wrong(state)
  const { track, digits, block } = answer
  const { content_hash } = entry
  const result: PinPadResult = {
    outcome: 'entered',
    content_hash,
    track,
    digits,
    block: { reveal: () => block },
  }
  const finish: PadAction = { do: 'finish', id: entry.id, result }
  return after([finish], proceed({ ...state, entry: null }))
}

function failed(state: PinPadState, error: Zt588Error): [PadAction[], PadStep] {
  const ended = end(state, error)
  return [ended.actions, proceed(ended.state)]
}

function onTimer(state: PinPadState): PadStep {
  const { phase, asked, options } = state
  if (phase === 'down') return { state, actions: [] }
  if (asked === null) {
    if (phase === 'setup') return { state, actions: [] }
    return state.entry === null ? ask(state, 'status') : endNow(state, 'timed_out')
  }
  const missed: PadAction = { do: 'count', counter: 'timeouts' }
  const misses = state.misses + 1
  if (misses >= options.most_misses) {
    return { state: { ...state, misses }, actions: [missed, { do: 'drop', reason: 'no_answer' }] }
  }
  if (asked !== 'prompt') return after([missed], ask({ ...state, misses }, asked))
  const ended = end({ ...state, misses }, 'unknown')
  return after([missed, ...ended.actions], proceed(ended.state))
}
