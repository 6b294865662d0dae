/**
 * How each type of device is recorded: by a sanitiser, or as bytes with the reason why nobody can be in
 * them. A type that is not in here is recorded as lengths only.
 */
import { readerSanitiser } from './id-card-reader.ts'
import { displaySanitiser, servicePasswordSanitiser, zt588Sanitiser } from './pin-pads.ts'
import { asItIs, lengthsOnly, type Sanitiser } from './sanitiser.ts'
import { createSynthesis, type Synthesis } from './synthesis.ts'
import { xfsSanitiser } from './xfs4iot.ts'

type Treatment =
  | { as: 'sanitised'; make(synthesis: Synthesis): Sanitiser }
  | { as: 'bytes'; because: string }

const keys = 'keys, ratings and printed numbers; at most eight characters, typed to call a number'

export const treatments: ReadonlyMap<string, Treatment> = new Map<string, Treatment>([
  ['id_card_reader', { as: 'sanitised', make: readerSanitiser }],
  ['pin_pad', { as: 'sanitised', make: zt588Sanitiser }],
  ['service_password_pad', { as: 'sanitised', make: servicePasswordSanitiser }],
  ['hall_display', { as: 'sanitised', make: displaySanitiser }],
  ['xfs4iot', { as: 'sanitised', make: xfsSanitiser }],
  ['call_pad', { as: 'bytes', because: keys }],
  ['ticket_panel', { as: 'bytes', because: keys }],
  ['rating_pad', { as: 'bytes', because: keys }],
  ['counter_display', { as: 'bytes', because: 'shows a printed number' }],
  ['ff68_pad', { as: 'bytes', because: keys }],
  ['ff68_rater', { as: 'bytes', because: keys }],
  [
    'ticket_printer',
    { as: 'bytes', because: 'a ticket has no name and no number of a card on it, by its template' },
  ],
])

/** A sanitiser for one recording, with a key of its own. */
export function sanitiserFor(type: string): Sanitiser {
  const treatment = treatments.get(type)
  if (treatment === undefined) return lengthsOnly
  return treatment.as === 'bytes' ? asItIs : treatment.make(createSynthesis())
}
