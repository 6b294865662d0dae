/**
 * From a card on a counter's reader to a record: sealed at once, then recorded, then kept in memory
 * for that counter's own screen. No field of the card goes any other way.
 */
import { type Pace, sleep } from '#devices/std/clock.ts'
import type { Log as Logger } from '#devices/std/log.ts'
import { backOff, type Random } from '#devices/std/random.ts'
import type { Card } from '#devices/types/card.ts'
import type { HallState } from '../hall/state.ts'
import type { CardMemory } from '../local/card-memory.ts'
import type { HallView } from '../local/ports.ts'
import { sessionOf } from '../local/routes-counters.ts'
import type { Desk } from '../ports.ts'
import { describeCard } from '../seal/describe.ts'
import type { Sealer } from '../seal/sealer.ts'

export type CardParts = {
  sealer: Sealer
  desk: Desk
  state: () => Readonly<HallState>
  hall: HallView
  memory: CardMemory
  pace: Pace
  random: Random
  logger: Logger
  /** Names this run of the program: readings are numbered within it. */
  boot: string
  today: () => string
}

export function cardDesk(parts: CardParts): (counter: string, card: Card, device: string) => void {
  /** Counter → the card laid last, and what is still done about it and those before. */
  const latest = new Map<string, { card: Card; done: Promise<void> }>()

  async function take(counter: string, card: Card, device: string): Promise<void> {
    const about = describeCard(card.text, card.warnings, parts.today())
    const sealed = await parts.sealer.seal(card)
    // After a restart a card that still lies there is read again: the session knows it already.
    if (parts.state().counters[counter]?.subject !== sealed.subject) {
      const source = { device, boot: parts.boot, event: card.reading }
      const ask = { type: 'card' as const, counter, card: { ...about, ...sealed } }
      const session = sessionAt(counter)
      const stillDue = () => latest.get(counter)?.card === card && sessionAt(counter) === session
      if (!(await submit(ask, source, stillDue))) return
    }
    const view = parts.hall.counter(counter)
    if (view !== null) parts.memory.put(counter, card, sessionOf(view))
  }

  function sessionAt(counter: string): string {
    const view = parts.hall.counter(counter)
    return view === null ? '' : JSON.stringify(sessionOf(view))
  }

  /** `stillDue`: a card that had to wait is of no use to the next customer, nor behind the next card. */
  async function submit(
    ask: Parameters<Desk['submit']>[0],
    source: Parameters<Desk['submit']>[1],
    stillDue: () => boolean,
  ): Promise<boolean> {
    for (const delay_ms of backOff(parts.random, 100, 2_000)) {
      const answer = await parts.desk.submit(ask, source)
      if (answer.outcome === 'recorded') return true
      if (!answer.fault.transient) {
        parts.logger('info', 'card.refused', { code: answer.fault.code })
        return false
      }
      await sleep(parts.pace, delay_ms, 'card')
      if (stillDue()) continue
      parts.logger('info', 'card.given_up', { code: answer.fault.code })
      return false
    }
    return false
  }

  return (counter, card, device) => {
    const before = latest.get(counter)?.done ?? Promise.resolve()
    // One after the other: sealing takes its time, and the card laid last is the one that is shown.
    const done = before
      .then(() => take(counter, card, device))
      .catch((error: unknown) => {
        parts.logger('error', 'card.failed', {
          reason: error instanceof Error ? error.name : 'unknown',
        })
      })
      .finally(() => {
        if (latest.get(counter)?.card === card) latest.delete(counter)
      })
    latest.set(counter, { card, done })
  }
}
