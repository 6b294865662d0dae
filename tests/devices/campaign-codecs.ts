/** Every codec with good frames from the golden files, and what it can tell of damage. */
import { concat, equalBytes, fromHex, toHex } from '#devices/std/bytes.ts'
import { hallDisplay } from '#devices/types/hall-display.ts'
import type { Deframer, Discarded } from '#devices/wire/deframer.ts'
import { createCommandDeframer, createPrinterReplyDeframer } from '#devices/wire/escpos.ts'
import { createFf68Deframer } from '#devices/wire/ff68.ts'
import { type CardText, decodeCardText, encodeCardText } from '#devices/wire/id-card-text.ts'
import {
  createMdcReplyDeframer,
  createMdcRequestDeframer,
  type MdcReply,
} from '#devices/wire/mdc.ts'
import {
  createMiaxisReplyDeframer,
  miaxisReport,
  wrapMiaxisReply,
} from '#devices/wire/miaxis-hid.ts'
import { createModbusReplyDeframer, createModbusRequestDeframer } from '#devices/wire/modbus-rtu.ts'
import { createPjlinkReplyDeframer, createPjlinkRequestDeframer } from '#devices/wire/pjlink.ts'
import {
  cardData,
  createReplyDeframer,
  createRequestDeframer,
  encodeReply,
  readCard,
  replyOf,
  type SamReply,
} from '#devices/wire/sam.ts'
import { createServicePasswordDeframer } from '#devices/wire/service-password.ts'
import { type BulkLayout, bulkReply, createBulkReader } from '#devices/wire/usb-bulk.ts'
import { createXfsDeframer, recordOf, type XfsMessage } from '#devices/wire/xfs4iot.ts'
import { createZt588Deframer } from '#devices/wire/zt588.ts'
import { golden } from './support.ts'

export type Codec = {
  name: string
  /** What proves a frame, for the table. */
  check: string
  /** Damage that must never be taken for the frame that was sent, or another one in its place. */
  tells: readonly ('one_byte' | 'truncated')[]
  samples: readonly Uint8Array[]
  create(): Deframer<unknown>
  /** Comes in packets that nothing cuts. */
  whole?: boolean
  /** Whether a driver that waits for `good` would take `frame`: its rules beyond the check sum. */
  takes(frame: unknown, good: unknown): boolean
  /** Where there are rules about fields: whether it would pass those too, and say something else. */
  passes?(frame: unknown, good: unknown): boolean
}

type Hex = { hex: string }
const samples = (list: readonly Hex[]) => list.map(({ hex }) => fromHex(hex))
const both = ['one_byte', 'truncated'] as const
const always = () => true

/** Same kind of frame of the same size: what every machine asks of an answer. */
function alike(frame: unknown, good: unknown): boolean {
  return shapeOf(frame) === shapeOf(good)
}

