/**
 * Ticket printer over ESC/POS. A job goes out only after a status that allows printing, is followed
 * by a process id, and ends as one of four outcomes:
 *   printed  the printer named the job's process id
 *   likely   no process id, but the status was fine before and after
 *   failed   nothing of the job was sent
 *   unknown  the link broke or the printer was in trouble after bytes were sent
 * Once a link showed it on line, automatic status (GS a) is switched on: cover and paper then tell
 * themselves between two looks. A printer without it is looked at as before.
 * Nothing is printed again by itself. A job waiting longer than `job_wait_ms` for the printer fails.
 * Refuses (as `failed`) more than `most_jobs` waiting.
 */
import { concat, equalBytes } from '../std/bytes.ts'
import {
  createPrinterReplyDeframer,
  decodeAutomaticStatus,
  encodeCommand,
  fineCondition,
  type PrinterCondition,
  type PrinterReply,
  withStatusByte,
} from '../wire/escpos.ts'
import type { Action, DeviceType, FrameLabel, MachineEvent, Step } from './machine.ts'
import { waiting } from './options.ts'

export type PrinterOptions = {
  /** Rest between two looks at the status. */
  poll_ms: number
  reply_ms: number
  most_misses: number
  /** How long printing may take until its process id is answered. */
  process_id_ms: number
  /** The same for a printer that never answered one. */
  process_id_unsupported_ms: number
  /** How long a job may wait for link and paper before anything is sent. */
  job_wait_ms: number
  /** Where process ids begin, drawn at start so that an answer to an earlier run is not taken. */
  first_process_id: number
  /** Whether it is asked to tell changes by itself (GS a). */
  automatic_status: boolean
  /** What its own font has: all of it, the two-byte part (the rest comes as dots), or no Chinese. */
  text: 'gb18030' | 'gbk' | 'raster'
}

export type PrintOutcome = 'printed' | 'likely' | 'failed' | 'unknown'
export type PrinterCommandInput = { command: 'print'; bytes: Uint8Array }
export type PrinterInput = { type: 'condition'; condition: PrinterCondition }

type Job = { id: number; bytes: Uint8Array; give_up_at_ms: number }
type Look = 1 | 2 | 3 | 4

export type PrinterState = {
  options: PrinterOptions
  /** `look`: waiting for status byte `at`; `print`: for the process id. */
  phase:
    | { in: 'down' | 'rest' }
    | { in: 'look'; at: Look; seen: PrinterCondition; why: 'poll' | 'before' | 'after' }
    | { in: 'print'; process: Uint8Array }
  jobs: Job[]
  /** Sent, at least in part. */
  current: Job | null
  condition: PrinterCondition
  misses: number
  /** Automatic status was switched on over this link. */
  tells: boolean
  processes: number
  /** Whether this printer ever answered a process id; null before the first job. */
  names_jobs: boolean | null
}

type PrinterStep = Step<PrinterState, PrinterInput, PrintOutcome>
type PrinterAction = Action<PrinterInput, PrintOutcome>

const most_jobs = 16

export const ticketPrinter: DeviceType<
  PrinterState,
  PrinterReply,
  PrinterCommandInput,
  PrinterInput,
  PrintOutcome,
  PrinterOptions
