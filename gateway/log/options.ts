/** What a hall's log is opened with, and what an epoch is begun with. Types only. */
import type { Position } from '#devices/contract/position.ts'
import type { PrintedNumbers, RecOf, Stamp } from '#devices/contract/record.ts'

export type HallLogOptions = {
  gateway: string
  /** 32 hex digits from 128 random bits. */
  freshEpoch: () => string
  stamp: () => Stamp
  quota_bytes: number
  /** How long a record stays after a receipt covered it, ms. */
  retention_ms: number
  /** Numbers that may be printed already, from outside the log file. */
  numbers?: () => PrintedNumbers | null
}

export type BeginReason = RecOf<'epoch.begun'>['data']['reason']
export type Gap = RecOf<'gap'>['data']

/** A record that is appended again: its text and where it stood. */
export type Carried = { text: string; wall_ms: number; was: Position }

export type Begin = {
  reason: BeginReason
  parent: Position | null
  continues: boolean
  /** Known to be printed, beside what the marks say. */
  numbers?: PrintedNumbers | null
  gap?: Gap | null
  carry?: readonly Carried[]
  /** Nothing of the old path stays: `parent` is the cloud's, not mine. */
  afresh?: boolean
  /** The engine's state in front of this epoch, where the place it was taken at is lost. */
  state?: string | null
}
