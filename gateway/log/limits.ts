/** Bounds of the hall log, in one place. */

/** Disk the log may use unless configured, in bytes. */
export const QUOTA_BYTES = 2 * 1024 ** 3
/** Share of the quota from which only records that close something are taken. */
export const QUOTA_FULL_SHARE = 0.95
/**
 * How long a record stays after a receipt covered it, in days: for look-ups in the hall, and for a
 * cloud that is put back from a backup not older than this.
 */
export const RETENTION_DAYS = 30
/** Moments remembered of how far receipts reached; spread over the retention. */
export const SETTLED_MARKS = 32
/** Records between two snapshots of the engine's state. */
export const SNAPSHOT_EVERY = 5_000
/** Bytes that a record may grow by when it is appended again and says where it stood. */
export const CARRY_BYTES = 256
/** Rows read at a time when the log is folded or checked. */
export const READ_CHUNK = 1_000
/** Records deleted in one transaction when pruning, so that appends never wait long. */
export const PRUNE_CHUNK = 2_000
/** Appends waiting for the log; beyond it, callers are refused. */
export const WAITING_MAX = 10_000
/** Records of one group commit. */
export const GROUP_MAX = 2_000
/** Alarms kept. */
export const ALARMS_MAX = 50
