/**
 * How a played-back device knows the host's questions again: each protocol's frames by what they ask
 * for, without what differs harmlessly from run to run (process and request ids, what is shown or
 * printed, proofs of passwords). Answers that repeat such an id get the one of this run.
 */
import { concat, equalBytes } from '#devices/std/bytes.ts'
import { createCommandDeframer, encodeCommand, type PrinterCommand } from '#devices/wire/escpos.ts'
import { createFf68Deframer, encodeFf68, ff68Commands } from '#devices/wire/ff68.ts'
import { createMdcRequestDeframer, encodeMdcRequest } from '#devices/wire/mdc.ts'
import {
  createModbusReplyDeframer,
  createModbusRequestDeframer,
  encodeModbusReply,
  encodeModbusRequest,
  type ModbusRequest,
} from '#devices/wire/modbus-rtu.ts'
import { createPjlinkRequestDeframer, encodePjlinkRequest } from '#devices/wire/pjlink.ts'
import { places } from '#devices/wire/register-map.ts'
import { commandName, createRequestDeframer, encodeRequest } from '#devices/wire/sam.ts'
import { createXfsDeframer, recordOf, textsOf } from '#devices/wire/xfs4iot.ts'
import { createZt588Deframer, encodeZt588, zt588Commands } from '#devices/wire/zt588.ts'

/**
 * One frame of the host. The same key: the same is asked for. `varies`: its other content is another
 * in every run, and says nothing. `once`: asked because something happened, not again and again.
 * `silent`: the device does not answer it; what comes behind it comes by itself.
 */
export type Question = {
  key: string
  bytes: Uint8Array
  varies?: true
  once?: true
  silent?: true
}

const once = { once: true } as const

export interface Matcher {
  /** What asks for nothing is left out. */
  push(bytes: Uint8Array): Question[]
  flush(): void
  /** The question in the recording and the one of this run that takes its place. */
  pair(recorded: Uint8Array, asked: Uint8Array): void
  /** An answer of the recording as it belongs to this run. */
  adapt(answer: Uint8Array): Uint8Array
}

type Framing<Frame> = {
  deframer: { push(bytes: Uint8Array): { frames: Frame[] }; flush(): unknown }
  /** Null: asks for nothing. */
  question(frame: Frame): Question | null
}

function matcher<Frame>(
  { deframer, question }: Framing<Frame>,
  ids: Pick<Matcher, 'pair' | 'adapt'> = { pair: () => {}, adapt: (answer) => answer },
): Matcher {
  return {
    push: (bytes) =>
      deframer
        .push(bytes)
        .frames.map(question)
        .filter((one) => one !== null),
    flush: () => void deframer.flush(),
    ...ids,
  }
}

/** Null for a type that cannot be played. `firstOut` tells the dialect where a type has several. */
export function matcherFor(type: string, firstOut: Uint8Array): Matcher | null {
  if (type === 'hall_display') return firstOut[0] === 0xaa ? mdc() : pjlink()
  return matchers.get(type)?.() ?? null
}

const matchers: ReadonlyMap<string, () => Matcher> = new Map([
  ['id_card_reader', sam],
  ['call_pad', unit],
  ['ticket_panel', unit],
  ['rating_pad', unit],
  ['counter_display', unit],
  ['ff68_pad', ff68],
  ['ff68_rater', ff68],
  ['ticket_printer', printer],
  ['pin_pad', zt588],
  // Nothing is ever said to it.
  ['service_password_pad', zt588],
  ['xfs4iot', xfs],
])

function sam(): Matcher {
  return matcher({
    deframer: createRequestDeframer(),
    question: (frame) =>
      'refuse' in frame ? null : { key: commandName(frame), bytes: encodeRequest(frame) },
  })
}

function ff68(): Matcher {
  const { show, beep } = ff68Commands
  const names = new Map<number, string>([
    [show, 'show'],
    [beep, 'beep'],
  ])
  return matcher({
    deframer: createFf68Deframer(),
    question: (frame) => ({
      key: names.get(frame.command) ?? 'answer',
      bytes: encodeFf68(frame),
      once: true,
      silent: true,
    }),
  })
}

function zt588(): Matcher {
  return matcher({
    deframer: createZt588Deframer(),
    question(frame) {
      if (frame.kind === 'key') return null
      const { text } = frame
      const bytes = encodeZt588(text)
      if (text.startsWith('6')) return { key: 'prompt', bytes, varies: true, once: true }
      return { key: text, bytes, ...(text === zt588Commands.status ? {} : once) }
    },
  })
}

function mdc(): Matcher {
  return matcher({
    deframer: createMdcRequestDeframer(),
    question(frame) {
      const { id, command, data } = frame
      const bytes = encodeMdcRequest(frame)
      if (data.length === 0) return { key: `${id} ${command} get`, bytes }
      return { key: `${id} ${command} set`, bytes, once: true }
    },
  })
}