> = {
  name: 'ticket_printer',
  title: { zh: '小票打印机', en: 'ticket printer' },
  protocol: 'esc_pos',
  carries_cards: false,
  nameless: true,
  assumptions: [
    {
      code: 'process_id',
      zh: '作业号（GS ( H）及其应答仅见于一家厂商的资料；不应答的型号只能推测票已打出',
      en: 'process ids (GS ( H) are from one maker; without an answer a ticket is likely printed',
    },
    {
      code: 'sizes_and_dots',
      zh: '大字用 GS ! 与 FS W，点阵用 GS v 0：各型号应相同，未经第二来源核实',
      en: 'large print GS ! and FS W, dots GS v 0: taken to be the same on all models',
    },
  ],
  limits: { most_bytes_per_send: 1024 },
  defaults: {
    poll_ms: 1000,
    reply_ms: 500,
    most_misses: 3,
    process_id_ms: 5000,
    process_id_unsupported_ms: 500,
    job_wait_ms: 3000,
    first_process_id: 0,
    automatic_status: true,
    text: 'gb18030',
  },
  rules: {
    poll_ms: waiting,
    reply_ms: waiting,
    most_misses: { kind: 'whole', least: 1, most: 100 },
    process_id_ms: waiting,
    process_id_unsupported_ms: waiting,
    job_wait_ms: waiting,
    first_process_id: { kind: 'whole', least: 0, most: 36 ** 4 - 1 },
    automatic_status: { kind: 'flag' },
    text: { kind: 'text', pattern: /^(gb18030|gbk|raster)$/, form: 'gb18030, gbk or raster' },
  },
  deframer: createPrinterReplyDeframer,
  label: labelOf,
  begin: (options) => ({
    options,
    phase: { in: 'down' },
    jobs: [],
    current: null,
    condition: fineCondition,
    misses: 0,
    tells: false,
    processes: options.first_process_id,
    names_jobs: null,
  }),
  step,
}

function labelOf(frame: PrinterReply): FrameLabel {
  switch (frame.reply) {
    case 'status':
      return { command: 'status', length: 1, status: frame.byte.toString(16) }
    case 'automatic_status':
      return { command: 'automatic_status', length: 4, status: '' }
    case 'process_id':
      return { command: 'process_id', length: 7, status: 'printed' }
  }
}

function step(
  state: PrinterState,
  event: MachineEvent<PrinterReply, PrinterCommandInput>,
  now_ms: number,
): PrinterStep {
  switch (event.type) {
    case 'connected':
      return look({ ...state, misses: 0, tells: false }, 'poll')
    case 'disconnected':
      return onDisconnected(state, now_ms)
    case 'frame':
      return onFrame(state, event.frame, now_ms)
    case 'timer':
      return onTimer(state, now_ms)
    case 'command':
      return onPrint(state, event, now_ms)
    case 'settled':
      return { state, actions: [] }
  }
}

function ask(state: PrinterState, phase: Extract<PrinterState['phase'], { in: 'look' }>) {
  const bytes = encodeCommand({ command: 'status', of: phase.at })
  const actions: PrinterAction[] = [
    { do: 'send', bytes, label: `status ${phase.at}` },
    { do: 'timer', kind: 'reply', ms: state.options.reply_ms },
  ]
  return { state: { ...state, phase }, actions }
}

/** Asks for the four status bytes, one after another: an answer does not say which it is. */
function look(state: PrinterState, why: 'poll' | 'before' | 'after'): PrinterStep {
  return ask(state, { in: 'look', at: 1, seen: fineCondition, why })
}

function after(actions: PrinterAction[], next: PrinterStep): PrinterStep {
  return { state: next.state, actions: [...actions, ...next.actions] }
}

function rest(state: PrinterState, now_ms: number): PrinterStep {
  const ms = Math.min(state.options.poll_ms, untilGiveUp(state, now_ms))
  return {
    state: { ...state, phase: { in: 'rest' } },
    actions: [{ do: 'timer', kind: 'rest', ms }],
  }
}

function untilGiveUp(state: PrinterState, now_ms: number): number {
  const times = state.jobs.map((job) => Math.max(1, job.give_up_at_ms - now_ms))
  return Math.min(Number.POSITIVE_INFINITY, ...times)
}

function onFrame(state: PrinterState, frame: PrinterReply, now_ms: number): PrinterStep {
  const { phase } = state
  if (frame.reply === 'automatic_status') {
    return noteCondition(state, decodeAutomaticStatus(frame.bytes))
  }
  if (frame.reply === 'process_id' && phase.in === 'print') {
    if (!equalBytes(frame.id, phase.process)) return unasked(state)
    return finish({ ...state, names_jobs: true }, 'printed', now_ms)
  }
  if (frame.reply !== 'status' || phase.in !== 'look') return unasked(state)
  return onStatus({ ...state, misses: 0 }, phase, frame.byte, now_ms)
}

