/**
 * A service of a kiosk or cash machine that speaks CEN XFS4IoT: card reader, printer or lights, as
 * many of them as its capabilities name. Asks for capabilities once and for its status again and
 * again; what changes in between comes as an event. Commands wait for their completion, not for the
 * acknowledgement; each has a time-out, after which it is cancelled at the service.
 *
 * Refuses what the capabilities do not name, and a second command of one class while one runs.
 * Answers to nothing of ours, of another name, or late, are counted and change nothing.
 * No ID card comes this way: the specification has no class for readers of them.
 */
import type { DeviceState } from '../contract/presence.ts'
import {
  codeShown,
  createXfsDeframer,
  printCommand,
  recordOf,
  textOf,
  type XfsMessage,
  xfs_message_most,
} from '../wire/xfs4iot.ts'
import {
  boundedSupplies,
  type CardSource,
  type CardSourceData,
  capabilitiesOf,
  cardDataOf,
  commandOf,
  type Light,
  lightPayload,
  mediaPayload,
  printPayload,
  readCardPayload,
  statusOf,
  type XfsCapabilities,
  type XfsCommandName,
  type XfsStatus,
} from '../wire/xfs4iot-members.ts'
import type { Action, DeviceType, MachineEvent, Step } from './machine.ts'
import { waiting } from './options.ts'

export type XfsOptions = {
  /** Between two questions for the status while its counter is open, and while it is closed. */
  poll_ms: number
  idle_poll_ms: number
  /** For an acknowledgement, and beyond a command's own time-out for its completion. */
  reply_ms: number
  /** Tickets may go to its printer, which takes ESC/POS as it is. */
  tickets: boolean
}

export type XfsRequest =
  /** `wait_ms`: for somebody to insert a card. */
  | { command: 'read_card'; sources: readonly CardSource[]; wait_ms: number }
  | { command: 'eject_card' }
  /** Bytes as the printer behind the service takes them: ESC/POS where it is such a printer. */
  | { command: 'print'; data: Uint8Array }
  | { command: 'release_paper'; cut: boolean; eject: boolean }
  | { command: 'light'; light: Light }
  /** Everything of ours that runs. */
  | { command: 'cancel' }

export type XfsResult =
  | { outcome: 'done'; card: XfsCard | null }
  /** `code`: of the acknowledgement or completion; `detail`: the error code of the command. */
  | { outcome: 'refused'; code: string; detail: string | null }
  | { outcome: 'canceled' }
  | { outcome: 'timed_out' }
  /** The link went while it ran: what became of it nobody knows. */
  | { outcome: 'lost' }
  | { outcome: 'not_connected' }
  | { outcome: 'unsupported' }
  | { outcome: 'busy' }

export type XfsInput =
  | { type: 'insert_card' }
  | { type: 'card_inserted' }
  | { type: 'card_removed' }
  | { type: 'status'; status: XfsStatus }

/** What was read off a card. Whatever prints, logs or serialises it gets `[card]`. */
export class XfsCard {
  readonly #sources: Partial<Record<CardSource, CardSourceData>>

  constructor(sources: Partial<Record<CardSource, CardSourceData>>) {
    this.#sources = sources
  }

  source(name: CardSource): CardSourceData | null {
    return this.#sources[name] ?? null
  }

  toJSON(): string {
    return '[card]'
  }

  toString(): string {
    return '[card]'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[card]'
  }
}

type Running = {
  request_id: number
  name: XfsCommandName
  due_ms: number
  /** The command that waits for it; null: nobody. */
  id: number | null
  /** The machine's own question: three without an answer, and the link is dead. */
  poll: boolean
}

export type XfsState = {
  options: XfsOptions
  up: boolean
  open: boolean
  last_request_id: number
  running: readonly Running[]
  capabilities: XfsCapabilities | null
  status: XfsStatus
  missed: number
  poll_ms: number
}

type XfsStep = Step<XfsState, XfsInput, XfsResult>
type XfsAction = Action<XfsInput, XfsResult>
type XfsEvent = MachineEvent<XfsMessage, XfsRequest>

const missed_most = 3
const quiet: XfsStatus = { device: null, card_media: null, printer_media: null, paper: {} }

export const xfs4iot: DeviceType<
  XfsState,
  XfsMessage,
  XfsRequest,
  XfsInput,
  XfsResult,
  XfsOptions
