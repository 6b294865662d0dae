/** The few kinds of text and number that records are made of, with their bounds. */
import { z } from 'zod'
import { AMOUNT_FEN_MAX } from './limits.ts'

/** Text of at most `most` UTF-16 units: no NUL, no lone surrogate, as databases refuse both. */
export function text(most: number) {
  return z
    .string()
    .max(most)
    .refine((s) => !s.includes('\u0000') && s.isWellFormed(), { error: 'bad_text' })
}

/** Names that appear in topics, accounts and file names. */
export const Name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)

/** What a hall is called in topics and accounts; also its MQTT user name. */
export const HallId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,47}$/)

/** Ids made at the edge from 64 random bits: tickets. */
export const FreshId = z.string().regex(/^[0-9a-f]{16}$/)

/** Ids that a caller brings: orders and idempotency keys. */
export const CallerId = z.string().regex(/^[\x21-\x7e]{1,128}$/)

/** A whole number of fen, 0 or more. */
export const Fen = z.int().min(0).max(AMOUNT_FEN_MAX)

/** Milliseconds since 1970 UTC. Any whole number: a strange time marks a record, never refuses it. */
export const WallMs = z.int()

/** A calendar date of the hall's zone, YYYY-MM-DD. */
export const Day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/)

/** What customers and staff read, in both languages. */
export const Bilingual = z.strictObject({ zh: text(60), en: text(120) })
export type Bilingual = z.infer<typeof Bilingual>
