/** Trouble made by others, logged without letting them fill the log. */
import type { Log, LogFields } from '#devices/std/log.ts'
import type { BrokerCounters } from './port.ts'

export type Count = (what: keyof BrokerCounters, fields?: LogFields) => void

/** Counts, and logs the 1st, 2nd, 4th, 8th ... of each kind, with its number. */
export function countSparsely(counters: BrokerCounters, log: Log): Count {
  return (what, fields = {}) => {
    counters[what] += 1
    const n = counters[what]
    if (Number.isInteger(Math.log2(n))) log('warn', `broker_${what}`, { n, ...fields })
  }
}
