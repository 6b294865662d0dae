/**
 * What screens of a hall show, as contract: one snapshot of the whole board and one event for each
 * call. Numbers and counters only: no name, no card number and no id by which a ticket could be
 * acted upon is ever in either, so both may be retained and shown to everybody.
 */
import { z } from 'zod'
import { Bilingual, Day, Name, text } from './text.ts'

/** `blank`: a clerk is there and nobody is called. `paused` (暂停服务): nobody is signed in. */
export const BoardState = z.enum(['called', 'serving', 'blank', 'paused'])

const BoardCounter = z
  .strictObject({
    counter: Name,
    state: BoardState,
    /** As printed; null where the state is `blank` or `paused`. */
    number: text(12).nullable(),
    /** How often the number was called again. */
    times: z.int().min(0),
  })
  .refine(
    ({ state, number }) => (number !== null) === (state === 'called' || state === 'serving'),
    {
      error: 'a number belongs to called and serving, and to nothing else',
    },
  )
export type BoardCounter = z.infer<typeof BoardCounter>

const BoardService = z.strictObject({
  service: Name,
  name: Bilingual,
  /** People who wait for it. */
  waiting: z.int().min(0),
})

/** The whole board. Each one replaces the one before; nothing in it is to be said aloud. */
export const Board = z.strictObject({
  v: z.literal(1),
  /** Null before the first configuration. */
  hall_name: Bilingual.nullable(),
  /** The business day; null before the first. */
  day: Day.nullable(),
  open: z.boolean(),
  counters: z.array(BoardCounter).max(1_024),
  services: z.array(BoardService).max(64),
})
export type Board = z.infer<typeof Board>

/** A number is called, or called again: for voices and for what flashes. Said once for each. */
export const CallEvent = z.strictObject({
  type: z.literal('call'),
  counter: Name,
  number: text(12).min(1),
  /** 0 for the first call of the number to this counter. */
  times: z.int().min(0),
})
export type CallEvent = z.infer<typeof CallEvent>
