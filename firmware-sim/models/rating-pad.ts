/** The far end of a rating pad of the register map: `rate(key)`. */
import type { Random } from '#devices/std/random.ts'
import { below } from '../people/seeded.ts'
import { type SimKind, unheeded } from '../sim-kind.ts'
import { raterFaults, raterOnWire, unitHands, wrongUnit } from '../wrongs/unit.ts'
import { RegisterUnitModel, type UnitModelOptions } from './register-unit.ts'

export function createRatingPadModel(random: Random, options: UnitModelOptions): RegisterUnitModel {
  return new RegisterUnitModel('rater', random, options)
}

export const sim: SimKind = {
  type: 'rating_pad',
  faults: raterFaults,
  make: ({ pace, random, serial, wrong }) => {
    const model = createRatingPadModel(random, { serial, pace, ...wrongUnit(wrong) })
    const use = async () => {
      const key = 1 + below(random, 5)
      return `key ${key} ${(await model.rate(key)).outcome}`
    }
    const rate = (key: string) => unheeded(model.rate(/^[1-5]$/.test(key) ? Number(key) : 1))
    return { model: raterOnWire(model, wrong), use, hands: { rate, ...unitHands(model) } }
  },
}