> = {
  name: 'xfs4iot',
  title: { zh: 'XFS4IoT 自助设备服务', en: 'kiosk service (XFS4IoT)' },
  protocol: 'xfs4iot',
  carries_cards: true,
  // Room for one message of the largest size; what comes unasked is short.
  limits: { most_bytes_per_send: xfs_message_most + 64 * 1024 },
  speaks_first: { half_frame_ms: 5_000 },
  assumptions: [
    {
      code: 'unsolicited_without_id',
      zh: '主动上报的事件不带 requestId，类型为 unsolicited 或 event，两种均接受',
      en: 'what comes unasked has no requestId and is of type unsolicited or event: both are taken',
    },
    {
      code: 'completion_without_acknowledge',
      zh: '没有先收到 acknowledge 的 completion 照样接受，属假定',
      en: 'a completion that no acknowledge came before is taken all the same, which is assumed',
    },
    {
      code: 'first_edition',
      zh: '首版（CWA 17852:2022）的 completionCode 位于 payload，仅见于一处来源',
      en: 'that the first edition (CWA 17852:2022) has completionCode in the payload is from one source',
    },
  ],
  defaults: { poll_ms: 1_500, idle_poll_ms: 8_000, reply_ms: 1_500, tickets: false },
  rules: { poll_ms: waiting, idle_poll_ms: waiting, reply_ms: waiting, tickets: { kind: 'flag' } },
  deframer: createXfsDeframer,
  label: ({ type, name, completion_code, status, bytes }) => ({
    command: nameShown(name),
    length: bytes,
    status: codeShown(completion_code ?? status) ?? type,
  }),
  begin: (options) => ({
    options,
    up: false,
    open: true,
    last_request_id: 0,
    running: [],
    capabilities: null,
    status: quiet,
    missed: 0,
    poll_ms: 0,
  }),
  step,
  attend(state, open, now_ms) {
    const poll_ms = Math.min(state.poll_ms, now_ms + intervalOf({ ...state, open }))
    return withTimer({ state: { ...state, open, poll_ms }, actions: [] }, now_ms)
  },
}

function intervalOf({ open, options }: Pick<XfsState, 'open' | 'options'>): number {
  return open ? options.poll_ms : options.idle_poll_ms
}

/** A device may call its messages anything: only names of the specification's form are shown. */
function nameShown(name: string): string {
  return /^[A-Za-z][A-Za-z0-9]{0,31}\.[A-Za-z][A-Za-z0-9]{0,47}$/.test(name) ? name : 'unknown'
}

function step(state: XfsState, event: XfsEvent, now_ms: number): XfsStep {
  return withTimer(react(state, event, now_ms), now_ms)
}

function withTimer({ state: next, actions }: XfsStep, now_ms: number): XfsStep {
  if (!next.up) return { state: next, actions }
  const due_ms = Math.min(next.poll_ms, ...next.running.map((one) => one.due_ms))
  const timer: XfsAction = { do: 'timer', kind: 'rest', ms: Math.max(due_ms - now_ms, 1) }
  return { state: next, actions: [...actions, timer] }
}

function react(state: XfsState, event: XfsEvent, now_ms: number): XfsStep {
  switch (event.type) {
    case 'connected': {
      const fresh = {
        ...state,
        up: true,
        running: [],
        missed: 0,
        capabilities: null,
        status: quiet,
      }
      const due = { ...fresh, poll_ms: now_ms + intervalOf(state) }
      return ask(due, 'Common.Capabilities', now_ms, { poll: true })
    }
    case 'disconnected':
      return {
        state: { ...state, up: false, running: [] },
        actions: finishAll(state.running, { outcome: 'lost' }),
      }
    case 'frame':
      return onMessage(state, event.frame, now_ms)
    case 'timer':
      return onTimer(state, now_ms)
    case 'command':
      return onCommand(state, event, now_ms)
    case 'settled':
      return { state, actions: [] }
  }
}

type Asking = {
  timeout_ms?: number
  payload?: Readonly<Record<string, unknown>>
  id?: number
  poll?: boolean
}

/** Sends a command and keeps it as running. */
function ask(state: XfsState, name: XfsCommandName, now_ms: number, asking: Asking = {}): XfsStep {
  const { timeout_ms = state.options.reply_ms, payload, id = null, poll = false } = asking
  const request_id = state.last_request_id >= 0x7fff_ffff ? 1 : state.last_request_id + 1
  const parts = { request_id, timeout_ms, ...(payload === undefined ? {} : { payload }) }
  const text = printCommand(commandOf(name, parts))
  const due_ms = now_ms + (poll ? 0 : timeout_ms) + state.options.reply_ms
  const running = [...state.running, { request_id, name, due_ms, id, poll }]
  return {
    state: { ...state, last_request_id: request_id, running },
    actions: [{ do: 'send', bytes: recordOf(text), label: name }],
  }
}

function finishAll(running: readonly Running[], result: XfsResult): XfsAction[] {
  return running.flatMap(({ id }) => (id === null ? [] : [{ do: 'finish', id, result } as const]))
}

const count = (counter: 'wrong_answers' | 'unasked_frames' | 'unknown_events' | 'timeouts') =>
  ({ do: 'count', counter }) as const

