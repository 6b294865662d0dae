/**
 * Panel with a button for each service: its press asks for a ticket, the argument is the button.
 * Speaks our register map over Modbus RTU; the ticket comes out of a ticket printer.
 */
import { registerUnit } from './register-unit.ts'

export const ticketPanel = registerUnit({
  name: 'ticket_panel',
  class: 'ticket_panel',
  title: { zh: '取号面板', en: 'ticket panel' },
  codes: ['ticket'],
  asserted: [],
})
