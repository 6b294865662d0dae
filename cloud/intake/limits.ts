/** Bounds of intake, in one place. */

/** Bytes of undecided messages held in memory; beyond it messages are dropped without a receipt. */
export const QUEUE_BYTES_MAX = 64 * 1024 * 1024
/** What a message takes beside its bytes: many empty ones are a full queue too. */
export const MESSAGE_COST_BYTES = 512
/**
 * Undecided messages of one hall. A gateway has one batch and one birth under way, and sends them
 * again when no receipt comes; more of them would only stand in the way of other halls.
 */
export const QUEUE_HALL_MESSAGES_MAX = 8
/**
 * Bytes of a segment, unless one record alone has more: with its other columns it lies in one page
 * of the database. Larger values are cut into many small pieces there, each with a row and an index
 * entry of its own, which costs more than all of the rest of a record.
 */
export const SEGMENT_BYTES_MAX = 7_500
/** Segments of a hall that a commit keeps in memory to compare hashes with. */
export const SEGMENTS_KEPT_MAX = 8
/** Micro-batches under way at a time: one is folded here while the database writes the other. */
export const LANES = 2
/**
 * Messages of one micro-batch. Few enough that a burst of full batches keeps both lanes at work and
 * little in memory, enough that small batches share a commit.
 */
export const MICRO_BATCH_MESSAGES_MAX = 64
/** Bytes of one micro-batch, as received: a few full batches. */
export const MICRO_BATCH_BYTES_MAX = 1024 * 1024
/** How long to wait before trying again when the database is away. */
export const STORE_RETRY_MS = 500
export const STORE_RETRY_MOST_MS = 10_000
