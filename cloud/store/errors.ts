/**
 * Two kinds of trouble of a store, told apart so that ingest knows whom to blame.
 *
 * - the database is away, full, shutting down or too busy: {@link Fault} `unavailable`; the same
 *   transaction may be tried again as it is, and no record is to blame;
 * - anything else was caused by what was to be written: the batch is tried again hall by hall, then
 *   record by record, and the one that fails is kept and marked rejected.
 */
import { isFault } from '#devices/std/fault.ts'

/** Whether the store was not there: try again later, blame no record. */
export function isConnectionLoss(error: unknown): boolean {
  return isFault(error, 'unavailable')
}
