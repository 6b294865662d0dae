/** A display of its own at a counter: the number, blank, or 暂停服务. */
import { createCounterDisplay } from '../../drivers/unit-driver.ts'
import type { Kind } from '../placed.ts'

export const counterDisplayKind: Kind = ({ config, driver, hall }) => {
  const handlers = { onState: hall.changed }
  const display = createCounterDisplay(config.device, driver, {
    handlers,
    wanted: hall.shown,
    options: config.options as object,
  })
  return {
    start: () => display.start(),
    view: () => display.view(),
    ...(display.setAddress === undefined ? {} : { setAddress: display.setAddress }),
    show: () => display.show(hall.shown()),
    attend: (open) => display.attention(open),
    [Symbol.asyncDispose]: () => display[Symbol.asyncDispose](),
  }
}