function unasked(state: PrinterState): PrinterStep {
  return { state, actions: [{ do: 'count', counter: 'unasked_frames' }] }
}

function onStatus(
  state: PrinterState,
  phase: Extract<PrinterState['phase'], { in: 'look' }>,
  byte: number,
  now_ms: number,
): PrinterStep {
  const seen = { ...phase.seen, ...onlyTrue(withStatusByte(phase.seen, phase.at, byte)) }
  const at = nextLook(phase.at, seen)
  if (at !== null) return ask(state, { ...phase, at, seen })
  const noted = noteCondition(state, seen)
  const told = telling(noted.state)
  return after([...noted.actions, ...told.actions], onLooked(told.state, phase.why, now_ms))
}

/** On line, error and paper sensor: bits 1, 2 and 3. */
const told_by_itself = 0x0e

/** A printer that is off line would keep it in its buffer. */
function telling(state: PrinterState): PrinterStep {
  const due = state.options.automatic_status && !state.tells && !state.condition.offline
  if (!due) return { state, actions: [] }
  const bytes = encodeCommand({ command: 'automatic_status', mask: told_by_itself })
  return {
    state: { ...state, tells: true },
    actions: [{ do: 'send', bytes, label: 'automatic_status' }],
  }
}

/** Bytes 2 and 3 explain why a printer is off line; one that is on line has nothing there. */
function nextLook(at: Look, seen: PrinterCondition): Look | null {
  if (at === 4) return null
  if (at === 1 && !seen.offline) return 4
  return (at + 1) as Look
}

/** Each status byte tells a part: what one byte found stays found while the others are asked. */
function onlyTrue(condition: PrinterCondition): Partial<PrinterCondition> {
  return Object.fromEntries(Object.entries(condition).filter(([, on]) => on))
}

function noteCondition(state: PrinterState, condition: PrinterCondition): PrinterStep {
  const actions: PrinterAction[] = [stateOf(condition)]
  if (!sameCondition(state.condition, condition)) {
    actions.push({ do: 'emit', input: { type: 'condition', condition } })
  }
  return { state: { ...state, condition }, actions }
}

function sameCondition(a: PrinterCondition, b: PrinterCondition): boolean {
  return (Object.keys(a) as (keyof PrinterCondition)[]).every((key) => a[key] === b[key])
}

function stateOf(condition: PrinterCondition): PrinterAction {
  const reason = troubleOf(condition)
  if (reason === 'paper_out' || reason === 'cover_open') {
    return { do: 'state', state: 'user_error', reason }
  }
  if (reason !== null) return { do: 'state', state: 'hardware_error', reason }
  return { do: 'state', state: 'online', reason: condition.paper_low ? 'paper_low' : 'answers' }
}

/** Why nothing can be printed now, or null. Low paper still prints. */
export function troubleOf(condition: PrinterCondition): string | null {
  for (const name of ['paper_out', 'cover_open', 'cutter_error', 'error', 'offline'] as const) {
    if (condition[name]) return name
  }
  return null
}

function onLooked(
  state: PrinterState,
  why: 'poll' | 'before' | 'after',
  now_ms: number,
): PrinterStep {
  const fine = troubleOf(state.condition) === null
  if (why === 'after') return finish(state, fine ? 'likely' : 'unknown', now_ms)
  const [job, ...jobs] = state.jobs
  if (job === undefined) return rest(state, now_ms)
  if (fine) return send({ ...state, jobs }, job)
  // Somebody must see to it, so the person is told now and not after the wait for the link.
  const failed: PrinterAction[] = state.jobs.map(({ id }) => ({
    do: 'finish',
    id,
    result: 'failed',
  }))
  return after(failed, rest({ ...state, jobs: [] }, now_ms))
}

function send(state: PrinterState, job: Job): PrinterStep {
  const processes = state.processes + 1
  const process = processId(processes)
  const bytes = concat(job.bytes, encodeCommand({ command: 'process_id', id: process }))
  const { process_id_ms, process_id_unsupported_ms } = state.options
  const ms = state.names_jobs === false ? process_id_unsupported_ms : process_id_ms
  return {
    state: { ...state, processes, current: job, phase: { in: 'print', process } },
    actions: [
      { do: 'send', bytes, label: 'print' },
      { do: 'timer', kind: 'reply', ms },
    ],
  }
}

