/** Every class the kit has steps for, by device type; the rest are tried by their driver. */
import { deviceTypes } from '#devices/types/index.ts'
import type { ConformKind } from './kind.ts'
import { type AnyDeviceType, byDriverKind } from './steps/by-driver.ts'
import { ff68PadKind, ff68RaterKind } from './steps/ff68.ts'
import { hallDisplayKind } from './steps/hall-display.ts'
import { idCardReaderKind } from './steps/id-card-reader.ts'
import { pinPadKind } from './steps/pin-pad.ts'
import { servicePasswordPadKind } from './steps/service-password-pad.ts'
import { ticketPrinterKind } from './steps/ticket-printer.ts'
import { callPadKind, counterDisplayKind, ratingPadKind, ticketPanelKind } from './steps/units.ts'

/** With steps of their own. */
export const ownSteps: ReadonlyMap<string, ConformKind> = new Map<string, ConformKind>(
  [
    idCardReaderKind,
    callPadKind,
    ticketPanelKind,
    ratingPadKind,
    counterDisplayKind,
    ff68PadKind,
    ff68RaterKind,
    ticketPrinterKind,
    hallDisplayKind,
    pinPadKind,
    servicePasswordPadKind,
  ].map((kind) => [kind.type, kind]),
)

/** Which value its machine works on is the type's own business: the kit only passes it on. */
const types = Object.values(deviceTypes) as readonly unknown[] as readonly AnyDeviceType[]

export const conformKinds: ReadonlyMap<string, ConformKind> = new Map(
  types.map((type) => [type.name, ownSteps.get(type.name) ?? byDriverKind(type)]),
)
