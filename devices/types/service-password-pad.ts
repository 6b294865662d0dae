/**
 * Service-password pad of a carrier: sends six digits in the clear once somebody has typed them, and
 * nothing else. There is nothing to ask it and no prompt to show: a prompt here opens a window in
 * which the next password is the answer. A password outside a window is dropped unread.
 *
 * The digits go from the wire straight to whoever seals them ({@link ../wire/service-password.ts});
 * the machine sees only that it happened and what came of it. That is off by default: without the
 * option `clear_digits: accepted` every prompt ends as `not_accepted`. The type in the registry seals
 * nothing; a driver makes its own with a seal.
 * After a reconnect an open window is over (`link_lost`).
 */
import type { Deframer } from '../wire/deframer.ts'
import {
  createServicePasswordDeframer,
  type SealDigits,
  type ServicePassword,
} from '../wire/service-password.ts'
import type { Action, DeviceType, MachineEvent, Step } from './machine.ts'
import { waiting } from './options.ts'

export type ServicePasswordOptions = {
  /** `accepted`: digits in the clear may come over this line. */
  clear_digits: string | null
  /** How long a prompt waits for a person. */
  input_ms: number
}

export type ServicePasswordCommand =
  | { command: 'prompt'; content_hash: string }
  | { command: 'cancel' }

export type ServicePasswordResult<Sealed> =
  | { outcome: 'accepted' }
  | { outcome: 'entered'; content_hash: string; sealed: Sealed }
  | {
      outcome: 'cancelled' | 'timed_out' | 'busy' | 'not_connected' | 'link_lost' | 'not_accepted'
      content_hash: string
    }

export type ServicePasswordState = {
  options: ServicePasswordOptions
  up: boolean
  entry: { id: number; content_hash: string } | null
}

type PadStep<Sealed> = Step<ServicePasswordState, never, ServicePasswordResult<Sealed>>
type PadAction<Sealed> = Action<never, ServicePasswordResult<Sealed>>
type PadEvent<Sealed> = MachineEvent<ServicePassword<Sealed>, ServicePasswordCommand>
type PadType<Sealed> = DeviceType<
  ServicePasswordState,
  ServicePassword<Sealed>,
  ServicePasswordCommand,
  never,
  ServicePasswordResult<Sealed>,
  ServicePasswordOptions
>
type Ended = Exclude<ServicePasswordResult<never>['outcome'], 'accepted' | 'entered'>

/** The type with a seal for the digits that answer a prompt. */
export function servicePasswordPadWith<Sealed>(seal: SealDigits<Sealed> | null): PadType<Sealed> {
  return {
    name: 'service_password_pad',
    title: { zh: '服务密码键盘（明文）', en: 'service-password pad (clear digits)' },
    protocol: 'service-password',
    // What it sends is as secret as a card.
    carries_cards: true,
    nameless: true,
    assumptions: [
      {
        code: 'digits_are_ascii',
        zh: '假定：起始字节 82 与结束字节 83 之间为六个 ASCII 数字',
        en: 'assumed: between 82 and 83 stand six ASCII digits',
      },
      {
        code: 'silent_when_dead',
        zh: '此协议不能询问设备：无人输入时，断电与空闲看不出区别',
        en: 'nothing can be asked: while nobody types, a dead pad looks like a quiet one',
      },
    ],
    // Nothing is ever sent to it, so this counts from the connect on: thousands of passwords.
    limits: { most_bytes_per_send: 65_536 },
    defaults: { clear_digits: null, input_ms: 30_000 },
    rules: {
      clear_digits: { kind: 'text', pattern: /^accepted$/, form: 'accepted' },
      input_ms: waiting,
    },
    deframer: (): Deframer<ServicePassword<Sealed>> => createServicePasswordDeframer(seal),
    label: ({ kind }) => ({ command: 'password', length: 8, status: kind }),
    begin: (options) => ({ options, up: false, entry: null }),
    step,
  }
}

export const servicePasswordPad: DeviceType<
  ServicePasswordState,
  ServicePassword<never>,
  ServicePasswordCommand,
  never,
  ServicePasswordResult<never>,
  ServicePasswordOptions
> = servicePasswordPadWith<never>(null)

function step<Sealed>(state: ServicePasswordState, event: PadEvent<Sealed>): PadStep<Sealed> {
  switch (event.type) {
    case 'connected':
      return { state: { ...state, up: true }, actions: [standing(state)] }
    case 'disconnected':
      return end({ ...state, up: false }, 'link_lost')
    case 'timer':
      return end(state, 'timed_out')
    case 'frame':
      return onPassword(state, event.frame)
    case 'command':
      return event.command.command === 'cancel'
        ? onCancel(state, event.id)
        : onPrompt(state, event.id, event.command.content_hash)
    case 'settled':
      return { state, actions: [] }
  }
}

function standing<Sealed>({ options }: ServicePasswordState): PadAction<Sealed> {
  return options.clear_digits === 'accepted'
    ? { do: 'state', state: 'online', reason: 'connected' }
    : { do: 'state', state: 'not_configured', reason: 'clear_digits not accepted' }
}

function end<Sealed>(state: ServicePasswordState, outcome: Ended): PadStep<Sealed> {
  const { entry } = state
  if (entry === null) return { state, actions: [] }
  const result = { outcome, content_hash: entry.content_hash }
  return { state: { ...state, entry: null }, actions: [{ do: 'finish', id: entry.id, result }] }
}

function onPrompt<Sealed>(
  state: ServicePasswordState,
  id: number,
  content_hash: string,
): PadStep<Sealed> {
  const refused = refusalOf(state)
  if (refused !== null) {
    const result = { outcome: refused, content_hash }
    return { state, actions: [{ do: 'finish', id, result }] }
  }
  const { input_ms } = state.options
  return {
    state: { ...state, entry: { id, content_hash } },
    actions: [{ do: 'timer', kind: 'rest', ms: input_ms }],
  }
}

function refusalOf({ options, up, entry }: ServicePasswordState): Ended | null {
  if (options.clear_digits !== 'accepted') return 'not_accepted'
  if (!up) return 'not_connected'
  return entry === null ? null : 'busy'
}

function onCancel<Sealed>(state: ServicePasswordState, id: number): PadStep<Sealed> {
  const ended: PadStep<Sealed> = end(state, 'cancelled')
  const finish: PadAction<Sealed> = { do: 'finish', id, result: { outcome: 'accepted' } }
  return { state: ended.state, actions: [finish, ...ended.actions] }
}

function onPassword<Sealed>(
  state: ServicePasswordState,
  frame: ServicePassword<Sealed>,
): PadStep<Sealed> {
  const { entry } = state
  if (entry === null || frame.kind === 'refused') {
    return { state, actions: [{ do: 'count', counter: 'unasked_frames' }] }
  }
  const { content_hash } = entry
  const result = { outcome: 'entered' as const, content_hash, sealed: frame.sealed }
  return { state: { ...state, entry: null }, actions: [{ do: 'finish', id: entry.id, result }] }
}
