/** Bounds that both sides of the wire hold to. Raising one is a change of the contract. */

/** A record's text in bytes of UTF-8. */
export const RECORD_BYTES_MAX = 64 * 1024
/** Records in one batch. */
export const BATCH_RECORDS_MAX = 1_000
/** A batch in bytes of UTF-8 after decompression, header and line feeds included. */
export const BATCH_BYTES_MAX = 1024 * 1024
/** A batch as it travels. Text that does not compress goes as it is, so it is never larger. */
export const BATCH_WIRE_BYTES_MAX = BATCH_BYTES_MAX
/** The first line of a batch. */
export const BATCH_HEADER_BYTES_MAX = 1_024
/** Arrays and objects inside one another, in a record or a request. */
export const NESTING_MAX = 16
/** One telemetry message in bytes. */
export const TELEMETRY_BYTES_MAX = 64 * 1024
/** A birth, a death, a report: everything that is neither batch nor telemetry. */
export const MESSAGE_BYTES_MAX = 64 * 1024
/** Rejected records named in one receipt; more are found over the API. */
export const RECEIPT_REJECTED_MAX = 100
/** Services of a hall. */
export const SERVICES_MAX = 64
/** Fen in one amount: 2^53 - 1. Sums are kept in wider types. */
export const AMOUNT_FEN_MAX = Number.MAX_SAFE_INTEGER

if (RECORD_BYTES_MAX + BATCH_HEADER_BYTES_MAX >= BATCH_BYTES_MAX) {
  throw new Error('a batch must hold at least one record of the largest size')
}