/** Four of the printable characters a printer gives back: digits and capital letters. */
function processId(count: number): Uint8Array {
  let rest = count % 36 ** 4
  return Uint8Array.from({ length: 4 }, () => {
    const digit = rest % 36
    rest = Math.floor(rest / 36)
    return digit < 10 ? 0x30 + digit : 0x41 + digit - 10
  })
}

function finish(state: PrinterState, outcome: PrintOutcome, now_ms: number): PrinterStep {
  const actions: PrinterAction[] = []
  if (state.current !== null) {
    actions.push({ do: 'finish', id: state.current.id, result: outcome })
  }
  const done: PrinterState = { ...state, current: null }
  return after(actions, done.jobs.length > 0 ? look(done, 'before') : rest(done, now_ms))
}

function onPrint(
  state: PrinterState,
  event: Extract<MachineEvent<PrinterReply, PrinterCommandInput>, { type: 'command' }>,
  now_ms: number,
): PrinterStep {
  if (state.jobs.length >= most_jobs) {
    return { state, actions: [{ do: 'finish', id: event.id, result: 'failed' }] }
  }
  const give_up_at_ms = now_ms + state.options.job_wait_ms
  const jobs = [...state.jobs, { id: event.id, bytes: event.command.bytes, give_up_at_ms }]
  const waiting: PrinterState = { ...state, jobs }
  if (state.phase.in === 'rest') return look(waiting, 'before')
  if (state.phase.in !== 'down') return { state: waiting, actions: [] }
  return { state: waiting, actions: wakeUp(waiting, now_ms) }
}

function onTimer(state: PrinterState, now_ms: number): PrinterStep {
  const late = giveUpLate(state, now_ms)
  return after(late.actions, onTimeUp(late.state, now_ms))
}

function giveUpLate(state: PrinterState, now_ms: number): PrinterStep {
  const late = state.jobs.filter((job) => job.give_up_at_ms <= now_ms)
  return {
    state: { ...state, jobs: state.jobs.filter((job) => job.give_up_at_ms > now_ms) },
    actions: late.map(({ id }) => ({ do: 'finish', id, result: 'failed' })),
  }
}

function onTimeUp(state: PrinterState, now_ms: number): PrinterStep {
  const { phase } = state
  switch (phase.in) {
    case 'down':
      return { state, actions: wakeUp(state, now_ms) }
    case 'rest':
      return look(state, state.jobs.length > 0 ? 'before' : 'poll')
    case 'print':
      return look({ ...state, names_jobs: state.names_jobs ?? false }, 'after')
    case 'look':
      return onMissed(state, phase)
  }
}

function onMissed(
  state: PrinterState,
  phase: Extract<PrinterState['phase'], { in: 'look' }>,
): PrinterStep {
  const misses = state.misses + 1
  const missed: PrinterAction = { do: 'count', counter: 'timeouts' }
  if (misses < state.options.most_misses) {
    return after([missed], ask({ ...state, misses }, phase))
  }
  return { state: { ...state, misses }, actions: [missed, { do: 'drop', reason: 'no_answer' }] }
}

function onDisconnected(state: PrinterState, now_ms: number): PrinterStep {
  const actions: PrinterAction[] = []
  if (state.current !== null) {
    actions.push({ do: 'finish', id: state.current.id, result: 'unknown' })
  }
  const down: PrinterState = { ...state, current: null, phase: { in: 'down' } }
  return { state: down, actions: [...actions, ...wakeUp(down, now_ms)] }
}

/** While the link is down the only thing to wait for is a job that gives up. */
function wakeUp(state: PrinterState, now_ms: number): PrinterAction[] {
  const ms = untilGiveUp(state, now_ms)
  return Number.isFinite(ms) ? [{ do: 'timer', kind: 'rest', ms }] : []
}
