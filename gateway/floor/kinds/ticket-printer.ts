/** Ticket printers: one ticket in, one outcome out; paper and cutter as the printer tells them. */
import { createPrinter } from '../../drivers/printer-driver.ts'
import type { Kind } from '../placed.ts'

export const ticketPrinterKind: Kind = ({ config, driver, hall }) => {
  const handlers = { onState: hall.changed, onCondition: hall.changed }
  const printer = createPrinter(config.device, driver, {
    handlers,
    options: config.options as object,
  })
  return {
    start: () => printer.start(),
    view: () => printer.view(),
    print: (job) => printer.print(job),
    consumables: () => {
      const { paper_out, paper_low } = printer.condition()
      return { paper: paper_out ? 'out' : paper_low ? 'low' : 'ok' }
    },
    [Symbol.asyncDispose]: () => printer[Symbol.asyncDispose](),
  }
}
