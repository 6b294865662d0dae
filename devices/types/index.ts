/**
 * Every device type, by name. A new type is its file, one line here, its far end in
 * `firmware-sim/models` and its golden bytes in `tests/golden`.
 */
import { callPad } from './call-pad.ts'
import { counterDisplay } from './counter-display.ts'
import { ff68Pad } from './ff68-pad.ts'
import { ff68Rater } from './ff68-rater.ts'
import { hallDisplay } from './hall-display.ts'
import { idCardReader } from './id-card-reader.ts'
import { pinPad } from './pin-pad.ts'
import { ratingPad } from './rating-pad.ts'
import { servicePasswordPad } from './service-password-pad.ts'
import { ticketPanel } from './ticket-panel.ts'
import { ticketPrinter } from './ticket-printer.ts'
import { xfs4iot } from './xfs4iot.ts'

export const deviceTypes = {
  id_card_reader: idCardReader,
  call_pad: callPad,
  ticket_panel: ticketPanel,
  ticket_printer: ticketPrinter,
  ff68_pad: ff68Pad,
  ff68_rater: ff68Rater,
  hall_display: hallDisplay,
  pin_pad: pinPad,
  service_password_pad: servicePasswordPad,
  rating_pad: ratingPad,
  counter_display: counterDisplay,
  xfs4iot,
} as const

export type DeviceTypeName = keyof typeof deviceTypes
