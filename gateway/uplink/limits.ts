/** Bounds of shipping, in one place. */

/** How long a receipt may take before the batch is sent again; jittered, doubled up to the most. */
export const RECEIPT_WAIT_MS = 5_000
export const RECEIPT_WAIT_MOST_MS = 60_000
/** After `not_owner`: how long until the gateway asks again. */
export const NOT_OWNER_RETRY_MS = 60_000
/** Rewinds in a row without anything newly settled before shipping slows down. */
export const REWINDS_MAX = 8
/** Batches above this many bytes travel compressed. */
export const GZIP_FROM_BYTES = 2_048
