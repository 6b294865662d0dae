/** Bounds of the hall engine, all of them here. Past one of them new business is refused. */

/** Tickets issued in one business day; then `overloaded`. */
export const TICKETS_PER_DAY_MAX = 20_000
/** Tickets waiting at one time: closing the day writes one record for each of them at once. */
export const WAITING_MAX = 2_000
/** Orders entered in one business day; then `overloaded`. */
export const ORDERS_PER_DAY_MAX = 20_000
/** Callers' keys in one generation. Two are kept: the present and the one before. */
export const KEYS_PER_GENERATION_MAX = 20_000
/** Devices whose recent events are remembered; the one unheard for longest goes first. */
export const DEVICES_MAX = 1_024
/** Devices bound to their places; then `overloaded`. */
export const BOUND_DEVICES_MAX = 1_024
/** Runs of one device that are remembered, newest first. */
export const BOOTS_PER_DEVICE_MAX = 4
/**
 * Events of one run that are remembered. An event this far behind the highest one is refused, as
 * nobody can say any more whether it was recorded.
 */
export const EVENTS_PER_BOOT_MAX = 64
/** Runs of the gateway's clock whose place on the hall's time line is remembered. */
export const CLOCK_BOOTS_MAX = 8
/** Numbers left out of every band where records may be lost. */
export const NUMBERS_SKIPPED = 50
/** Inputs without an answer at one time; then `overloaded`. */
export const SUBMITS_WAITING_MAX = 4_096
/** Records handed to the log in one append; one decision may be more by itself. */
export const APPEND_RECORDS_MAX = 1_000

/** Tickets and orders whose last record's place is remembered. */
export const PLACES_MAX = 20_000
