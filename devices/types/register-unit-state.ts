/**
 * What the machine of a unit of our register map is told, knows and answers: options with their
 * ranges, commands, results, state. Types and constants only.
 */
import { type ModbusReply, type ModbusRequest, most_address } from '../wire/modbus-rtu.ts'
import type {
  Acknowledgement,
  Display,
  EventCode,
  Latch,
  Prompt,
  UnitClass,
} from '../wire/register-map.ts'
import type { Assumption } from './machine.ts'
import { type OptionRules, waiting } from './options.ts'

export type UnitOptions = {
  /** Modbus unit address, 1 to 247. Units of one line differ in it. */
  unit: number
  /** The serial number that belongs to this place; null takes any unit of the class. */
  serial: string | null
  /** Rest between polls while nothing happens and somebody works here. */
  poll_ms: number
  /** The same while the counter is closed. */
  closed_poll_ms: number
  /** How long one answer may take. */
  reply_ms: number
  /** Questions without an answer before the unit counts as silent. */
  most_misses: number
  /** Rest before a press that could not be decided is handed over again. */
  retry_ms: number
}

export type PressInput = {
  type: 'press'
  boot: string
  event: number
  code: EventCode
  argument: number
  /** What was typed on the keypad before the key; with a rating the id of the request. */
  text: string
}
export type UnitCommand =
  | { command: 'show'; display: Display }
  | { command: 'prompt'; prompt: Prompt }
  /** The unit of which a key is held takes the address of this place. */
  | { command: 'set_address' }
/**
 * Of `set_address`: `accepted`: it answers there now. `taken`: one did before. `no_answer`: none was
 * held, or none heard. `not_connected`: there was no link. `busy`: the one before is not over.
 */
export type UnitResult = 'accepted' | 'taken' | 'no_answer' | 'not_connected' | 'busy'
export type UnitFrame = ModbusReply

/** What is kept as wanted on a unit. */
export type Asserted = 'display' | 'prompt'
export type Asserting = Readonly<Partial<Record<Asserted, readonly number[]>>>
export type What = 'identity' | 'latch' | 'event' | 'acknowledge' | 'address' | Asserted
export type Asked = { request: ModbusRequest; what: What }

export type UnitKind = {
  name: string
  class: UnitClass
  title: { zh: string; en: string }
  codes: readonly EventCode[]
  asserted: readonly Asserted[]
  defaults?: Partial<UnitOptions>
}

export type UnitState = {
  options: UnitOptions
  kind: UnitKind
  /** down: no link. Else whether the unit was found to be ours. */
  phase: 'down' | 'identify' | 'ready' | 'wrong_device'
  /** Somebody works here. */
  open: boolean
  asked: Asked | null
  misses: number
  /** The link before ended without an answer. */
  silent: boolean
  /** By block, the registers that should be there, and those known to be there in this boot. */
  wanted: Asserting
  shown: Asserting
  boot: string | null
  /** Handed over and not yet decided. */
  deciding: Latch | null
  /** Decided and perhaps not yet released on the unit. */
  decided: Acknowledgement | null
  /** The unit accepted that acknowledgement. */
  released: boolean
  retry_at_ms: number
  /** An address is being given; `sent` once the broadcast is out. */
  addressing: { id: number; until_ms: number; sent: boolean } | null
}

export const unitDefaults: UnitOptions = {
  unit: 1,
  serial: null,
  poll_ms: 50,
  closed_poll_ms: 1000,
  reply_ms: 300,
  most_misses: 3,
  retry_ms: 500,
}

export const unitRules: OptionRules<UnitOptions> = {
  unit: { kind: 'whole', least: 1, most: most_address },
  serial: { kind: 'text', pattern: /^[!-~]([ -~]{0,14}[!-~])?$/, form: '1 to 16 ASCII characters' },
  poll_ms: waiting,
  closed_poll_ms: waiting,
  reply_ms: waiting,
  most_misses: { kind: 'whole', least: 1, most: 100 },
  retry_ms: waiting,
}

/** The map's line: 19200 8E1. */
/** Of the standard below our map: general knowledge, not checked in a source here. */
export const unitAssumptions: readonly Assumption[] = [
  {
    code: 'our_map',
    zh: '寄存器表是本项目在开放标准 Modbus RTU 之上的约定，不是任何厂家的协议',
    en: 'the register map is this project’s own over the open standard Modbus RTU, no maker’s protocol',
  },
  {
    code: 'modbus_rules',
    zh: '帧间静默 3.5 字符、异常码、地址 0 为广播且不应答：Modbus 通用规则，未逐一核对',
    en: 'silence of 3.5 characters, exception codes, broadcast at 0: general Modbus rules, not checked',
  },
]

export const unitLine = { baud: 19_200, parity: 'even' } as const
