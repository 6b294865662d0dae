/**
 * What every rating pad's driver can, and the driver of those of our register map. The visit a press
 * belongs to comes with it; what nobody was asked about comes with null, and is kept as nobody's.
 */
import type { Random } from '#devices/std/random.ts'
import type { RatingEnd, RatingInput } from '#devices/types/rating.ts'
import { type RatingPadOptions, ratingPad } from '#devices/types/rating-pad.ts'
import {
  type DeviceView,
  type DriverParts,
  type PressOutcome,
  Session,
  type SessionOptions,
} from './session.ts'
import { addressGiven, type UnitDriver } from './unit-driver.ts'

/** The same (device, boot, event) is the same press. */
export type Rating = RatingInput & { device: string }

export type RaterHandlers = {
  /** Resolve only when the rating is durable: the pad is told then. */
  onRating(rating: Rating): Promise<PressOutcome>
  onState?(view: DeviceView): void
}

export interface RaterDriver extends UnitDriver {
  /** Asks about a visit; resolves with how the question ended. Rejects when the driver is closed. */
  ask(visit: string): Promise<RatingEnd>
  /** Withdraws an open question. */
  idle(): void
}

export type RatingPadDriverOptions = Partial<RatingPadOptions> & {
  session?: Partial<SessionOptions>
}

export function createRatingPad(
  device: string,
  parts: DriverParts,
  given: { handlers: RaterHandlers; options?: RatingPadDriverOptions },
): RaterDriver {
  const { handlers } = given
  const { session: sessionOptions, ...options } = given.options ?? {}
  const session = new Session(device, ratingPad, parts, {
    handlers: {
      onInput: (input: RatingInput) => handlers.onRating({ ...input, device }),
      ...(handlers.onState === undefined ? {} : { onState: handlers.onState }),
    },
    options,
    session: sessionOptions,
  })
  return {
    start: () => session.start(),
    view: () => session.view(),
    attention: (open) => session.attention(open),
    ask: async (visit) => {
      const request = drawRequest(parts.random)
      return ratingEnd(await session.command({ command: 'ask', visit, request }))
    },
    idle: () => void session.command({ command: 'idle' }).catch(() => {}),
    setAddress: async () => addressGiven(await session.command({ command: 'set_address' })),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

const ends: readonly RatingEnd[] = ['rated', 'no_rating', 'replaced', 'not_connected']

export function ratingEnd(result: string): RatingEnd {
  return ends.find((end) => end === result) ?? 'no_rating'
}

/** Eight characters: no request of a run before is known again by chance. */
function drawRequest(random: Random): string {
  return Math.floor(random() * 36 ** 8)
    .toString(36)
    .padStart(8, '0')
}
