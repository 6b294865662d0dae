/**
 * From effects to the stream of events that pages follow. Shown state may be asserted as often as
 * one likes; a call is told once for each time it was made, so that no page says it twice.
 */
import type { Effect } from '../hall/input.ts'
import { boardOf } from './board.ts'
import type { CardMemory } from './card-memory.ts'
import { sessionOf } from './counter-session.ts'
import type { EventHub } from './events.ts'
import type { CounterView, HallView } from './ports.ts'

/** To be called with the effects of synced records, and at each day's opening and closing. */
export function hallEvents(deps: {
  events: EventHub
  hall: HallView
  cards: CardMemory
}): (effects: readonly Effect[]) => void {
  const { events, hall, cards } = deps
  const lastCall = new Map<string, string>()
  const lastWaiting = new Map<string, number>()
  let lastDay = ''
  let lastBoard = ''
  cards.watch((counter, present) => events.publish({ type: 'card', counter, present }))
  return (effects) => {
    for (const effect of effects) {
      const view = effect.type === 'shown' ? hall.counter(effect.counter) : null
      if (view === null) continue
      cards.settle(view.counter, sessionOf(view))
      events.publish({ type: 'counter', counter: view })
      tellCall(view)
    }
    tellDay()
    tellWaiting()
    tellBoard()
  }

  /** Whole and last, so that whoever shows it is never behind what was told before. */
  function tellBoard(): void {
    const board = boardOf(hall)
    const text = JSON.stringify(board)
    if (text === lastBoard) return
    lastBoard = text
    events.publish({ type: 'board', board })
  }

  function tellCall({ counter, ticket }: CounterView): void {
    if (ticket?.state !== 'called') return
    const { number, recalls: times } = ticket
    const call = `${ticket.ticket} ${times}`
    if (lastCall.get(counter) === call) return
    lastCall.set(counter, call)
    events.publish({ type: 'call', counter, number, times })
  }

  function tellDay(): void {
    const day = hall.day()
    if (day === null || lastDay === `${day.day} ${day.open}`) return
    lastDay = `${day.day} ${day.open}`
    events.publish({ type: 'day', ...day })
  }

  function tellWaiting(): void {
    for (const { service, waiting } of hall.about()?.services ?? []) {
      if (lastWaiting.get(service) === waiting) continue
      lastWaiting.set(service, waiting)
      events.publish({ type: 'queue', service, waiting })
    }
  }
}
