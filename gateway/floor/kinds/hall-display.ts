/** Panels on the wall: power, input and state. What they show comes over the panel's own input. */
import { createHallDisplay } from '../../drivers/display-driver.ts'
import type { Kind } from '../placed.ts'

export const hallDisplayKind: Kind = ({ config, driver, hall }) => {
  const handlers = { onState: hall.changed }
  return createHallDisplay(config.device, driver, { handlers, options: config.options as object })
}
