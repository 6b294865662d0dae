/**
 * What some halls have beyond the devices of every hall: rating pads, displays of their own at a
 * counter, PIN pads, a panel on the wall. The models are handed over unplugged, with what people do
 * with them.
 */
import type { Pace } from '#devices/std/clock.ts'
import type { Random } from '#devices/std/random.ts'
import { createCounterDisplayModel } from '../models/counter-display.ts'
import { Ff68RaterModel } from '../models/ff68-rater.ts'
import { PjlinkDisplayModel } from '../models/hall-display.ts'
import type { DeviceModel } from '../models/model.ts'
import { PinPadModel } from '../models/pin-pad.ts'
import { createRatingPadModel } from '../models/rating-pad.ts'

export type MoreHardware = {
  /** A pad of this type at every counter. */
  raters?: 'rating_pad' | 'ff68_rater'
  /** Counters with a display apart from the call pad's. */
  displays?: readonly string[]
  /** Counters with a PIN pad. */
  pin_pads?: readonly string[]
  /** All call pads are units of one line. */
  pads_share_a_line?: boolean
  wall_display?: boolean
}

/** A rating pad in front of a customer. */
export type RaterInHand = {
  /** Whether the pad asks; a pad that shows nothing is always taken as asking. */
  asks(): boolean
  /** Resolves when the pad was answered. */
  rate(key: number): Promise<unknown>
}

export type MoreAtCounter = { rater: RaterInHand | null; pin_pad: PinPadModel | null }
export const nothingMore: MoreAtCounter = { rater: null, pin_pad: null }

type Parts = { pace: Pace; random: Random }
type Extra = { device: string; type: string; model: DeviceModel }

/** `number` counts from 1 and tells the devices of one hall apart. */
export function moreAt(
  parts: Parts,
  more: MoreHardware,
  { counter, number }: { counter: string; number: number },
): { devices: Extra[]; hands: Partial<MoreAtCounter> } {
  const { pace, random } = parts
  const devices: Extra[] = []
  const hands: Partial<MoreAtCounter> = {}
  if (more.raters !== undefined) {
    const [model, rater] = raterOf(parts, more.raters, number)
    devices.push({ device: 'rater', type: more.raters, model })
    hands.rater = rater
  }
  if (more.displays?.includes(counter)) {
    const model = createCounterDisplayModel(random, { serial: `DISPLAY${number}`, pace })
    devices.push({ device: 'display', type: 'counter_display', model })
  }
  if (more.pin_pads?.includes(counter)) {
    const model = new PinPadModel({ serial: String(number).padStart(4, '0') })
    devices.push({ device: 'pin', type: 'pin_pad', model })
    hands.pin_pad = model
  }
  return { devices, hands }
}

function raterOf(
  { pace, random }: Parts,
  type: NonNullable<MoreHardware['raters']>,
  number: number,
): [DeviceModel, RaterInHand] {
  if (type === 'ff68_rater') {
    const model = new Ff68RaterModel({ pace })
    return [model, { asks: () => true, rate: (key) => model.rate(key) }]
  }
  const model = createRatingPadModel(random, { serial: `RATER${number}`, pace })
  const asks = () => model.prompted.mode === 'asking'
  return [model, { asks, rate: (key) => model.rate(key) }]
}

/** A panel that is on, as somebody switched it on in the morning. */
export function wallDisplay({ pace, random }: Parts): PjlinkDisplayModel {
  const model = new PjlinkDisplayModel({ pace, random, class: 2, serial: 'BOARD-0001' })
  model.panel.switch(true)
  return model
}
