/** What a press asks of the hall. Pure; null where the unit stands nowhere or the key means nothing. */
import type { Press } from '../drivers/unit-driver.ts'
import type { Ask } from '../hall/input.ts'
import type { HallState } from '../hall/state.ts'

export function askOf(
  press: Press,
  counter: string | undefined,
  state: Readonly<HallState>,
): Ask | null {
  if (press.code === 'ticket') return ticketOf(press.argument, state)
  if (counter === undefined) return null
  switch (press.code) {
    case 'next':
      return { type: 'call.next', counter }
    case 'call':
      return { type: 'call.number', counter, number: press.text }
    case 'recall':
      return { type: 'recall', counter }
    case 'start':
      return { type: 'serve', counter }
    case 'done':
      return { type: 'done', counter }
    case 'no_show':
      return { type: 'no_show', counter }
    default:
      return null
  }
}

/** Buttons count from 1 in rows: a row for each class, in each row the services in their order. */
function ticketOf(button: number, state: Readonly<HallState>): Ask | null {
  const { services = [], classes = [] } = state.config?.rules ?? {}
  if (button < 1 || services.length === 0) return null
  const service = services[(button - 1) % services.length]?.service
  const row = classes[Math.floor((button - 1) / services.length)]?.class
  if (service === undefined || row === undefined) return null
  return { type: 'ticket.press', service, class: row }
}
