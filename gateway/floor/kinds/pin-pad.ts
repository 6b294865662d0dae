/** Pads for a PIN or a service password: asked by whoever has an order confirmed, never by the floor. */
import { createPinPad } from '../../drivers/pin-pad-driver.ts'
import type { PromptsPin } from '../../drivers/pin-prompt.ts'
import { createServicePasswordPad } from '../../drivers/service-password-driver.ts'
import type { DriverParts, DeviceView as DriverView } from '../../drivers/session.ts'
import type { Kind, Placed, PlaceParts } from '../placed.ts'

export const pinPadKind: Kind = (parts) => padWith(createPinPad, parts)

export const servicePasswordPadKind: Kind = (parts) => padWith(createServicePasswordPad, parts)

type Pad = PromptsPin &
  AsyncDisposable & { start(): void; view(): DriverView; attention?(open: boolean): void }
type CreatePad = (
  device: string,
  parts: DriverParts,
  given: { handlers: { onState(): void }; options: object },
) => Pad

function padWith(create: CreatePad, { config, driver, hall }: PlaceParts): Placed {
  const handlers = { onState: hall.changed }
  const pad = create(config.device, driver, { handlers, options: config.options as object })
  return {
    start: () => pad.start(),
    view: () => pad.view(),
    attend: (open) => pad.attention?.(open),
    pin: { promptPin: (prompt) => pad.promptPin(prompt), cancelPin: () => pad.cancelPin() },
    [Symbol.asyncDispose]: () => pad[Symbol.asyncDispose](),
  }
}
