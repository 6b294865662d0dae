/**
 * Expected trouble, in one table: a stable code, what to say, whether trying again can help, and
 * the HTTP status a caller gets. Callers match on the code, never on the text.
 * Texts never carry personal data: `detail` is for names, numbers and limits only.
 */

type Entry = { text: string; transient: boolean; http: number }

const table = {
  // a message, a file or a request that is not what it should be
  malformed: { text: 'not well-formed', transient: false, http: 400 },
  invalid: { text: 'does not pass the rules', transient: false, http: 422 },
  too_large: { text: 'over the size limit', transient: false, http: 413 },
  too_deep: { text: 'nested too deeply', transient: false, http: 400 },
  bad_text: { text: 'text holds NUL or is not valid UTF-8', transient: false, http: 400 },
  unknown_kind: {
    text: 'a kind of record this version does not know',
    transient: false,
    http: 422,
  },
  unknown_version: { text: 'a version this program does not know', transient: false, http: 422 },
  config_invalid: { text: 'the configuration has problems', transient: false, http: 422 },
  // who may do what
  unauthorised: { text: 'no valid credential', transient: false, http: 401 },
  forbidden: { text: 'this credential may not do that', transient: false, http: 403 },
  not_owner: { text: 'another gateway owns this hall', transient: false, http: 409 },
  token_spent: { text: 'this one-time token was used or has expired', transient: false, http: 409 },
  insecure: { text: 'refused without TLS outside loopback', transient: false, http: 400 },
  // the hall
  not_found: { text: 'no such thing', transient: false, http: 404 },
  day_closed: { text: 'no business day is open', transient: false, http: 409 },
  day_doubtful: {
    text: 'the clock is in doubt: a person must confirm the date',
    transient: false,
    http: 409,
  },
  numbers_exhausted: {
    text: 'the number band of this service is used up',
    transient: false,
    http: 409,
  },
  unknown_service: { text: 'no such service in this hall', transient: false, http: 404 },
  unknown_counter: { text: 'no such counter in this hall', transient: false, http: 404 },
  unknown_ticket: { text: 'no such live ticket', transient: false, http: 404 },
  not_signed_in: { text: 'nobody is signed in at this counter', transient: false, http: 409 },
  counter_busy: { text: 'this counter has a ticket open', transient: false, http: 409 },
  counter_idle: { text: 'no ticket is open at this counter', transient: false, http: 409 },
  ticket_taken: { text: 'another counter holds this ticket', transient: false, http: 409 },
  nobody_waiting: { text: 'nobody is waiting', transient: false, http: 409 },
  wrong_state: { text: 'not possible in the present state', transient: false, http: 409 },
  key_reused: {
    text: 'this idempotency key was used for another request',
    transient: false,
    http: 422,
  },
  order_unbalanced: { text: 'lines and tenders differ', transient: false, http: 422 },
  order_final: { text: 'this order is confirmed and cannot change', transient: false, http: 409 },
  hash_mismatch: { text: 'the content hash is not that of the order', transient: false, http: 409 },
  pin_missing: {
    text: 'this order needs a PIN entered for exactly its content',
    transient: false,
    http: 409,
  },
  amount_range: {
    text: 'an amount is not a whole number of fen up to 2^53-1',
    transient: false,
    http: 422,
  },
  // storage and links
  commit_failed: { text: 'the record could not be made durable', transient: true, http: 503 },
  disk_full: {
    text: 'the disk or its quota is full: new business is refused',
    transient: true,
    http: 507,
  },
  log_damaged: { text: 'the hall log is damaged', transient: false, http: 500 },
  log_locked: { text: 'another process has this hall log open', transient: false, http: 409 },
  unavailable: { text: 'not available at the moment', transient: true, http: 503 },
  too_fast: { text: 'more requests than this credential may make', transient: true, http: 429 },
  overloaded: { text: 'too much at once', transient: true, http: 503 },
  timed_out: { text: 'no answer in time', transient: true, http: 504 },
  port_in_use: {
    text: 'the port is in use or not permitted: end the program that has it, or configure another',
    transient: true,
    http: 500,
  },
  unsafe_database: {
    text: 'the database does not keep what it commits',
    transient: false,
    http: 500,
  },
  device_gone: { text: 'the device is not connected', transient: true, http: 503 },
  bus_jammed: {
    text: 'the bus is jammed by bytes nobody asked for',
    transient: true,
    http: 503,
  },
  device_refused: { text: 'the device refused the command', transient: false, http: 502 },
  unsupported: { text: 'this device or version cannot do that', transient: false, http: 501 },
} as const satisfies Record<string, Entry>

export type FaultCode = keyof typeof table

/** Expected trouble. `detail` names the thing (a path, a limit, a number), never a person. */
export class Fault extends Error {
  override name = 'Fault'
  readonly code: FaultCode
  readonly detail: string

  constructor(code: FaultCode, detail = '', options?: { cause?: unknown }) {
    super(detail === '' ? table[code].text : `${table[code].text}: ${detail}`, options)
    this.code = code
    this.detail = detail
  }

  /** Whether the same request can succeed later without being changed. */
  get transient(): boolean {
    return table[this.code].transient
  }

  get http(): number {
    return table[this.code].http
  }
}

export function isFault(value: unknown, code?: FaultCode): value is Fault {
  return value instanceof Fault && (code === undefined || value.code === code)
}

/** Every code with its entry, for the HTTP documentation and the tests. */
export const faults: Readonly<Record<FaultCode, Entry>> = table
