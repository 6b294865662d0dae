/** Ticket panels: whoever comes in presses a button; they stand at no counter and are always looked at. */
import { createTicketPanel } from '../../drivers/unit-driver.ts'
import type { Kind } from '../placed.ts'

export const ticketPanelKind: Kind = ({ config, driver, hall }) => {
  const panel = createTicketPanel(config.device, driver, {
    handlers: { onPress: hall.press, onState: hall.changed },
    options: config.options as object,
  })
  return {
    start: () => panel.start(),
    view: () => panel.view(),
    ...(panel.setAddress === undefined ? {} : { setAddress: panel.setAddress }),
    [Symbol.asyncDispose]: () => panel[Symbol.asyncDispose](),
  }
}
