/** The far end of a counter display of the register map: no keys but the one for its address. */
import type { Random } from '#devices/std/random.ts'
import type { SimKind } from '../sim-kind.ts'
import { unitFaults, unitHands, unitOnWire, wrongUnit } from '../wrongs/unit.ts'
import { RegisterUnitModel, type UnitModelOptions } from './register-unit.ts'

export function createCounterDisplayModel(
  random: Random,
  options: UnitModelOptions,
): RegisterUnitModel {
  return new RegisterUnitModel('counter_display', random, options)
}

export const sim: SimKind = {
  type: 'counter_display',
  faults: unitFaults,
  make: ({ pace, random, serial, wrong }) => {
    const model = createCounterDisplayModel(random, { serial, pace, ...wrongUnit(wrong) })
    return { model: unitOnWire(model, wrong), use: null, hands: unitHands(model) }
  },
}
