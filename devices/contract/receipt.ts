/**
 * A receipt: the cloud's word, after its commit, on how far it holds a hall's log. Only this, never
 * a broker's acknowledgement, lets a gateway forget a record.
 */
import { z } from 'zod'
import { SendStamp } from './batch.ts'
import { RECEIPT_REJECTED_MAX } from './limits.ts'
import { EpochId, HashHex, Seq } from './position.ts'
import { PrintedNumbers } from './record.ts'
import { text, WallMs } from './text.ts'

/** What a newer controller says beside this is not looked at. */
export const Receipt = z.object({
  v: z.literal(1),
  /** Whom it answers; others ignore it. */
  gateway: text(64),
  /** The fencing number in force. */
  fence: z.int().min(0),
  /** The database's own id, new after a restore: only then may a position go back. */
  ledger: z.string().regex(/^[0-9a-f]{32}$/),
  /** `not_owner`: another gateway owns the hall; ship nothing until an administrator confirms. */
  status: z.enum(['held', 'diverged', 'unknown_parent', 'gap', 'not_owner']),
  /** Held up to here, this record included; epoch null and seq 0 where nothing is held. */
  epoch: EpochId.nullable(),
  seq: Seq,
  hash: HashHex,
  /**
   * With `diverged`: from this number on, the epoch of the batch cannot be continued, as the cloud
   * holds other records there or has seen it end. `at` is the last record both sides hold.
   */
  diverged_at: Seq.nullable(),
  rejected: z
    .array(z.strictObject({ epoch: EpochId, seq: Seq, code: text(32) }))
    .max(RECEIPT_REJECTED_MAX),
  /**
   * Where the cloud holds what the sender lacks: the last business day it heard of and what was
   * printed in it, so that an epoch begun upon this receipt skips ahead of it. Absent otherwise, and
   * before the first day.
   */
  numbers: PrintedNumbers.optional(),
  /** The send stamp of the batch or birth this answers. */
  echo: SendStamp.nullable(),
  cloud_time_ms: WallMs,
})
export type Receipt = z.infer<typeof Receipt>
