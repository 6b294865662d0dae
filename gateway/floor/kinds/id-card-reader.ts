/** ID-card readers: a card that is laid goes to the counter's session, sealed. */
import { createReader } from '../../drivers/reader-driver.ts'
import type { Kind } from '../placed.ts'

export const idCardReaderKind: Kind = ({ config, driver, hall }) => {
  const handlers = { onCard: hall.card, onState: hall.changed }
  const reader = createReader(config.device, driver, {
    handlers,
    options: config.options as object,
  })
  return {
    start: () => reader.start(),
    view: () => reader.view(),
    readCard: async () => {
      const known = reader.card()
      const card = await reader.read()
      // One that was read anew is handed over as any card that is laid.
      if (card !== null && card === known) hall.card(card)
      return card !== null
    },
    forgetCard: () => reader.forget(),
    attend: (open) => reader.attention(open),
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  }
}