function shapeOf(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes ${value.length}`
  if (Array.isArray(value)) return `list ${value.length}`
  if (value === null || typeof value !== 'object') return typeof value
  const fixed = ['address', 'id', 'function', 'command', 'kind', 'reply', 'class']
  const parts = Object.entries(value).map(([key, part]) =>
    fixed.includes(key) ? `${key}=${String(part)}` : `${key}:${shapeOf(part)}`,
  )
  return parts.join(' ')
}

const cards = golden<{ blocks: { kind: CardText['kind']; fields: object }[] }>(
  'id-card-text.json',
).blocks

/** A reply with a card of this kind, and a photo as dense as real ones. */
function cardFrame(kind: CardText['kind'], fields: object): Uint8Array {
  const text = encodeCardText({ kind, ...fields } as CardText)
  const photo = Uint8Array.from({ length: 1024 }, (_, at) => (at * 7 + 0x5a) & 0xff)
  return encodeReply(replyOf('success', cardData(text, photo)))
}

/** An answer of the very length that was due. */
function takesSam(frame: unknown, good: unknown): boolean {
  const [reply, due] = [frame as SamReply, good as SamReply]
  if (reply.sw3 !== due.sw3 || reply.data.length !== due.data.length) return false
  return reply.data.length < 1000 || readCard(reply) !== null
}

/** Another text with known flag, check digit, codes of the tables and dates; the photo is not kept. */
function passesCard(frame: unknown, good: unknown): boolean {
  const [card, due] = [readCard(frame as SamReply), readCard(good as SamReply)]
  if (card === null || due === null || equalBytes(card.text, due.text)) return false
  return decodeCardText(card.text).warnings.length === 0
}

const frames = cards.map(({ kind, fields }) => cardFrame(kind, fields))
const card_check = 'XOR 8 bits, exact lengths'

function sam(): Codec[] {
  const file = golden<{ requests: Hex[]; replies: Hex[] }>('id-card-reader.json')
  const refuses = (frame: unknown) => !('refuse' in (frame as object))
  return [
    {
      name: 'SAM replies',
      check: 'XOR 8 bits, exact lengths',
      tells: both,
      samples: samples(file.replies),
      create: createReplyDeframer,
      takes: takesSam,
    },
    ...cards.map(({ kind, fields }) => ({
      name: `SAM card read, ${kind}`,
      check: card_check,
      tells: both,
      samples: [cardFrame(kind, fields)],
      create: createReplyDeframer,
      takes: takesSam,
      passes: passesCard,
    })),
    {
      name: 'SAM requests',
      check: 'XOR 8 bits',
      tells: both,
      samples: samples(file.requests),
      create: createRequestDeframer,
      takes: refuses,
    },
  ]
}

function modbus(): Codec[] {
  const file = golden<{ requests: Hex[]; replies: Hex[] }>('modbus-rtu.json')
  const of = { check: 'CRC 16 bits', tells: both, takes: alike }
  return [
    {
      ...of,
      name: 'Modbus replies',
      samples: samples(file.replies),
      create: createModbusReplyDeframer,
    },
    {
      ...of,
      name: 'Modbus requests',
      samples: samples(file.requests),
      create: createModbusRequestDeframer,
    },
  ]
}

function printers(): Codec[] {
  const file = golden<{ commands: Hex[]; replies: Hex[] }>('ticket-printer.json')
  const of = { check: 'none', tells: [], takes: alike }
  return [
    {
      ...of,
      name: 'ESC/POS replies',
      samples: samples(file.replies),
      create: createPrinterReplyDeframer,
    },
    {
      ...of,
      name: 'ESC/POS commands',
      samples: samples(file.commands),
      create: createCommandDeframer,
    },
  ]
}

function ff68(): Codec {
  const pad = golden<{ keys: Hex[]; shows: Hex[]; beep: Hex }>('ff68-pad.json')
  return {
    name: 'FF 68',
    check: 'sum 8 bits, length twice',
    tells: both,
    samples: samples([...pad.keys, ...pad.shows, pad.beep]),
    create: createFf68Deframer,
    takes: alike,
  }
}

/** An accepted answer to the command that was sent. */
function takesMdc(frame: unknown, good: unknown): boolean {
  return (frame as MdcReply).accepted && alike(frame, good)
}

function displays(): Codec[] {
  const pjlink = golden<{ requests: Hex[]; replies: Hex[] }>('pjlink.json')
  const mdc = golden<{ requests: Hex[]; replies: Hex[] }>('mdc.json')
  const lines = { check: 'none; ends with CR', tells: ['truncated'] as const, takes: alike }
  const sums = { check: 'sum 8 bits', tells: both }
  return [
    {
      ...lines,
      name: 'PJLink replies',
      samples: samples(pjlink.replies),
      create: createPjlinkReplyDeframer,
    },
    {
      ...lines,
      name: 'PJLink requests',
      samples: samples(pjlink.requests),
      create: createPjlinkRequestDeframer,
    },
    {
      ...sums,
      name: 'MDC replies',
      samples: samples(mdc.replies),
      create: createMdcReplyDeframer,
      takes: takesMdc,
    },
    {
      ...sums,
      name: 'MDC requests',
      samples: samples(mdc.requests),
      create: createMdcRequestDeframer,
      takes: alike,
    },
    {
      ...lines,
      name: 'hall display, either',
      check: 'as the protocol',
      samples: samples([...pjlink.replies, ...mdc.replies]),
      create: hallDisplay.deframer,
    },
  ]
}

function pinPads(): Codec[] {
  const zt588 = golden<{ frames: Hex[]; prompts: Hex[]; blocks: Hex[] }>('pin-pad.json')
  return [
    {
      name: 'ZT588',
      check: 'XOR 8 bits in hex',
      tells: both,
      samples: samples([...zt588.frames, ...zt588.prompts, ...zt588.blocks]),
      create: createZt588Deframer,
      // A key outside a frame proves nothing and decides nothing but the end of an entry.
      takes: (frame) => (frame as { kind: string }).kind === 'frame',
    },
    {
      name: 'service passwords',
      check: 'none; fixed length',
      tells: ['truncated'],
      samples: [fromHex('82 31 33 35 37 39 30 83')],
      create: () => createServicePasswordDeframer((digits) => toHex(digits)),
      takes: always,
    },
  ]
}

/** Texts of the web socket, which has checks of its own below: here nothing but their form tells. */
function kiosk(): Codec {
  const texts = golden<Record<'command' | 'event' | 'completion', { text: string }>>('xfs4iot.json')
  const { command, event, completion } = texts
  return {
    name: 'XFS4IoT',
    check: 'none; JSON',
    tells: ['truncated'],
    samples: [command, event, completion].map(({ text }) => recordOf(text)),
    create: createXfsDeframer,
    takes: (frame, good) => {
      const [got, asked] = [frame as XfsMessage, good as XfsMessage]
      const same = got.type === asked.type && got.name === asked.name
      return same && got.request_id === asked.request_id
    },
  }
}

/** SAM frames behind something that carries them: what comes out of it goes to the SAM deframer. */
function behind(
  open: () => {
    take(bytes: Uint8Array): { parts: Uint8Array[]; discarded: Discarded[] }
    flush(): Discarded[]
    pending: () => number
  },
): Deframer<unknown> {
  const outer = open()
  const inner = createReplyDeframer()
  return {
    get pending() {
      return inner.pending + outer.pending()
    },
    push(bytes) {
      const { parts, discarded } = outer.take(bytes)
      const pushed = parts.map((part) => inner.push(part))
      return {
        frames: pushed.flatMap(({ frames }) => frames),
        discarded: [...discarded, ...pushed.flatMap((one) => one.discarded)],
      }
    },
    flush: () => [...outer.flush(), ...inner.flush()],
  }
}

/** Reports one behind the other, as they come through a stream; each card fills twenty-four. */
function hidReports(): Codec[] {
  const create = () =>
    behind(() => {
      const reports = createMiaxisReplyDeframer()
      return {
        take(bytes) {
          const { frames, discarded } = reports.push(bytes)
          return { parts: frames, discarded }
        },
        flush: () => reports.flush(),
        pending: () => reports.pending,
      }
    })
  const of = { check: 'sum 16 bits a report, then XOR 8 bits', tells: both, create }
  const file = golden<{ replies: { packets: string[] }[] }>('miaxis-hid.json')
  const found = miaxisReport(fromHex(file.replies[0]!.packets[0]!))
  return [
    { ...of, name: 'Miaxis HID, short replies', samples: [found], takes: takesSam },
    {
      ...of,
      name: 'Miaxis HID, card reads of every kind',
      samples: frames.map((frame) => concat(...wrapMiaxisReply(frame).map(miaxisReport))),
      takes: takesSam,
      passes: passesCard,
    },
  ]
}

/** Both layouts of bulk pipes: a damaged transfer of the head is no head, and no body follows it. */
function bulkPipes(): Codec[] {
  const layouts: BulkLayout[] = [
    { layout: 'split' },
    { layout: 'single', out_pipe: 0x01, in_pipe: 0x82 },
  ]
  return layouts.map((layout) => {
    const create = () =>
      behind(() => {
        const reader = createBulkReader(layout)
        return {
          take(bytes) {
            const taken = bulkReply(layout, bytes).map((transfer) => ({
              ...reader.take(transfer),
              transfer,
            }))
            const refused = taken.filter((one) => one.refused > 0)
            return {
              parts: taken.map((one) => one.bytes),
              discarded: refused.map((one) => ({
                reason: 'noise' as const,
                bytes: one.transfer.bytes.subarray(one.bytes.length),
              })),
            }
          },
          flush: () => {
            reader.reset()
            return []
          },
          pending: () => 0,
        }
      })
    return {
      name: `bulk pipes, ${layout.layout}, card reads of every kind`,
      ...{ check: card_check, tells: both, samples: frames, create, whole: true },
      ...{ takes: takesSam, passes: passesCard },
    }
  })
}

export const codecs: readonly Codec[] = [
  ...sam(),
  ...hidReports(),
  ...bulkPipes(),
  ...modbus(),
  ...printers(),
  ff68(),
  ...displays(),
  ...pinPads(),
  kiosk(),
]

/** The same codec without its check: what a campaign must find out. */
export function withoutCheck(codec: Codec): Codec {
  const make = (): Deframer<unknown> => {
    const real = codec.create()
    const good = codec.samples.map(
      (sample) => [sample, codec.create().push(sample).frames[0]] as const,
    )
    return {
      get pending() {
        return real.pending
      },
      push(bytes) {
        const known = good.find(([sample]) => sample.length === bytes.length)
        if (known === undefined) return real.push(bytes)
        const at = bytes.findIndex((byte, i) => byte !== known[0][i])
        if (at < 0) return real.push(bytes)
        return { frames: [{ ...(known[1] as object), damaged: concat(bytes) }], discarded: [] }
      },
      flush: () => real.flush(),
    }
  }
  return { ...codec, create: make, takes: always }
}
