/**
 * What a hall's printed ticket says, line by line: part of the hall's rules. A line names what goes
 * into it as `{hall.zh}`; a line with a name that has nothing to say today is left out. There is no
 * name for a customer or a card, so neither can be printed.
 */
import { z } from 'zod'
import { Bilingual, text } from './text.ts'

/** `ahead`: people; `wait`: minutes as `5-10`; `counters`: those that call for the service now. */
export const paperFields = [
  'hall.zh',
  'hall.en',
  'service.zh',
  'service.en',
  'number',
  'ahead',
  'wait',
  'counters',
  'time',
  'rules.zh',
  'rules.en',
] as const
export type PaperField = (typeof paperFields)[number]

const LINES_MAX = 40

export const PaperText = z.strictObject({
  text: text(120).refine((line) => namesOf(line).every(isPaperField), {
    error: `names no field of a ticket; known: ${paperFields.join(', ')}`,
  }),
  align: z.enum(['left', 'centre', 'right']).default('centre'),
  size: z.enum(['normal', 'large']).default('normal'),
})

export const PaperLine = z.union([
  PaperText,
  z.strictObject({ print: z.enum(['qr', 'dashes', 'blank', 'reprint_mark']) }),
])
export type PaperLine = z.infer<typeof PaperLine>

export const TicketPaper = z.strictObject({
  /** Absent: the usual ticket. */
  lines: z.array(PaperLine).min(1).max(LINES_MAX).optional(),
  /** Printed below the number: what to do when it has passed, opening hours ... */
  rules: Bilingual.optional(),
})
export type TicketPaper = z.infer<typeof TicketPaper>

function namesOf(line: string): string[] {
  return [...line.matchAll(/\{([^}]*)\}/g)].map((match) => match[1] as string)
}

function isPaperField(name: string): name is PaperField {
  return (paperFields as readonly string[]).includes(name)
}
