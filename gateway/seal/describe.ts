/**
 * What a record may say about a card: its type and what is odd about it, in the contract's words,
 * beside the token and the sealed text. No field of the card passes through here.
 */
import type { RecOf } from '#devices/contract/record.ts'
import type { CardKind, CardWarning } from '#devices/wire/id-card-text.ts'

type CardRecord = RecOf<'card.verified'>['data']
type CardAbout = Pick<CardRecord, 'card_type' | 'warnings'>

const types: Record<CardKind, CardRecord['card_type']> = {
  resident: 'resident',
  permit: 'hk_mo_tw',
  foreigner_2017: 'foreign_2017',
  foreigner_2023: 'foreign_2023',
}

/**
 * `valid_to` is YYYYMMDD or `长期`, `today` is YYYY-MM-DD in the hall's zone. A card whose flag is
 * unknown was read by the resident table and is named `unknown`.
 */
export function describeCard(
  card: { kind: CardKind; valid_to: string },
  warnings: readonly CardWarning[],
  today: string,
): CardAbout {
  const unknown = warnings.includes('flag_unknown')
  const about: CardRecord['warnings'] = []
  if (warnings.includes('check_digit') || warnings.includes('number_form'))
    about.push('check_digit')
  if (/^\d{8}$/.test(card.valid_to) && card.valid_to < today.replaceAll('-', '')) {
    about.push('expired')
  }
  if (unknown) about.push('unknown_type')
  return { card_type: unknown ? 'unknown' : types[card.kind], warnings: about }
}
