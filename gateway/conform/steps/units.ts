/** The units of the register map: its steps, each class with its keys. */
import { registerUnitKind } from './register-unit.ts'

export const callPadKind = registerUnitKind({
  type: 'call_pad',
  class: 1,
  key: {
    hand: 'press',
    argument: 'next',
    prompt: { zh: '请按“下一位”键', en: 'press the key for the next ticket' },
  },
  display: true,
  rates: false,
})

export const ticketPanelKind = registerUnitKind({
  type: 'ticket_panel',
  class: 2,
  key: {
    hand: 'press',
    argument: 'ticket',
    prompt: { zh: '请按第一个取号键', en: 'press the first ticket button' },
  },
  display: false,
  rates: false,
})

export const ratingPadKind = registerUnitKind({
  type: 'rating_pad',
  class: 3,
  key: {
    hand: 'rate',
    argument: '1',
    prompt: { zh: '请按第一个评价键', en: 'press the first rating key' },
  },
  display: false,
  rates: true,
})

export const counterDisplayKind = registerUnitKind({
  type: 'counter_display',
  class: 4,
  key: null,
  display: true,
  rates: false,
})
