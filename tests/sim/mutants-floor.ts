/** Mistakes about ratings and PINs, to be planted like those of {@link ./mutants-table.ts}. */
import type { Mutant } from './mutants-table.ts'

const RATINGS = 'gateway/hall/ratings.ts'
const ORDERS = 'gateway/hall/orders.ts'
const PINS = 'gateway/hall/pins.ts'
const PIN_DESK = 'gateway/compose/pin-desk.ts'

export const floor: readonly Mutant[] = [
  {
    name: 'a rating counts however late it comes',
    edits: [
      {
        ...{ file: RATINGS, find: 'leftOf(state, asking, at) > 0 ? asking : null' },
        replace: 'asking',
      },
    ],
  },
  {
    name: 'a second press counts too',
    edits: [{ file: RATINGS, find: 'asking.rated = true', replace: 'asking.rated = false' }],
  },
  {
    name: 'a press answers whatever was asked last',
    edits: [
      {
        ...{ file: RATINGS, find: 'request === open.request ? open : null' },
        replace: 'true ? open : null',
      },
    ],
  },
  {
    name: 'a PIN stays good for other content',
    edits: [
      {
        ...{ file: PINS, find: '  if (pin.content_hash !== content_hash) return null\n' },
        replace: '',
      },
      { file: ORDERS, find: '    pin: null,\n', replace: '    pin: known?.pin ?? null,\n' },
    ],
  },
  {
    name: 'confirmed without the PIN it needs',
    edits: [
      {
        ...{ file: ORDERS, find: 'if (wanted && pin === null)' },
        replace: 'if (false as boolean)',
      },
    ],
  },
  {
    name: 'a PIN is told before its outcome is on disk',
    edits: [
      {
        ...{ file: PIN_DESK, find: 'const fault = await record({' },
        replace: 'const fault = null as Fault | null; void record({',
      },
    ],
  },
  {
    name: 'an account number in a record',
    edits: [{ file: PIN_DESK, find: 'pad: by.pad,', replace: 'pad: wanted.account,' }],
  },
  {
    name: 'the controller counts a second answer',
    edits: [
      {
        file: 'cloud/ratings/ratings.ts',
        find: 'record.data.attributed && (ask?.rated_place ?? null) === null',
        replace: 'record.data.attributed',
      },
    ],
  },
]