function pjlink(): Matcher {
  return matcher({
    deframer: createPjlinkRequestDeframer(),
    question(frame) {
      if (frame.request === 'security') return { key: 'security', bytes: new Uint8Array(0) }
      const { command, parameter } = frame
      // The recording has none, and this run's depends on a password.
      const bytes = encodePjlinkRequest({ ...frame, proof: '' })
      if (parameter === '?') return { key: `${command} get`, bytes }
      return { key: `${command} set`, bytes, once: true }
    },
  })
}

/** Only these are answered; the rest is what is printed. */
const asking: ReadonlySet<PrinterCommand['command']> = new Set([
  'status',
  'automatic_status',
  'process_id',
])

function printer(): Matcher {
  const deframer = createCommandDeframer()
  const ids = new Map<string, Uint8Array>()
  return matcher(
    {
      deframer,
      question(frame) {
        if (!asking.has(frame.command)) return null
        const bytes = encodeCommand(frame)
        if (frame.command === 'status') return { key: `status ${frame.of}`, bytes }
        return { key: frame.command, bytes, varies: true, once: true }
      },
    },
    {
      pair(recorded, asked) {
        if (recorded.length === asked.length && recorded.length === 11) {
          ids.set(String(recorded.subarray(7)), asked.slice(7))
        }
      },
      adapt(answer) {
        const adapted = answer.slice()
        // 37 22, four bytes of the id, 00.
        for (let at = 0; at + 7 <= answer.length; at++) {
          if (answer[at] !== 0x37 || answer[at + 1] !== 0x22) continue
          const id = ids.get(String(answer.subarray(at + 2, at + 6)))
          if (id !== undefined) adapted.set(id, at + 2)
        }
        return adapted
      },
    },
  )
}

function unit(): Matcher {
  const prompt = { recorded: new Uint8Array(0), asked: new Uint8Array(0) }
  return matcher(
    {
      deframer: createModbusRequestDeframer(),
      question: (frame) => ({
        key: unitKey(frame),
        bytes: encodeModbusRequest(frame),
        ...(frame.function.startsWith('write') ? once : {}),
      }),
    },
    {
      pair(recorded, asked) {
        const ids = [recorded, asked].map(requestIdOf)
        if (ids[0] === null || ids[1] === null) return
        prompt.recorded = ids[0]!
        prompt.asked = ids[1]!
      },
      adapt(answer) {
        const [reply] = createModbusReplyDeframer().push(answer).frames
        if (reply?.function !== 'read_input' || reply.values.length !== places.event.count) {
          return answer
        }
        const text = answer.subarray(-10, -2)
        if (prompt.recorded.length === 0 || !equalBytes(text, prompt.recorded)) return answer
        const words = [0, 2, 4, 6].map((at) => (prompt.asked[at]! << 8) | prompt.asked[at + 1]!)
        return encodeModbusReply({ ...reply, values: [...reply.values.slice(0, -4), ...words] })
      },
    },
  )
}

function unitKey(frame: ModbusRequest): string {
  const place = 'start' in frame ? frame.start : frame.at
  const count = 'count' in frame ? frame.count : 0
  // Asking for a rating is another thing than going idle.
  const mode = 'values' in frame && place === places.prompt.start ? ` mode ${frame.values[0]}` : ''
  return `${frame.address} ${frame.function} ${place.toString(16)} ${count}${mode}`
}

/** The id in a prompt of a rating pad: the last eight characters of that block. */
function requestIdOf(frame: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const { start, count } = places.prompt
  const isPrompt = frame[1] === 0x10 && frame[2] === start >> 8 && frame[3] === (start & 0xff)
  return isPrompt && frame.length === 9 + count * 2
    ? Uint8Array.from(frame.subarray(-10, -2))
    : null
}

function xfs(): Matcher {
  const ids = new Map<number, number>()
  const idOf = (bytes: Uint8Array) => createXfsDeframer().push(bytes).frames[0]?.request_id ?? null
  return {
    ...matcher({ deframer: createXfsDeframer(), question: () => null }),
    push: (bytes) =>
      textsOf(bytes).flatMap((text) => {
        const record = recordOf(text)
        const [message] = createXfsDeframer().push(record).frames
        return message?.type === 'command'
          ? [{ key: message.name, bytes: record, varies: true }]
          : []
      }),
    pair(recorded, asked) {
      const [before, now] = [idOf(recorded), idOf(asked)]
      if (before !== null && now !== null) ids.set(before, now)
    },
    adapt: (answer) => concat(...textsOf(answer).map((text) => recordOf(withId(text, ids)))),
  }
}

/** A message of the recording with the request id of this run. */
function withId(text: string, ids: ReadonlyMap<number, number>): string {
  const message = JSON.parse(text) as { header: { requestId?: number } }
  const requestId = ids.get(message.header.requestId ?? 0)
  if (requestId === undefined) return text
  return JSON.stringify({ ...message, header: { ...message.header, requestId } })
}
