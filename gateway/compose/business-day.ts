/**
 * Opens the business day by itself in the morning of the hall's zone, and at once where a hall has
 * never had one. Whoever works with stepped time opens days by hand.
 */
import type { Pace } from '#devices/std/clock.ts'
import type { Log as Logger } from '#devices/std/log.ts'
import type { HallState } from '../hall/state.ts'
import type { Desk } from '../ports.ts'

/** Hour of the hall's zone from which a new day is opened. Before it, yesterday goes on. */
const OPENING_HOUR = 5
const LOOK_EVERY_MS = 30_000

export type DayParts = {
  desk: Desk
  state: () => Readonly<HallState>
  wall_ms: () => number
  pace: Pace
  logger: Logger
}

export function keepBusinessDay(parts: DayParts): { stop(): void } {
  let cancel = () => {}
  let stopped = false

  async function look(): Promise<void> {
    const { state } = parts
    const { config, day } = state()
    if (config === null) return
    const now = Temporal.Instant.fromEpochMilliseconds(parts.wall_ms()).toZonedDateTimeISO(
      config.rules.zone,
    )
    const today = now.toPlainDate().toString()
    const due = day === null || (day.day < today && now.hour >= OPENING_HOUR)
    if (!due) return
    const answer = await parts.desk.submit({ type: 'day.open', day: today, confirmed_by: null })
    const fields = { day: today, outcome: answer.outcome }
    const code = answer.outcome === 'refused' ? answer.fault.code : null
    parts.logger(code === null ? 'info' : 'warn', 'day.open', { ...fields, code })
  }

  function schedule(ms: number): void {
    cancel = parts.pace.after(ms, 'business day', () => {
      void look().finally(() => {
        if (!stopped) schedule(LOOK_EVERY_MS)
      })
    })
  }

  schedule(0)
  return {
    stop() {
      stopped = true
      cancel()
    },
  }
}
