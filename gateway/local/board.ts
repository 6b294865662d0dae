/** The board of the hall, from what is on disk. Pure: the same view gives the same board. */
import type { Board, BoardCounter } from '#devices/contract/board.ts'
import type { CounterView, HallView } from './ports.ts'

export function boardOf(hall: HallView): Board {
  const about = hall.about()
  const day = hall.day()
  return {
    v: 1,
    hall_name: about?.hall_name ?? null,
    day: day?.day ?? null,
    open: day?.open ?? false,
    counters: hall.counters().map(counterOf),
    services: (about?.services ?? []).map(({ service, name, waiting }) => ({
      service,
      name,
      waiting,
    })),
  }
}

function counterOf({ counter, clerk, ticket }: CounterView): BoardCounter {
  if (clerk === null) return { counter, state: 'paused', number: null, times: 0 }
  const state = ticket?.state
  if (state !== 'called' && state !== 'serving') {
    return { counter, state: 'blank', number: null, times: 0 }
  }
  return { counter, state, number: ticket!.number, times: ticket!.recalls }
}
