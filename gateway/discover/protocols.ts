/**
 * How each protocol is greeted: questions only, none that could print, move or change a device.
 *
 * A device whose protocol is not known yet may be a printer that cannot answer, so a first question
 * holds no byte by which a printer moves paper or takes what follows for a command (LF, FF, CR, ESC,
 * FS, GS). Questions that do hold one come only behind a right answer to one that does not; units of
 * a Modbus line whose number is such a byte come only behind another unit, or where they are wished.
 * Nothing is believed that has no checksum or fixed form. Raises what the line under it raises.
 */
import { equalBytes, toHex } from '#devices/std/bytes.ts'
import { createDeframer, type Deframer } from '#devices/wire/deframer.ts'
import { createPrinterReplyDeframer, encodeCommand } from '#devices/wire/escpos.ts'
import {
  answersMdc,
  encodeMdcRequest,
  mdcRequest,
  mdcTextOf,
  scanMdcReply,
} from '#devices/wire/mdc.ts'
import {
  answers,
  createModbusReplyDeframer,
  encodeModbusRequest,
} from '#devices/wire/modbus-rtu.ts'
import { encodePjlinkRequest, type PjlinkReply, scanPjlinkReply } from '#devices/wire/pjlink.ts'
import { decodeIdentity, readRequest, type UnitClass } from '#devices/wire/register-map.ts'
import {
  createReplyDeframer,
  encodeRequest,
  readSamId,
  samCommands,
  statusName,
} from '#devices/wire/sam.ts'
import {
  createZt588Deframer,
  encodeZt588,
  readInformation,
  zt588Commands,
} from '#devices/wire/zt588.ts'
import type { SerialLine } from '../transports/address.ts'

/** What came of one question until it was answered, or for as long as an answer may take. */
export type Ask = (
  bytes: Uint8Array,
  until: { complete: (came: Uint8Array) => boolean; ms: number },
) => Promise<Uint8Array>

/** A device that answered. `type` null: it speaks the protocol, and is none of ours. */
export type Greeted = {
  type: string | null
  /** SAM id, serial number: what a place is bound to; null where it says none. */
  identity: string | null
  /** Its answer cannot be somebody else's. */
  certain: boolean
  /** What was heard of it, in hex; nothing that was not an answer. */
  heard: string
  options: Readonly<Record<string, unknown>>
}

export type ProtocolName = 'esc_pos' | 'sam' | 'modbus_rtu' | 'zt588' | 'samsung_mdc'

export type Protocol = {
  name: ProtocolName
  /** Serial lines it is tried on, in this order. */
  lines: readonly SerialLine[]
  greet(ask: Ask, wishes: Wishes): Promise<Greeted[]>
}

export type Wishes = {
  /** Units 10 and 13 and the like too, though nobody answered yet. */
  every_unit: boolean
  /** Behind a serial server everything takes longer, ms. */
  extra_ms: number
}

/** Bytes by which a printer moves paper, prints what it holds, or begins a command. */
const hazards: ReadonlySet<number> = new Set([0x0a, 0x0b, 0x0c, 0x0d, 0x1b, 0x1c, 0x1d])

export function isHarmless(question: Uint8Array): boolean {
  return !question.some((byte) => hazards.has(byte))
}

const line = (baud: number, parity: SerialLine['parity'] = 'none'): SerialLine => ({
  ...{ baud, parity, data: 8, stop: 1 },
})

const most_heard = 64

function greeted(type: string | null, heard: Uint8Array, more: Partial<Greeted> = {}): Greeted {
  const hex = toHex(heard.subarray(0, most_heard))
  return { type, identity: null, certain: true, heard: hex, options: {}, ...more }
}

/** The first frame that is the answer; null when nothing came that is. */
async function answerTo<Frame>(
  ask: Ask,
  question: Uint8Array,
  expected: { deframer: () => Deframer<Frame>; is: (frame: Frame) => boolean; ms: number },
): Promise<{ frame: Frame; heard: Uint8Array } | null> {
  const find = (came: Uint8Array) => expected.deframer().push(came).frames.find(expected.is)
  const heard = await ask(question, {
    complete: (came) => find(came) !== undefined,
    ms: expected.ms,
  })
  const frame = find(heard)
  return frame === undefined ? null : { frame, heard }
}

/** Four real-time questions, each answered by one byte of fixed bits and nothing else. */
const escpos: Protocol = {
  name: 'esc_pos',
  lines: [line(9_600), line(19_200), line(38_400), line(115_200)],
  async greet(ask, { extra_ms }) {
    const heard: number[] = []
    for (const number of [1, 2, 3, 4] as const) {
      const question = encodeCommand({ command: 'status', of: number })
      const came = await ask(question, { complete: ({ length }) => length > 1, ms: 250 + extra_ms })
      const [reply] = createPrinterReplyDeframer().push(came).frames
      if (came.length !== 1 || reply?.reply !== 'status') return []
      heard.push(came[0]!)
    }
    return [greeted('ticket_printer', Uint8Array.from(heard))]
  },
}

/** A module may take 800 ms (assumed). One that refuses is one. */
const sam: Protocol = {
  name: 'sam',
  lines: [line(115_200)],
  async greet(ask, { extra_ms }) {
    const expected = { deframer: createReplyDeframer, is: () => true, ms: 1_000 + extra_ms }
    const status = await answerTo(ask, encodeRequest(samCommands.status), expected)
    if (status === null || statusName(status.frame.sw3) === 'unlisted') return []
    const id = await answerTo(ask, encodeRequest(samCommands.read_id), expected)
    const identity = id === null ? null : readSamId(id.frame)
    return [greeted('id_card_reader', (id ?? status).heard, { identity })]
  },
}

