/** The kinds by device type. A type that is not listed gets the plain one: its presses go to the hall. */
import { xfs4iotKind } from '../../xfs/kind.ts'
import type { Kind } from '../placed.ts'
import { callPadKind, ff68PadKind } from './call-pad.ts'
import { counterDisplayKind } from './counter-display.ts'
import { hallDisplayKind } from './hall-display.ts'
import { idCardReaderKind } from './id-card-reader.ts'
import { pinPadKind, servicePasswordPadKind } from './pin-pad.ts'
import { plainKind } from './plain.ts'
import { ff68RaterKind, ratingPadKind } from './rating-pad.ts'
import { ticketPanelKind } from './ticket-panel.ts'
import { ticketPrinterKind } from './ticket-printer.ts'

const kinds: ReadonlyMap<string, Kind> = new Map([
  ['call_pad', callPadKind],
  ['counter_display', counterDisplayKind],
  ['ff68_pad', ff68PadKind],
  ['ff68_rater', ff68RaterKind],
  ['hall_display', hallDisplayKind],
  ['id_card_reader', idCardReaderKind],
  ['pin_pad', pinPadKind],
  ['rating_pad', ratingPadKind],
  ['service_password_pad', servicePasswordPadKind],
  ['ticket_panel', ticketPanelKind],
  ['ticket_printer', ticketPrinterKind],
  ['xfs4iot', xfs4iotKind],
])

export function kindOf(type: string): Kind {
  return kinds.get(type) ?? plainKind
}
