/**
 * Driver of a ticket printer: one ticket in, one of four outcomes out, always. Never prints twice.
 */
import {
  type PrinterInput,
  type PrinterOptions,
  type PrintOutcome,
  ticketPrinter,
} from '#devices/types/ticket-printer.ts'
import type { PrintJob } from '#devices/types/ticket-template.ts'
import type { PrinterCondition } from '#devices/wire/escpos.ts'
import { Glyphs } from '../printing/glyphs.ts'
import { paperBytes } from '../printing/paper.ts'
import { type DeviceView, type DriverParts, Session, type SessionOptions } from './session.ts'

export type PrinterHandlers = {
  onState?(view: DeviceView): void
  onCondition?(condition: PrinterCondition): void
}

export interface PrinterDriver extends AsyncDisposable {
  start(): void
  view(): DeviceView
  /** Never rejects: a driver closed before anything was sent answers `failed`. */
  print(job: PrintJob): Promise<PrintOutcome>
  /** What the printer last said of itself. */
  condition(): PrinterCondition
}

export function createPrinter(
  device: string,
  parts: DriverParts,
  given: {
    handlers?: PrinterHandlers
    options?: Partial<PrinterOptions> & { session?: Partial<SessionOptions> }
  } = {},
): PrinterDriver {
  const { handlers = {} } = given
  const { session: sessionOptions, ...options } = given.options ?? {}
  const first_process_id = Math.floor(parts.random() * 36 ** 4)
  const session = new Session(device, ticketPrinter, parts, {
    handlers: {
      onInput: (input: PrinterInput) => {
        handlers.onCondition?.(input.condition)
        return undefined
      },
      ...(handlers.onState === undefined ? {} : { onState: handlers.onState }),
    },
    options: { first_process_id, ...options },
    session: sessionOptions,
  })
  const glyphs = new Glyphs()
  return {
    start: () => session.start(),
    view: () => session.view(),
    print: async (job) => {
      const bytes = await paperBytes(job, options.text ?? 'gb18030', glyphs)
      return session.command({ command: 'print', bytes }).catch(() => 'failed' as const)
    },
    condition: () => session.state.condition,
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]()
      await glyphs[Symbol.asyncDispose]()
    },
  }
}
