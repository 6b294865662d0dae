/** What the API answers about ratings and about the devices of a hall that are bound to places. */
import { z } from '@hono/zod-openapi'

const Count = z.int().min(0)

export const RatingFigures = z.object({
  /** Questions put to customers, and those that were answered in time. */
  asked: Count,
  answered: Count,
  /** Mean score of the answers, 1 to 5 and 5 the best; null where nobody answered. */
  average: z.number().nullable(),
  /** Answers by score, from 1 to 5. */
  scores: z.array(Count).length(5),
  /** Presses that answer no question. They are in no figure but this one. */
  unattributed: Count,
})
export type RatingFigures = z.infer<typeof RatingFigures>

const Named = RatingFigures.extend({ name: z.string() })

/** No press is no rating: who was asked and pressed nothing lowers no average. */
export const RatingsView = z.object({
  hall: z.string(),
  /** The business day the figures are of; null: of all days. */
  day: z.string().nullable(),
  total: RatingFigures,
  counters: z.array(Named),
  clerks: z.array(Named),
  services: z.array(Named),
})
export type RatingsView = z.infer<typeof RatingsView>

export const BindingView = z.object({
  device: z.string(),
  type: z.string(),
  /** What the device says it is: SAM id or serial number. */
  identity: z.string(),
  place: z.string(),
  counter: z.string().nullable(),
  by: z.string(),
  since_ms: z.int(),
  /** How often another device took its place. */
  replacements: Count,
})
export type BindingView = z.infer<typeof BindingView>