function onMessage(state: XfsState, message: XfsMessage, now_ms: number): XfsStep {
  const { type, request_id, name } = message
  if (type === 'command') return { state, actions: [count('unasked_frames')] }
  if (type === 'unsolicited' || (type === 'event' && request_id === null)) {
    return onUnasked(state, message)
  }
  const mine = state.running.find((one) => one.request_id === request_id)
  // Events have names of their own; answers carry the command's.
  if (mine === undefined || (type !== 'event' && mine.name !== name)) {
    return { state, actions: [count('wrong_answers')] }
  }
  if (type === 'event') return { state, actions: eventInputs(name) }
  const rest = { ...state, running: state.running.filter((one) => one !== mine) }
  if (type === 'completion') return onCompletion(rest, { mine, message }, now_ms)
  if (message.status === null) return { state, actions: [] }
  const refused: XfsResult = { outcome: 'refused', code: message.status, detail: null }
  return { state: { ...rest, missed: 0 }, actions: finishAll([mine], refused) }
}

function onUnasked(state: XfsState, { name, payload }: XfsMessage): XfsStep {
  if (name === 'Common.StatusChangedEvent') return withStatus(state, statusOf(payload))
  return { state, actions: eventInputs(name) }
}

function eventInputs(name: string): XfsAction[] {
  switch (name) {
    case 'CardReader.InsertCardEvent':
      return [{ do: 'emit', input: { type: 'insert_card' } }]
    case 'CardReader.MediaInsertedEvent':
      return [{ do: 'emit', input: { type: 'card_inserted' } }]
    case 'CardReader.MediaRemovedEvent':
      return [{ do: 'emit', input: { type: 'card_removed' } }]
    default:
      return [count('unknown_events')]
  }
}

function onCompletion(
  state: XfsState,
  { mine, message }: { mine: Running; message: XfsMessage },
  now_ms: number,
): XfsStep {
  const { completion_code: code, payload } = message
  if (mine.poll && mine.name === 'Common.Capabilities') {
    const capabilities = code === 'success' ? capabilitiesOf(payload) : null
    const asked = ask({ ...state, capabilities, missed: 0 }, 'Common.Status', now_ms, {
      poll: true,
    })
    return { state: asked.state, actions: [...identityOf(capabilities), ...asked.actions] }
  }
  if (mine.poll) {
    const here = { ...state, missed: 0 }
    return code === 'success'
      ? withStatus({ ...here, status: quiet }, statusOf(payload))
      : { state: here, actions: [failedState(code)] }
  }
  return { state, actions: finishAll([mine], resultOf(mine.name, message)) }
}

function resultOf(name: XfsCommandName, { completion_code, payload }: XfsMessage): XfsResult {
  // Left out in texts that X1's own tests read as complete.
  const code = completion_code ?? 'success'
  switch (code) {
    case 'success': {
      const read = name === 'CardReader.ReadRawData'
      return { outcome: 'done', card: read ? new XfsCard(cardDataOf(payload)) : null }
    }
    case 'canceled':
      return { outcome: 'canceled' }
    case 'timeOut':
      return { outcome: 'timed_out' }
    case 'unsupportedCommand':
    case 'invalidCommand':
      return { outcome: 'unsupported' }
    default:
      return { outcome: 'refused', code, detail: textOf(payload.errorCode, 64) }
  }
}

function identityOf(capabilities: XfsCapabilities | null): XfsAction[] {
  if (capabilities === null || capabilities.serial === null) return []
  const { serial, model, firmware } = capabilities
  const key = model === null ? serial : `${model} ${serial}`
  return [{ do: 'identity', identity: { key, firmware } }]
}

/** What a status says is taken over what was known; what it leaves out stays. */
function withStatus(state: XfsState, heard: XfsStatus): XfsStep {
  const before = state.status
  const status: XfsStatus = {
    device: heard.device ?? before.device,
    card_media: heard.card_media ?? before.card_media,
    printer_media: heard.printer_media ?? before.printer_media,
    paper: boundedSupplies({ ...before.paper, ...heard.paper }),
  }
  const said = shownOf(status)
  return {
    state: { ...state, status },
    actions: [
      { do: 'state', ...said },
      { do: 'emit', input: { type: 'status', status } },
    ],
  }
}

/** A device that is on line and yet needs somebody at hand says so only in its class's members. */
function shownOf(status: XfsStatus): { state: DeviceState; reason: string } {
  const { device, card_media, printer_media } = status
  if (device === null) return { state: 'unsupported', reason: 'no_status' }
  if (device === 'unknown') return { state: 'unsupported', reason: 'unknown_state' }
  if (device !== 'online') return { state: device, reason: device }
  const supplies = Object.values(status.paper)
  if (card_media === 'jammed' || printer_media === 'jammed' || supplies.includes('jammed')) {
    return { state: 'user_error', reason: 'media_jammed' }
  }
  if (supplies.includes('out')) return { state: 'user_error', reason: 'paper_out' }
  return { state: 'online', reason: supplies.includes('low') ? 'paper_low' : 'status' }
}

