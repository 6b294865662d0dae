/**
 * The far end of a ticket printer: ESC/POS in, slips of paper out.
 * Real-time status is answered at once, also off line; everything else waits in the buffer while
 * there is no paper or the cover is open, and goes on when it is mended. A process id is answered
 * when all before it is on paper. What was printed and never cut comes out torn with the next job.
 * Refuses more than `most_buffered` commands (dropped and counted), as a full buffer would.
 */

import { byteText } from '#devices/std/bytes.ts'
import {
  createCommandDeframer,
  encodeAutomaticStatus,
  encodePrinterReply,
  fineCondition,
  type PrinterCommand,
  type PrinterCondition,
  statusByte,
} from '#devices/wire/escpos.ts'
import type { SimKind } from '../sim-kind.ts'
import { printerFaults, printerOnWire } from '../wrongs/escpos.ts'
import { decodeGb18030 } from './gb18030.ts'
import type { DeviceModel } from './model.ts'

export type PrintedLine = { text: string; large: boolean }
/** A slip. `number` is the first line in large print, what a person reads from afar. */
export type PrintedTicket = {
  lines: PrintedLine[]
  number: string | null
  qr: string | null
  reprint: boolean
  /** False: torn off before its cut. */
  whole: boolean
}

export type TicketPrinterOptions = {
  /** Older models do not know GS ( H. */
  process_id?: boolean
}

const most_buffered = 16_384

type Slip = { lines: PrintedLine[]; bytes: number[]; qr: string | null }

export class TicketPrinterModel implements DeviceModel {
  /** Called with each slip that leaves the printer. */
  onTicket: ((ticket: PrintedTicket) => void) | null = null
  /** Commands that found no room. */
  overrun = 0
  readonly #processId: boolean
  readonly #deframer = createCommandDeframer()
  #send: ((bytes: Uint8Array) => void) | null = null
  #condition: PrinterCondition = fineCondition
  #automatic = false
  #chinese = false
  #large = false
  #stored = ''
  #text = ''
  #slip: Slip = { lines: [], bytes: [], qr: null }
  #buffer: PrinterCommand[] = []

  constructor(options: TicketPrinterOptions = {}) {
    this.#processId = options.process_id ?? true
  }

  get condition(): PrinterCondition {
    return this.#condition
  }

  /** Takes paper out, opens the cover, jams the cutter ... or mends it. */
  set(changes: Partial<Omit<PrinterCondition, 'offline' | 'feeding'>>): void {
    const next = { ...this.#condition, ...changes }
    const offline = next.cover_open || next.paper_out || next.cutter_error || next.error
    this.#condition = { ...next, offline }
    if (this.#automatic) this.#send?.(encodeAutomaticStatus(this.#condition))
    this.#work()
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#deframer.flush()
    this.#send = send
  }

  detach(): void {
    this.#send = null
  }

  receive(bytes: Uint8Array): void {
    for (const command of this.#deframer.push(bytes).frames) {
      if (command.command === 'status') {
        const byte = statusByte(command.of, this.#condition)
        this.#send?.(encodePrinterReply({ reply: 'status', byte }))
      } else if (this.#buffer.length >= most_buffered) this.overrun += 1
      else this.#buffer.push(command)
    }
    this.#work()
  }

  #work(): void {
    let done = 0
    while (done < this.#buffer.length && !this.#condition.offline) {
      this.#run(this.#buffer[done]!)
      done += 1
    }
    this.#buffer.splice(0, done)
  }

  #run(command: PrinterCommand): void {
    switch (command.command) {
      case 'initialise':
        this.#initialise()
        break
      case 'chinese':
        this.#endText()
        this.#chinese = command.on
        break
      case 'size':
        this.#large = command.large
        break
      case 'text':
        this.#slip.bytes.push(command.byte)
        break
      case 'line_feed':
        this.#endLine()
        break
      case 'qr_store':
        this.#stored = byteText(command.data)
        break
      case 'qr_print':
        this.#slip.qr = this.#stored
        break
      case 'cut':
        this.#cut(true)
        break
      case 'automatic_status':
        this.#automatic = command.mask !== 0
        if (this.#automatic) this.#send?.(encodeAutomaticStatus(this.#condition))
        break
      case 'process_id':
        if (this.#processId) {
          this.#send?.(encodePrinterReply({ reply: 'process_id', id: command.id }))
        }
        break
    }
  }

  #initialise(): void {
    this.#slip.bytes = []
    this.#text = ''
    this.#chinese = false
    this.#large = false
    this.#stored = ''
    if (this.#slip.lines.length > 0 || this.#slip.qr !== null) this.#cut(false)
  }

  #endText(): void {
    const bytes = Uint8Array.from(this.#slip.bytes)
    this.#slip.bytes = []
    this.#text += this.#chinese ? decodeGb18030(bytes) : byteText(bytes)
  }

  #endLine(): void {
    this.#endText()
    this.#slip.lines.push({ text: this.#text, large: this.#large })
    this.#text = ''
  }

  #cut(whole: boolean): void {
    if (whole && this.#slip.bytes.length > 0) this.#endLine()
    const { lines, qr } = this.#slip
    this.#slip = { lines: [], bytes: [], qr: null }
    const number = lines.find((line) => line.large && line.text !== '')?.text ?? null
    const reprint = lines.some((line) => line.text.includes('补打'))
    this.onTicket?.({ lines, number, qr, reprint, whole })
  }
}

export const sim: SimKind = {
  type: 'ticket_printer',
  transports: ['serial', 'tcp', 'lp'],
  faults: printerFaults,
  make: ({ wrong }) => {
    const model = new TicketPrinterModel()
    const hands = {
      open_cover: () => model.set({ cover_open: true }),
      close_cover: () => model.set({ cover_open: false }),
      pull_paper: () => model.set({ paper_out: true, paper_low: true }),
      load_paper: () => model.set({ paper_out: false, paper_low: false }),
    }
    return { model: printerOnWire(model, wrong), use: null, hands }
  },
}
