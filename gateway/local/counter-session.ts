/** Whose session runs at a counter, read from its view. */
import type { CounterSession } from './card-memory.ts'
import type { CounterView } from './ports.ts'

export function sessionOf(view: CounterView): CounterSession {
  return { clerk: view.clerk, ticket: view.ticket?.ticket ?? null }
}