function failedState(code: string | null): XfsAction {
  const reason = codeShown(code) ?? 'no_completion_code'
  const states: Readonly<Record<string, DeviceState>> = {
    deviceNotReady: 'offline',
    hardwareError: 'hardware_error',
    userError: 'user_error',
    fraudAttempt: 'fraud_attempt',
  }
  const known = code !== null && Object.hasOwn(states, code) ? states[code]! : 'unsupported'
  return { do: 'state', state: known, reason }
}

function onTimer(state: XfsState, now_ms: number): XfsStep {
  const over = state.running.filter((one) => one.due_ms <= now_ms)
  const missed = state.missed + (over.some(({ poll }) => poll) ? 1 : 0)
  const running = state.running.filter((one) => !over.includes(one))
  const actions: XfsAction[] = over.map(() => count('timeouts'))
  if (missed >= missed_most) {
    const lost = finishAll([...over, ...running], { outcome: 'lost' })
    return { state: { ...state, running: [], missed }, actions: [...actions, ...lost, silent] }
  }
  let here: XfsState = { ...state, running, missed }
  for (const { id, request_id } of over) {
    if (id === null) continue
    const canceled = cancel(here, [request_id], now_ms)
    here = canceled.state
    actions.push(...canceled.actions, { do: 'finish', id, result: { outcome: 'timed_out' } })
  }
  if (now_ms < here.poll_ms) return { state: here, actions }
  here = { ...here, poll_ms: now_ms + intervalOf(here) }
  if (here.running.some((one) => one.poll)) return { state: here, actions }
  const question =
    here.capabilities === null && missed > 0 ? 'Common.Capabilities' : 'Common.Status'
  const asked = ask(here, question, now_ms, { poll: true })
  return { state: asked.state, actions: [...actions, ...asked.actions] }
}

const silent: XfsAction = { do: 'drop', reason: 'silent' }

/** `id`: the command that waits for its answer; without, nobody does. */
function cancel(
  state: XfsState,
  request_ids: readonly number[],
  now_ms: number,
  id?: number,
): XfsStep {
  const payload = { requestIds: [...request_ids] }
  return ask(state, 'Common.Cancel', now_ms, { payload, ...(id === undefined ? {} : { id }) })
}

function onCommand(
  state: XfsState,
  { id, command }: Extract<XfsEvent, { type: 'command' }>,
  now_ms: number,
): XfsStep {
  const finish = (result: XfsResult): XfsStep => ({
    state,
    actions: [{ do: 'finish', id, result }],
  })
  if (!state.up) return finish({ outcome: 'not_connected' })
  if (command.command === 'cancel') {
    const running = state.running.filter((one) => one.id !== null)
    if (running.length === 0) return finish({ outcome: 'done', card: null })
    const ids = running.map((one) => one.request_id)
    return cancel(state, ids, now_ms, id)
  }
  const { name, ...asking } = askingOf(command)
  const [service] = name.toLowerCase().split('.')
  const interfaces = state.capabilities?.interfaces
  if (interfaces !== undefined && !interfaces.has(service!))
    return finish({ outcome: 'unsupported' })
  const same = (one: Running) => one.id !== null && one.name.toLowerCase().startsWith(`${service}.`)
  if (state.running.some(same)) return finish({ outcome: 'busy' })
  return ask(state, name, now_ms, { ...asking, id })
}

/** Paper and cards move slowly: what a printer may take for one job, in ms. */
const moving_ms = 30_000

function askingOf(
  request: Exclude<XfsRequest, { command: 'cancel' }>,
): { name: XfsCommandName } & Asking {
  switch (request.command) {
    case 'read_card': {
      const payload = readCardPayload(request.sources)
      return { name: 'CardReader.ReadRawData', timeout_ms: request.wait_ms, payload }
    }
    case 'eject_card': {
      const payload = { from: 'transport', to: 'exit' }
      return { name: 'CardReader.Move', timeout_ms: moving_ms, payload }
    }
    case 'print': {
      const payload = printPayload(request.data)
      return { name: 'Printer.PrintRaw', timeout_ms: moving_ms, payload }
    }
    case 'release_paper': {
      const payload = mediaPayload(request)
      return { name: 'Printer.ControlMedia', timeout_ms: moving_ms, payload }
    }
    case 'light':
      return { name: 'Lights.SetLight', payload: lightPayload(request.light) }
  }
}
