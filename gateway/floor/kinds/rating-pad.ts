/**
 * Rating pads: the customer is asked about one visit, by the question's own id, and every press goes to
 * the hall with the question it answers. A question is put to the pad once; after a reconnect the pad
 * is idle and stays so.
 */
import { createFf68Rater } from '../../drivers/ff68-driver.ts'
import {
  createRatingPad,
  type RaterDriver,
  type RaterHandlers,
} from '../../drivers/rater-driver.ts'
import type { DriverParts } from '../../drivers/session.ts'
import type { Kind, Placed, PlaceParts } from '../placed.ts'

const five_keys = 5

export const ratingPadKind: Kind = (parts) => raterWith(createRatingPad, parts)

export const ff68RaterKind: Kind = (parts) => raterWith(createFf68Rater, parts)

type CreateRater = (
  device: string,
  parts: DriverParts,
  given: { handlers: RaterHandlers; options: object },
) => RaterDriver

function raterWith(create: CreateRater, { config, driver, hall }: PlaceParts): Placed {
  const options = config.options as { keys?: readonly number[] }
  const keys = options.keys?.length ?? five_keys
  const rater = create(config.device, driver, {
    handlers: {
      onRating: ({ device, boot, event, visit, key, score }) =>
        hall.rating({ device, boot, event, key, score, keys, request: visit }),
      onState: hall.changed,
    },
    options,
  })
  let asked: string | null = null
  return {
    start: () => rater.start(),
    view: () => rater.view(),
    ...(rater.setAddress === undefined ? {} : { setAddress: rater.setAddress }),
    attend: (open) => rater.attention(open),
    askRating: (request) => {
      if (request === asked) return
      asked = request
      if (request === null) rater.idle()
      else rater.ask(request).catch(() => {})
    },
    [Symbol.asyncDispose]: () => rater[Symbol.asyncDispose](),
  }
}