const typesOfUnits: Readonly<Record<UnitClass, string>> = {
  ...{ call_pad: 'call_pad', ticket_panel: 'ticket_panel' },
  ...{ rater: 'rating_pad', counter_display: 'counter_display' },
}
const most_unit = 16

/** Who is there is asked with a read that changes nothing; who it is, once it has answered. */
const modbus: Protocol = {
  name: 'modbus_rtu',
  lines: [line(19_200, 'even')],
  async greet(ask, { every_unit, extra_ms }) {
    const units = Array.from({ length: most_unit }, (_, i) => i + 1)
    const [first, later] = [units.filter(harmlessUnit), units.filter((unit) => !harmlessUnit(unit))]
    const found: Greeted[] = []
    for (const unit of [...first, ...later]) {
      if (!harmlessUnit(unit) && found.length === 0 && !every_unit) break
      const one = await greetUnit(ask, unit, 250 + extra_ms)
      if (one !== null) found.push(one)
    }
    return found.sort((a, b) => Number(a.options.unit ?? 1) - Number(b.options.unit ?? 1))
  },
}

function harmlessUnit(unit: number): boolean {
  return isHarmless(encodeModbusRequest(readRequest(unit, 'latch')))
}

async function greetUnit(ask: Ask, unit: number, ms: number): Promise<Greeted | null> {
  const read = async (place: 'latch' | 'identity') => {
    const request = readRequest(unit, place)
    const is = (frame: Parameters<typeof answers>[1]) => answers(request, frame)
    const expected = { deframer: createModbusReplyDeframer, is, ms }
    return answerTo(ask, encodeModbusRequest(request), expected)
  }
  const there = await read('latch')
  if (there === null) return null
  const named = await read('identity')
  const identity =
    named?.frame.function === 'read_input' ? decodeIdentity(named.frame.values) : null
  const options = unit === 1 ? {} : { unit }
  if (identity === null) return greeted(null, there.heard, { certain: false, options })
  const { class: of, serial } = identity
  return greeted(typesOfUnits[of], named!.heard, { identity: serial, options })
}

const zt588: Protocol = {
  name: 'zt588',
  lines: [line(9_600)],
  async greet(ask, { extra_ms }) {
    const answer = await answerTo(ask, encodeZt588(zt588Commands.status), {
      deframer: createZt588Deframer,
      is: (frame) => frame.kind === 'frame',
      ms: 500 + extra_ms,
    })
    if (answer?.frame.kind !== 'frame') return []
    const information = readInformation(answer.frame.text)
    if (information === null) return []
    const { model, production, serial } = information
    // Its settings are nobody's business: only who it is.
    return [greeted('pin_pad', new Uint8Array(0), { identity: `${model} ${production}-${serial}` })]
  },
}

/** Panels come with id 0 or 1; a broadcast is answered by none. */
const mdc: Protocol = {
  name: 'samsung_mdc',
  lines: [line(9_600)],
  async greet(ask, { extra_ms }) {
    for (const id of [1, 0]) {
      const read = (name: 'status' | 'serial_number') => {
        const request = mdcRequest(id, name)
        const is = (frame: Parameters<typeof answersMdc>[1]) => answersMdc(request, frame)
        const deframer = () => createDeframer(scanMdcReply, 262)
        return answerTo(ask, encodeMdcRequest(request), { deframer, is, ms: 300 + extra_ms })
      }
      const there = await read('status')
      if (there === null) continue
      const named = await read('serial_number')
      const identity = named?.frame.accepted === true ? mdcTextOf(named.frame.data) : null
      const options = { protocol: 'mdc', ...(id === 1 ? {} : { id }) }
      return [greeted('hall_display', there.heard, { identity, options })]
    }
    return []
  },
}

/** The printer first: whatever it is asked afterwards, a printer that answers is asked no more. */
export const protocols: readonly Protocol[] = [escpos, sam, modbus, zt588, mdc]

/** A PJLink panel greets by itself. Without a password it also says its serial number. */
export async function greetPjlink(ask: Ask, said: Uint8Array): Promise<Greeted[]> {
  const deframer = () => createDeframer(scanPjlinkReply, 256)
  const greeting = deframer()
    .push(said)
    .frames.find((frame) => frame.reply === 'greeting')
  if (greeting?.reply !== 'greeting') return []
  if (greeting.security !== 'none')
    return [greeted('hall_display', said, { options: { security: greeting.security } })]
  const question = { class: '2', command: 'SNUM', parameter: '?' } as const
  const is = (frame: PjlinkReply) => frame.reply === 'answer' && frame.command === 'SNUM'
  const bytes = encodePjlinkRequest({ request: 'command', proof: '', ...question })
  const answer = await answerTo(ask, bytes, { deframer, is, ms: 1_000 })
  const text = answer?.frame.reply === 'answer' ? answer.frame.parameter : ''
  const identity = /^(?!ERR)[!-~]{1,32}$/.test(text) ? text : null
  return [greeted('hall_display', said, { identity })]
}

/** A line that gives back what it is sent answers nothing. */
export function isEcho(sent: Uint8Array, came: Uint8Array): boolean {
  return came.length >= sent.length && equalBytes(came.subarray(0, sent.length), sent)
}
