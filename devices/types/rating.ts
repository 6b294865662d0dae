/**
 * What all rating pads have in common: a visit is asked about, the first press within `asking_ms`
 * answers it, a press outside is nobody's, no press is no rating. Pure, and no device type itself.
 */
import type { OptionRule } from './options.ts'

/** `visit` is the one asked about, null for a press that answers no question. */
export type RatingInput = {
  type: 'rating'
  boot: string
  event: number
  visit: string | null
  /** Which key, from 1. */
  key: number
  /** 5 (best) to 1. */
  score: number
}

/**
 * How a question ended. `rated`: a press answered it. `no_rating`: nobody pressed in time, it was
 * withdrawn, or the link was lost. `replaced`: the next visit was asked about. `not_connected`: it was
 * never put.
 */
export type RatingEnd = 'rated' | 'no_rating' | 'replaced' | 'not_connected'

/** Scores by key, the first key first. */
export const keysRule: OptionRule = { kind: 'list', least: 3, most: 5, of: { least: 1, most: 5 } }
export const five_keys: readonly number[] = [5, 4, 3, 2, 1]
export const asking_ms = 20_000
