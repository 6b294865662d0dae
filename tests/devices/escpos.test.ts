/** ESC/POS: golden bytes both ways, status bits, the ticket's template, and damage. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asciiBytes, concat, fromHex, toHex } from '#devices/std/bytes.ts'
import { type PrintJob, renderTicket } from '#devices/types/ticket-template.ts'
import {
  createCommandDeframer,
  createPrinterReplyDeframer,
  decodeAutomaticStatus,
  encodeAutomaticStatus,
  encodeCommand,
  encodePrinterReply,
  fineCondition,
  most_bar_code_bytes,
  type PrinterCommand,
  type PrinterCondition,
  type PrinterReply,
  statusByte,
  withStatusByte,
} from '#devices/wire/escpos.ts'
import { encodeGb18030 } from '../../gateway/drivers/gb18030.ts'
import { bytesIn, feed, golden, holdsSplitLaw, passesSixChunkings, plain } from './support.ts'

type Named = { name: string; hex: string }
type Golden = {
  commands: (Named & { value: object[] })[]
  accepted: (Named & { value: object[] })[]
  replies: (Named & { value: object })[]
  status_bytes: { of: 1 | 2 | 3 | 4; hex: string; on: (keyof PrinterCondition)[] }[]
  automatic_status: { hex: string; on: (keyof PrinterCondition)[] }[]
  gb18030: [string, string][]
}

const vectors = golden<Golden>('ticket-printer.json')

function conditionWith(on: readonly (keyof PrinterCondition)[]): PrinterCondition {
  return { ...fineCondition, ...Object.fromEntries(on.map((name) => [name, true])) }
}

describe('ESC/POS', () => {
  for (const { name, hex, value } of vectors.commands) {
    it(`command ${name} both ways`, () => {
      const commands = value.map((one) => bytesIn<PrinterCommand>(one, 'data', 'id', 'bytes'))
      expect(toHex(concat(...commands.map(encodeCommand)))).toBe(toHex(fromHex(hex)))
      const { frames, discarded } = createCommandDeframer().push(fromHex(hex))
      expect(frames.map(plain)).toEqual(value)
      expect(discarded).toEqual([])
    })
  }

  for (const { name, hex, value } of vectors.accepted) {
    it(`accepts ${name}`, () => {
      const { frames, discarded } = createCommandDeframer().push(fromHex(hex))
      expect(frames.map(plain)).toEqual(value)
      expect(discarded).toEqual([])
    })
  }

  for (const { name, hex, value } of vectors.replies) {
    it(`reply ${name} both ways`, () => {
      const reply = bytesIn<PrinterReply>(value, 'id', 'bytes')
      expect(toHex(encodePrinterReply(reply))).toBe(toHex(fromHex(hex)))
      expect(createPrinterReplyDeframer().push(fromHex(hex)).frames.map(plain)).toEqual([value])
    })
  }

  it('reads and writes the status bytes of DLE EOT', () => {
    for (const { of, hex, on } of vectors.status_bytes) {
      const byte = Number.parseInt(hex, 16)
      expect(statusByte(of, conditionWith(on)), `${of} ${hex}`).toBe(byte)
      expect(withStatusByte(fineCondition, of, byte), `${of} ${hex}`).toEqual(conditionWith(on))
    }
  })

  it('reads and writes the automatic status', () => {
    for (const { hex, on } of vectors.automatic_status) {
      expect(toHex(encodeAutomaticStatus(conditionWith(on)))).toBe(toHex(fromHex(hex)))
      expect(decodeAutomaticStatus(fromHex(hex))).toEqual(conditionWith(on))
    }
  })

  it('tells status, automatic status and process ids apart in one stream', () => {
    const stream = fromHex('12 38 00 00 00 37 22 41 42 43 44 00 1A 10 00 03 00')
    const { frames, discarded } = createPrinterReplyDeframer().push(stream)
    expect(frames.map(({ reply }) => reply)).toEqual([
      'status',
      'automatic_status',
      'process_id',
      'status',
      'automatic_status',
    ])
    expect(discarded).toEqual([])
  })

  const commands = [...vectors.commands, ...vectors.accepted].map(({ hex }) => fromHex(hex))
  const replies = vectors.replies.map(({ hex }) => fromHex(hex))

  it('passes the six chunkings', () => {
    const store = fromHex('1D 28 6B 07 00 31 50 30 41 30 30 31')
    passesSixChunkings(createCommandDeframer, store, fromHex('00 01 7F'))
    passesSixChunkings(createPrinterReplyDeframer, replies[1]!, fromHex('00 FF 80'))
  })

  it('gives the same frames and the same noise however the stream is cut', () => {
    holdsSplitLaw(createCommandDeframer, commands, [0x1b, 0x1c, 0x1d, 0x10, 0x28, 0x6b, 0x00])
    holdsSplitLaw(createPrinterReplyDeframer, replies, [0x37, 0x22, 0x10, 0x12, 0x00])
  })

  it('holds no more than one command of an endless one', () => {
    const deframer = createCommandDeframer()
    deframer.push(fromHex('1D 28 6B FF FF 31 50 30'))
    deframer.push(fromHex('1D 28 6B 02 02'))
    deframer.push(new Uint8Array(400))
    expect(deframer.pending).toBeLessThanOrEqual(520)
  })

  it('gives up a bar code whose end never comes', () => {
    const deframer = createCommandDeframer()
    const { frames, discarded } = deframer.push(concat(fromHex('1D 6B 04'), filled(300, 0x41)))
    expect(toHex(concat(...discarded.map(({ bytes }) => bytes)))).toBe('1d04')
    expect(frames).toHaveLength(1 + 300)
    expect(deframer.pending).toBe(0)
    const longest = concat(fromHex('1D 6B 04'), filled(most_bar_code_bytes, 0x41), [0])
    expect(createCommandDeframer().push(longest).frames).toHaveLength(1)
  })

  it('has no byte of a truncated or damaged process id taken for a proof', () => {
    const id = replies[1]!
    for (let size = 0; size < id.length; size++) {
      expect(createPrinterReplyDeframer().push(id.subarray(0, size)).frames).toEqual([])
    }
  })
})

describe('the ticket', () => {
  it('encodes the golden words in GB18030', () => {
    for (const [text, hex] of vectors.gb18030) {
      expect(toHex(encodeGb18030(text))).toBe(toHex(fromHex(hex)))
    }
  })

  it('begins by initialising, ends by cutting, and holds only what a ticket needs, whatever is in it', () => {
    const text = fc.string({ unit: 'binary', maxLength: 80 })
    const job: fc.Arbitrary<PrintJob> = fc.record({
      hall: fc.record({ zh: text, en: text }),
      service: fc.record({ zh: text, en: text }),
      number: text,
      people_ahead: fc.nat(),
      wait_min: fc.constant(null),
      counters: fc.array(text, { maxLength: 20 }),
      rules: fc.constant(null),
      lines: fc.constant(null),
      time: text,
      reprint: fc.boolean(),
      qr: text,
    })
    fc.assert(
      fc.property(job, (wanted) => {
        const bytes = renderTicket(wanted, encodeGb18030)
        const { frames, discarded, pending } = feed(createCommandDeframer(), [bytes])
        expect({ discarded, pending }).toEqual({ discarded: '', pending: 0 })
        const names = frames.map((frame) => (frame as PrinterCommand).command)
        const count = (name: string) => names.filter((one) => one === name).length
        expect(names[0]).toBe('initialise')
        expect(names.at(-1)).toBe('cut')
        const counts = ['initialise', 'cut', 'status', 'process_id', 'other'].map(count)
        expect(counts).toEqual([1, 1, 0, 0, 0])
        expect(bytes.length).toBeLessThan(4096)
      }),
      { numRuns: 300 },
    )
  })

  it('says 补打 on a reprint only', () => {
    const marked = toHex(encodeGb18030('补打'))
    const job: PrintJob = {
      hall: { zh: '厅', en: 'Hall' },
      service: { zh: '业务', en: 'Service' },
      number: 'A001',
      people_ahead: 0,
      wait_min: null,
      counters: [],
      rules: null,
      lines: null,
      time: '09:00',
      reprint: false,
      qr: '',
    }
    expect(toHex(renderTicket(job, encodeGb18030))).not.toContain(marked)
    expect(toHex(renderTicket({ ...job, reprint: true }, encodeGb18030))).toContain(marked)
    expect(toHex(renderTicket(job, asciiOnly))).toContain(toHex(asciiBytes('A001')))
  })
})

function filled(size: number, byte: number): Uint8Array {
  return new Uint8Array(size).fill(byte)
}

function asciiOnly(text: string): Uint8Array {
  return asciiBytes(text.replaceAll(/[^ -~]/g, '?'))
}
