/**
 * A card that lies on a reader, in memory only. Whatever prints, logs or serialises it gets `[card]`;
 * the fields come out only by asking for them by name. Text only: photo and fingerprints are not kept.
 * The newest address on the chip comes a moment after the rest, for the counter's own screen only.
 */
import type { CardText, CardWarning } from '../wire/id-card-text.ts'

export class Card {
  /** Counts the readings of this driver, so that two readings of one card can be told apart. */
  readonly reading: number
  readonly #text: CardText
  readonly #warnings: readonly CardWarning[]
  #newestAddress: string | null = null

  constructor(reading: number, content: { text: CardText; warnings: readonly CardWarning[] }) {
    this.reading = reading
    this.#text = content.text
    this.#warnings = content.warnings
  }

  /** Personal data: for the sealer and the counter's own screen. */
  get text(): CardText {
    return this.#text
  }

  noteNewestAddress(address: string): void {
    this.#newestAddress = address
  }

  /** Personal data: the text and, where the chip has one, `newest_address` (its form is assumed). */
  get shown(): Readonly<Record<string, string>> {
    const newest_address = this.#newestAddress
    return newest_address === null ? { ...this.#text } : { ...this.#text, newest_address }
  }

  get warnings(): readonly CardWarning[] {
    return this.#warnings
  }

  toJSON(): string {
    return '[card]'
  }

  toString(): string {
    return '[card]'
  }

  /** Node prints through this symbol of its registry. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[card]'
  }
}
