/** Call pads: presses of a counter's clerk, and the number the counter shows. */

import { createFf68Pad } from '../../drivers/ff68-driver.ts'
import type { DriverParts } from '../../drivers/session.ts'
import { createCallPad } from '../../drivers/unit-driver.ts'
import type { HallSide, Kind, Placed, PlaceParts } from '../placed.ts'

export const callPadKind: Kind = (parts) => padWith(createCallPad, parts)

export const ff68PadKind: Kind = (parts) => padWith(createFf68Pad, parts)

type CreatePad = (
  device: string,
  parts: DriverParts,
  given: {
    handlers: { onPress: HallSide['press']; onState: () => void }
    wanted: () => string
    options: object
  },
) => Pick<Placed, 'start' | 'view'> &
  Pick<Placed, 'setAddress' | 'showWaiting'> &
  AsyncDisposable & { show(showing: string): void; attention(open: boolean): void }

function padWith(create: CreatePad, { config, driver, hall }: PlaceParts): Placed {
  const handlers = { onPress: hall.press, onState: hall.changed }
  const options = config.options as object
  const pad = create(config.device, driver, { handlers, wanted: hall.shown, options })
  return {
    start: () => pad.start(),
    view: () => pad.view(),
    ...(pad.setAddress === undefined ? {} : { setAddress: pad.setAddress }),
    ...(pad.showWaiting === undefined ? {} : { showWaiting: pad.showWaiting }),
    show: () => pad.show(hall.shown()),
    attend: (open) => pad.attention(open),
    [Symbol.asyncDispose]: () => pad[Symbol.asyncDispose](),
  }
}
