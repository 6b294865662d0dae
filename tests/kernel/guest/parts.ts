/** What the gateway gives a driver, here as there. */
import type { Log } from '#devices/std/log.ts'
import type { DriverParts } from '../../../gateway/drivers/session.ts'
import { realPace } from '../../../gateway/pace.ts'
import { sharedParts, transportFor } from '../../../gateway/transports/open.ts'
import { note } from './report.ts'

export const pace = realPace

/** What a transport complains of is on the host's screen. */
const log: Log = (level, event, fields) => {
  if (level === 'error' || level === 'warn') note(`${event} ${JSON.stringify(fields)}`)
}
export const shared = sharedParts({ pace, log })

export function transportAt(at: string) {
  return transportFor(at, { pace, log, shared })
}

export function partsAt(at: string): DriverParts {
  return { transport: transportAt(at), pace, random: Math.random, log, wall_ms: Date.now }
}

/** Quick to come back, and no time-out that a slow machine could run into. */
export const session = { first_retry_ms: 20, most_retry_ms: 100 }
export const patient_ms = 120_000
