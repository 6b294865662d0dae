/**
 * Panels on the wall: power, input and state, as configured and as an installer sets them. What they show
 * comes over the panel's own input.
 */
import { createHallDisplay } from '../../drivers/display-driver.ts'
import type { Kind } from '../placed.ts'

export const hallDisplayKind: Kind = ({ config, driver, hall }) => {
  const handlers = { onState: hall.changed, onCondition: hall.changed }
  const display = createHallDisplay(config.device, driver, {
    handlers,
    options: config.options as object,
  })
  return {
    start: () => display.start(),
    view: () => display.view(),
    setPanel: (wish) => display.want(wish),
    facts: () => {
      const { power, input, troubles, unsupported } = display.condition()
      const said = { power, input, troubles, unsupported: unsupported.join(', ') }
      return Object.fromEntries(
        Object.entries(said).filter((one): one is [string, string] => Boolean(one[1])),
      )
    },
    [Symbol.asyncDispose]: () => display[Symbol.asyncDispose](),
  }
}
