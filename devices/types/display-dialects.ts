/**
 * What a hall display is asked and told, in the words of PJLink and of Samsung MDC. A dialect turns a
 * question into bytes and its answer into a reading; it knows nothing of time or order.
 */

import { toHex } from '../std/bytes.ts'
import {
  answersMdc,
  encodeMdcRequest,
  isMdcInput,
  type MdcReply,
  type MdcRequest,
  mdcInputName,
  mdcInputs,
  mdcPowerOf,
  mdcRequest,
  mdcTextOf,
  mdcTroublesOf,
} from '../wire/mdc.ts'
import {
  encodePjlinkRequest,
  isPjlinkInput,
  type PjlinkCommand,
  type PjlinkReply,
  pjlinkErrorOf,
  pjlinkPowerOf,
  pjlinkTroublesOf,
} from '../wire/pjlink.ts'

/** `class` and `serial` once a connection, the others in turns. */
export type DisplayQuestion = 'class' | 'serial' | 'power' | 'input' | 'troubles'
export type DisplayAsked =
  | { what: DisplayQuestion }
  | { what: 'set_power'; on: boolean }
  | { what: 'set_input'; input: string }

export type DisplayReading =
  /** Not the answer to this question. */
  | { is: 'other' }
  | { is: 'done' }
  | { is: 'value'; value: string }
  /** An answer with a value nobody listed: shown as it came. */
  | { is: 'raw'; value: string }
  | { is: 'unsupported' | 'not_now' | 'failure' }

export type DisplayFrame = ({ protocol: 'pjlink' } & PjlinkReply) | ({ protocol: 'mdc' } & MdcReply)

export type DisplayDialect = {
  questions: readonly DisplayQuestion[]
  isInput(input: string): boolean
  /** `proof` stands before the first command of a PJLink connection. */
  encode(asked: DisplayAsked, given: { id: number; proof: string }): Uint8Array
  read(asked: DisplayAsked, frame: DisplayFrame, id: number): DisplayReading
}

const other: DisplayReading = { is: 'other' }

const pjlink: DisplayDialect = {
  questions: ['class', 'serial', 'power', 'input', 'troubles'],
  isInput: isPjlinkInput,
  encode: (asked, { proof }) =>
    encodePjlinkRequest({ request: 'command', proof, ...pjlinkCommand(asked) }),
  read: (asked, frame) => {
    if (frame.protocol !== 'pjlink' || frame.reply !== 'answer') return other
    const command = pjlinkCommand(asked)
    if (frame.command !== command.command || frame.class !== command.class) return other
    return readPjlink(asked, frame.parameter)
  },
}

function pjlinkCommand(asked: DisplayAsked): PjlinkCommand {
  const query = (command: string, kind: '1' | '2' = '1') =>
    ({ class: kind, command, parameter: '?' }) as const
  switch (asked.what) {
    case 'class':
      return query('CLSS')
    case 'serial':
      return query('SNUM', '2')
    case 'power':
      return query('POWR')
    case 'input':
      return query('INPT')
    case 'troubles':
      return query('ERST')
    case 'set_power':
      return { class: '1', command: 'POWR', parameter: asked.on ? '1' : '0' }
    case 'set_input': {
      const kind = /^[1-5][1-9]$/.test(asked.input) ? '1' : '2'
      return { class: kind, command: 'INPT', parameter: asked.input }
    }
  }
}

function readPjlink(asked: DisplayAsked, parameter: string): DisplayReading {
  const error = pjlinkErrorOf(parameter)
  if (error !== null) return { is: error === 'bad_parameter' ? 'unsupported' : error }
  const known = (value: string | null): DisplayReading =>
    value === null ? { is: 'raw', value: printable(parameter) } : { is: 'value', value }
  switch (asked.what) {
    case 'set_power':
    case 'set_input':
      return parameter === 'OK' ? { is: 'done' } : { is: 'raw', value: printable(parameter) }
    case 'class':
      return known(/^[12]$/.test(parameter) ? parameter : null)
    case 'serial':
      return known(/^[!-~]{1,32}$/.test(parameter) ? parameter : null)
    case 'power':
      return known(pjlinkPowerOf(parameter))
    case 'input':
      return known(isPjlinkInput(parameter) ? parameter : null)
    case 'troubles': {
      const troubles = pjlinkTroublesOf(parameter)
      return known(troubles?.map(({ part, degree }) => `${part} ${degree}`).join(', ') ?? null)
    }
  }
}

const mdc: DisplayDialect = {
  questions: ['serial', 'power', 'input', 'troubles'],
  isInput: isMdcInput,
  encode: (asked, { id }) => encodeMdcRequest(mdcAsk(asked, id)),
  read: (asked, frame, id) => {
    if (frame.protocol !== 'mdc' || !answersMdc(mdcAsk(asked, id), frame)) return other
    // A refusal's code says why; no source lists the codes.
    return frame.accepted ? readMdc(asked, frame.data) : { is: 'unsupported' }
  },
}

function mdcAsk(asked: DisplayAsked, id: number): MdcRequest {
  switch (asked.what) {
    case 'class':
    case 'serial':
      return mdcRequest(id, 'serial_number')
    case 'power':
      return mdcRequest(id, 'power')
    case 'input':
      return mdcRequest(id, 'input')
    case 'troubles':
      return mdcRequest(id, 'error_status')
    case 'set_power':
      return mdcRequest(id, 'power', asked.on ? 1 : 0)
    case 'set_input':
      return mdcRequest(id, 'input', isMdcInput(asked.input) ? mdcInputs[asked.input] : 0)
  }
}

function readMdc(asked: DisplayAsked, data: Uint8Array): DisplayReading {
  const known = (value: string | null): DisplayReading =>
    value === null ? { is: 'raw', value: toHex(data).slice(0, 32) } : { is: 'value', value }
  switch (asked.what) {
    case 'set_power':
      return data[0] === (asked.on ? 1 : 0) ? { is: 'done' } : known(null)
    case 'set_input':
      return mdcInputName(data[0]!) === asked.input ? { is: 'done' } : known(null)
    case 'class':
    case 'serial':
      return known(mdcTextOf(data))
    case 'power':
      return known(mdcPowerOf(data))
    case 'input':
      return known(data.length === 1 ? mdcInputName(data[0]!) : null)
    case 'troubles':
      return known(mdcTroublesOf(data)?.map(troubleText).join(', ') ?? null)
  }
}

/** Without a signal a panel works; the rest needs somebody to look at it. */
function troubleText(trouble: string): string {
  return `${trouble} ${trouble === 'no_sync' ? 'warning' : 'error'}`
}

/** At most 32 characters that any page can show. */
function printable(text: string): string {
  return text.replaceAll(/[^ -~]/g, '?').slice(0, 32)
}

export const displayDialects = { pjlink, mdc } as const
export type DisplayProtocol = keyof typeof displayDialects

export function labelOfDisplay(frame: DisplayFrame): {
  command: string
  length: number
  status: string
} {
  if (frame.protocol === 'mdc') {
    const command = frame.command.toString(16).padStart(2, '0')
    return { command, length: frame.data.length + 7, status: frame.accepted ? 'ack' : 'nak' }
  }
  if (frame.reply !== 'answer') {
    const status = frame.reply === 'greeting' ? frame.security : 'refused'
    return { command: 'PJLINK', length: 0, status }
  }
  const { command, parameter } = frame
  const status = pjlinkErrorOf(parameter) ?? 'ok'
  return { command, length: parameter.length + 8, status }
}
