/** What can be set at an ID-card reader: units and bounds, and what holds where nothing is said. */
import { type OptionRules, waiting } from './options.ts'

export type ReaderOptions = {
  /** The SAM id that belongs to this place; null takes any. */
  sam_id: string | null
  /** Rest between two looks for a card; module makers advise about 300 ms. */
  poll_ms: number
  /** The same while nobody works at its counter. */
  closed_poll_ms: number
  /**
   * A module may take its time for any answer (800 ms assumed); three of these have to stay below the
   * five seconds in which a silent reader is to be noticed.
   */
  reply_ms: number
  /** For the long reply: 1 295 bytes are 112 ms at 115 200 baud, and the module takes its time. */
  read_reply_ms: number
  most_misses: number
  /** How long a card is kept when the reader cannot say whether it still lies there. */
  hold_ms: number
  /**
   * Reads every card a second time and reports it only if both are the same, byte by byte. The eight
   * bit check of the line lets one in 256 heavily damaged replies pass, some with changed text that
   * keeps every rule; two such with the same change do not come. Costs one more request and reply of
   * 1 305 bytes, 113 ms at 115 200 baud, and the module's own time once more (800 ms assumed), for
   * each card; a module that refuses a second read then reads no card at all (`second_read_refused`).
   */
  read_twice: boolean
  /**
   * How SAM frames travel: `plain` bytes (serial lines, serial servers, bulk USB) or in the reports of
   * a Miaxis HID reader. `auto`: by the address, `miaxis_hid` at `hid:` and `plain` elsewhere.
   */
  wrapping: 'auto' | 'plain' | 'miaxis_hid'
}

export const readerDefaults: ReaderOptions = {
  sam_id: null,
  poll_ms: 300,
  closed_poll_ms: 1000,
  reply_ms: 1500,
  read_reply_ms: 2500,
  most_misses: 3,
  hold_ms: 120_000,
  read_twice: false,
  wrapping: 'auto',
}

export const readerRules: OptionRules<ReaderOptions> = {
  sam_id: {
    kind: 'text',
    pattern: /^\d{2,5}\.\d{2,5}-\d{8,10}-\d{10}-\d{10}$/,
    form: 'a SAM id as printed: 05.01-20101129-0001228293-0296863149',
  },
  poll_ms: waiting,
  closed_poll_ms: waiting,
  reply_ms: waiting,
  read_reply_ms: waiting,
  most_misses: { kind: 'whole', least: 1, most: 100 },
  hold_ms: waiting,
  read_twice: { kind: 'flag' },
  wrapping: {
    kind: 'text',
    pattern: /^(auto|plain|miaxis_hid)$/,
    form: 'auto, plain, miaxis_hid',
  },
}
