/** What a customer does who is asked about the visit: three of ten walk off without a press. */
import type { Random } from '#devices/std/random.ts'

export type RatingWish = {
  /** From 1, the best; null presses nothing. */
  key: number | null
  /** How long they look at the pad first. */
  after_s: number
  /** Presses the same key again a moment later, which answers nothing any more. */
  again: boolean
}

/** Of those who press, the share up to each of five keys, the best first. */
const UP_TO = [0.56, 0.83, 0.93, 0.97, 1] as const
const SILENT = 0.3

/** The same four draws for everybody, so that one wish changes no other. */
export function drawRating(random: Random): RatingWish {
  const [silent, which, wait, twice] = [random(), random(), random(), random()]
  return {
    key: silent < SILENT ? null : 1 + UP_TO.findIndex((share) => which < share),
    after_s: 0.4 + 1.6 * wait,
    again: twice < 0.08,
  }
}
