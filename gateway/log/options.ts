/** What a hall's log is opened with. Types only. */
import type { RecOf, Stamp } from '#devices/contract/record.ts'

/** Numbers that may be printed already. */
export type Numbers = RecOf<'epoch.begun'>['data']['numbers']

export type HallLogOptions = {
  gateway: string
  /** 32 hex digits from 128 random bits. */
  freshEpoch: () => string
  stamp: () => Stamp
  quota_bytes: number
  /** How long a record stays after a receipt covered it, ms. */
  retention_ms: number
  /** Numbers that may be printed already, from outside the log file. */
  numbers?: () => Numbers
}
