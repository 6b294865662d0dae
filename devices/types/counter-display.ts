/**
 * Display above a counter: the number called, blank, or 暂停服务. No keys; it is polled so that a
 * display that lost its power is noticed and shows again what it should. Speaks our register map over
 * Modbus RTU.
 */
import { registerUnit } from './register-unit.ts'

export const counterDisplay = registerUnit({
  name: 'counter_display',
  class: 'counter_display',
  title: { zh: '窗口显示屏', en: 'counter display' },
  codes: [],
  asserted: ['display'],
  defaults: { poll_ms: 500, closed_poll_ms: 5000 },
})
