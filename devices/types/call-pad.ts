/**
 * Call pad at a counter: keys for the clerk, a display for the number called, a lamp for the outcome.
 * Speaks our register map over Modbus RTU.
 */
import { registerUnit } from './register-unit.ts'

export const callPad = registerUnit({
  name: 'call_pad',
  class: 'call_pad',
  title: { zh: '呼叫器', en: 'call pad' },
  codes: ['next', 'recall', 'start', 'done', 'no_show', 'call'],
  asserted: ['display'],
})
