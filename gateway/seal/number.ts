/** A card's number as a key: the same person gets the same token, however the number was read. */

/** The number as both ends compare it: full-width forms folded, no spaces, capital letters. */
export function normaliseNumber(number: string): string {
  return number.normalize('NFKC').replace(/\s+/gu, '').toUpperCase()
}
