/**
 * What must outlive the log file itself, in a small file beside it: where the log was begun, how far
 * the cloud confirmed it, and which printed numbers may be in people's hands. With it a gateway that
 * lost its log file neither repeats a number nor loses its place.
 */
import type { Position } from '#devices/contract/position.ts'
import type { PrintedNumbers } from '#devices/contract/record.ts'
import { Fault } from '#devices/std/fault.ts'
import { SlotFile } from './slot-file.ts'

export type Marks = {
  v: 1
  /** The epoch last begun here; null where the hall is taken over from a replaced gateway. */
  epoch: string | null
  /** Head of that epoch when this was written: a log that ends earlier was put back from a copy. */
  seq: number
  receipted: Position | null
  numbers: PrintedNumbers | null
}

export interface MarksFile {
  /** Null where there is none yet, or where it cannot be read: then nothing is known. */
  load(): Marks | null
  /** On disk when it returns. Faults `disk_full`, `commit_failed`. */
  save(marks: Marks): void
}

export function marksFile(file: string): MarksFile {
  const slots = new SlotFile(file)
  return {
    load() {
      try {
        return marksOf(JSON.parse(slots.read() ?? 'null'))
      } catch {
        return null
      }
    },
    save(marks) {
      try {
        slots.write(JSON.stringify(marks))
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
        const full = code === 'ENOSPC' || code === 'EDQUOT'
        throw new Fault(full ? 'disk_full' : 'commit_failed', `marks: ${code}`, { cause: error })
      }
    },
  }
}

/** Written by this file and under a sum: another version is not known. */
function marksOf(value: { v?: unknown } | null): Marks | null {
  return value?.v === 1 ? (value as Marks) : null
}
