/**
 * Drivers of the `FF 68` call pad and rating pad. These pads cannot number their presses: the numbers
 * handed over are made up here, `boot` anew for each driver, and mean nothing beyond its run.
 */

import type { Random } from '#devices/std/random.ts'
import type { Ff68PadOptions } from '#devices/types/ff68-pad.ts'
import { type Ff68PressInput, ff68Pad } from '#devices/types/ff68-pad.ts'
import { type Ff68RaterOptions, ff68Rater } from '#devices/types/ff68-rater.ts'
import type { RatingInput } from '#devices/types/rating.ts'
import { type Ff68Key, ticketDigits } from '#devices/wire/ff68.ts'
import type { EventCode } from '#devices/wire/register-map.ts'
import { type RaterDriver, type RaterHandlers, ratingEnd } from './rater-driver.ts'
import {
  type DeviceView,
  type DriverParts,
  type PressOutcome,
  Session,
  type SessionOptions,
} from './session.ts'
import type { CallPadDriver, Press } from './unit-driver.ts'

/** A press in the words of every other call pad, with the key that was pressed. */
export type Ff68Press = Press & { key: Ff68Key }
/** A key that no other call pad has. */
export type Ff68OtherPress = Ff68PressInput & { device: string }

export type Ff68PadHandlers = {
  /** Resolve only when the press is durable: the pad is answered then. */
  onPress(press: Ff68Press): Promise<PressOutcome>
  /** `cancel`, `pause`, `transfer`, `park`, `call_back`. Refused where nobody takes them. */
  onOther?(press: Ff68OtherPress): Promise<PressOutcome>
  onState?(view: DeviceView): void
}

export interface Ff68PadDriver extends CallPadDriver {
  /** People waiting, beside the number; null leaves it dark. */
  showWaiting(waiting: number | null): void
  /** False where there is no link: a beep is not kept. */
  beep(): Promise<boolean>
}

type PadOptions = Partial<Ff68PadOptions> & { session?: Partial<SessionOptions> }
type RaterOptions = Partial<Ff68RaterOptions> & { session?: Partial<SessionOptions> }

/** `rate` ends the service, as in the fielded system; asking the customer is the rating pad's part. */
const codes: Partial<Record<Ff68Key, EventCode>> = {
  next: 'next',
  recall: 'recall',
  no_show: 'no_show',
  rate: 'done',
}

/** `wanted` is asked after each connect for what should be shown by then. */
export function createFf68Pad(
  device: string,
  parts: DriverParts,
  given: { handlers: Ff68PadHandlers; wanted?: () => string; options?: PadOptions },
): Ff68PadDriver {
  const { handlers, wanted } = given
  const { session: sessionOptions, ...options } = given.options ?? {}
  let showing = 'blank'
  let waiting: number | null = null
  const session = new Session(device, ff68Pad, parts, {
    handlers: {
      onInput: (input: Ff68PressInput) => handOver(device, input, handlers),
      ...(handlers.onState === undefined ? {} : { onState: handlers.onState }),
      onConnect: () => {
        if (wanted !== undefined) show(wanted())
      },
    },
    options: { ...options, run: drawRun(parts.random) },
    session: sessionOptions,
  })
  const show = (wish: string) => {
    showing = wish
    const ticket = showing === 'blank' || showing === 'paused' ? null : ticketDigits(showing)
    session.command({ command: 'show', shows: { waiting, ticket } }).catch(() => {})
  }
  return {
    start: () => session.start(),
    view: () => session.view(),
    attention: (open) => session.attention(open),
    show,
    showWaiting: (people) => {
      // Three digits.
      const shown = people === null ? null : Math.min(people, 999)
      if (shown === waiting) return
      waiting = shown
      show(showing)
    },
    beep: async () => (await session.command({ command: 'beep' })) === 'accepted',
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

async function handOver(
  device: string,
  input: Ff68PressInput,
  handlers: Ff68PadHandlers,
): Promise<PressOutcome> {
  const code = codes[input.key]
  if (code !== undefined) {
    return handlers.onPress({ ...input, device, code, argument: 0, text: '' })
  }
  return (await handlers.onOther?.({ ...input, device })) ?? 'refused'
}

export function createFf68Rater(
  device: string,
  parts: DriverParts,
  given: { handlers: RaterHandlers; options?: RaterOptions },
): RaterDriver {
  const { handlers } = given
  const { session: sessionOptions, ...options } = given.options ?? {}
  const session = new Session(device, ff68Rater, parts, {
    handlers: {
      onInput: (input: RatingInput) => handlers.onRating({ ...input, device }),
      ...(handlers.onState === undefined ? {} : { onState: handlers.onState }),
    },
    options: { ...options, run: drawRun(parts.random) },
    session: sessionOptions,
  })
  return {
    start: () => session.start(),
    view: () => session.view(),
    attention: (open) => session.attention(open),
    ask: async (visit) => ratingEnd(await session.command({ command: 'ask', visit })),
    idle: () => void session.command({ command: 'idle' }).catch(() => {}),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

/** Eight hex digits that name this run. */
function drawRun(random: Random): string {
  return Math.floor(random() * 0x100000000)
    .toString(16)
    .padStart(8, '0')
}
