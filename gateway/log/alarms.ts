/**
 * What a log found out about itself, each kept until a person has seen it, over restarts. As pure
 * lists: the log keeps them in its file. Refuses more than a few: the oldest gives way.
 */
import { ALARMS_MAX } from './limits.ts'

export type Alarms = readonly string[]

export const readAlarms = (stored: string | null): Alarms => JSON.parse(stored ?? '[]') as Alarms

/** The same one is kept once: then these are the very same alarms. */
export function withAlarm(alarms: Alarms, alarm: string): Alarms {
  return alarms.includes(alarm) ? alarms : [...alarms, alarm].slice(-ALARMS_MAX)
}

/** The very same alarms where it is not raised. */
export function withoutAlarm(alarms: Alarms, alarm: string): Alarms {
  return alarms.includes(alarm) ? alarms.filter((one) => one !== alarm) : alarms
}
