/** The far end of a call pad. */
import type { Random } from '#devices/std/random.ts'
import { below } from '../people/seeded.ts'
import { type SimKind, unheeded } from '../sim-kind.ts'
import { unitFaults, unitHands, unitOnWire, wrongUnit } from '../wrongs/unit.ts'
import { eventCodeOf, RegisterUnitModel, type UnitModelOptions } from './register-unit.ts'

export type CallPadModel = RegisterUnitModel

export function createCallPadModel(random: Random, options: UnitModelOptions): CallPadModel {
  return new RegisterUnitModel('call_pad', random, options)
}

export const sim: SimKind = {
  type: 'call_pad',
  faults: unitFaults,
  make: ({ pace, random, serial, wrong }) => {
    const model = createCallPadModel(random, { serial, pace, ...wrongUnit(wrong) })
    const keys = ['next', 'start', 'done'] as const
    const use = async () => {
      const key = keys[below(random, keys.length)]!
      return `${key} ${(await model.press(key)).outcome}`
    }
    const press = (key: string) => unheeded(model.press(eventCodeOf(key, 'next')))
    return { model: unitOnWire(model, wrong), use, hands: { press, ...unitHands(model) } }
  },
}
