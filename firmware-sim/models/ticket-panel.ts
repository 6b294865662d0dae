/** The far end of a ticket panel: `press('ticket', button)`. */
import type { Random } from '#devices/std/random.ts'
import { type SimKind, unheeded } from '../sim-kind.ts'
import { unitFaults, unitHands, unitOnWire, wrongUnit } from '../wrongs/unit.ts'
import { eventCodeOf, RegisterUnitModel, type UnitModelOptions } from './register-unit.ts'

export type TicketPanelModel = RegisterUnitModel

export function createTicketPanelModel(
  random: Random,
  options: UnitModelOptions,
): TicketPanelModel {
  return new RegisterUnitModel('ticket_panel', random, options)
}

export const sim: SimKind = {
  type: 'ticket_panel',
  faults: unitFaults,
  make: ({ pace, random, serial, wrong }) => {
    const model = createTicketPanelModel(random, { serial, pace, ...wrongUnit(wrong) })
    const use = async () => `ticket ${(await model.press('ticket', 1)).outcome}`
    const press = (key: string) => unheeded(model.press(eventCodeOf(key, 'ticket'), 1))
    return { model: unitOnWire(model, wrong), use, hands: { press, ...unitHands(model) } }
  },
}
