/**
 * A record: one business fact of one hall, as one line of JSON.
 *
 * The text itself is the fact. It is written once on the gateway, hashed into the hall's chain,
 * carried and stored byte for byte; nobody prints it again. Its place in the log (epoch and number)
 * is not in the text, so a record can be appended again in a later epoch, then carrying `was`.
 *
 * {@link parseRecord} never throws: what cannot be understood is a value with a code, since the
 * cloud keeps such a record too and says why no projection could use it.
 */
import { z } from 'zod'
import type { FaultCode } from '../std/fault.ts'
import { tooDeep } from '../std/json.ts'
import { HallRules } from './hall-rules.ts'
import { NESTING_MAX, RECORD_BYTES_MAX, SERVICES_MAX } from './limits.ts'
import { EpochId, Position, Seq } from './position.ts'
import { quickCheck } from './quick-check.ts'
import { CallerId, Day, Fen, FreshId, Name, text, WallMs } from './text.ts'

export { printRecord, reprintRecord } from './record-text.ts'

/** When it happened. Intervals within one boot come from `mono_ms`, otherwise from `wall_ms`. */
export const Stamp = z.strictObject({
  wall_ms: WallMs,
  /** Names one run of the monotonic clock. */
  boot: z.string().regex(/^[0-9a-f]{8,32}$/),
  mono_ms: z.int().min(0),
  /** Cloud time minus wall time when last measured; null before the first receipt of this boot. */
  skew_ms: z.int().nullable(),
  skew_error_ms: z.int().min(0).nullable(),
})
export type Stamp = z.infer<typeof Stamp>

/** What the input that led here was numbered as: by a device, or by a caller's idempotency key. */
export const Source = z.union([
  z.strictObject({ device: Name, boot: z.string().max(32), event: z.int().min(0) }),
  z.strictObject({ caller: Name, key: CallerId }),
])
export type Source = z.infer<typeof Source>

/** `printed` proved by the printer; `likely` its state was good before and after; else as named. */
export const Delivery = z.enum(['printed', 'likely', 'failed', 'unknown'])
export type Delivery = z.infer<typeof Delivery>

const Counter = Name
const Clerk = Name
const Ticket = FreshId

export const OrderLine = z.strictObject({ item: Name, amount_fen: Fen })
export const OrderTender = z.strictObject({ tender: Name, amount_fen: Fen })
export type OrderLine = z.infer<typeof OrderLine>
export type OrderTender = z.infer<typeof OrderTender>

/** SHA-256 of the order's content in canonical form: what the customer confirmed. */
export const ContentHash = z.string().regex(/^[0-9a-f]{64}$/)

/**
 * What one order was confirmed by, all three for the same content: the screen on which the customer
 * saw it and agreed, and the pad on which a PIN was entered for it. Never a PIN and never a block.
 */
export const PinBinding = z.strictObject({
  /** The prompt: `pin.asked` and `pin.ended` carry it too. */
  request: FreshId,
  /** What was shown on the screen and what the PIN was entered for. */
  content_hash: ContentHash,
  screen: Name,
  device: Name,
  /** Serial number that the pad gives of itself, and which of its keys made the block. */
  pad: text(64).nullable(),
  key: text(32).nullable(),
})
export type PinBinding = z.infer<typeof PinBinding>

/** How a prompt ended. `failed`: the pad could not; `unknown`: nobody can say, as after a restart. */
export const PinOutcome = z.enum(['entered', 'cancelled', 'timed_out', 'failed', 'unknown'])
export type PinOutcome = z.infer<typeof PinOutcome>

/** 5 is the best, whatever the number of keys; 3 to 5 keys share the scale. */
const Score = z.int().min(1).max(5)
const Keys = z.int().min(3).max(5)
/** What a device says it is: a SAM id or a serial number. It does not change with the place. */
const Identity = text(128)

/** Up to where numbers of a business day may be in people's hands, without their prefix. */
export const PrintedNumbers = z.strictObject({
  day: Day,
  used: z.array(z.strictObject({ service: Name, to: z.int().min(0) })).max(SERVICES_MAX),
})
export type PrintedNumbers = z.infer<typeof PrintedNumbers>

/** Every kind of record with the shape of its data. A new kind is a line here and a fold. */
export const kinds = {
  /** First record of every epoch. `continues`: the state of the parent is whole behind it. */
  'epoch.begun': z.strictObject({
    epoch: EpochId,
    number: z.int().min(1),
    reason: z.enum(['first', 'damaged', 'missing', 'restored', 'diverged', 'replaced', 'pruned']),
    gateway: text(64),
    parent: Position.nullable(),
    continues: z.boolean(),
    /** Numbers known to be printed although their records may be lost: begin behind them. */
    numbers: PrintedNumbers.nullable(),
  }),
  /** Records `from` to `to` of an epoch are lost here; `to` null: it is not known how many. */
  gap: z.strictObject({
    epoch: EpochId,
    from: Seq,
    to: Seq.nullable(),
    reason: z.enum(['damaged', 'pruned', 'missing']),
  }),
  /** The rules in force from here on. */
  'config.applied': z.strictObject({ version: z.int().min(0), rules: HallRules }),
  'day.opened': z.strictObject({ day: Day, confirmed_by: Clerk.nullable() }),
  'day.closed': z.strictObject({ day: Day }),
  /** A ticket is live from here. `number` is for people, unique in the day; `ticket` is the id. */
  'ticket.issued': z.strictObject({
    ticket: Ticket,
    day: Day,
    number: text(12),
    service: Name,
    class: Name,
    ahead: z.int().min(0),
  }),
  'ticket.delivered': z.strictObject({
    ticket: Ticket,
    attempt: z.int().min(1),
    outcome: Delivery,
    reprint: z.boolean(),
  }),
  'ticket.called': z.strictObject({
    ticket: Ticket,
    counter: Counter,
    clerk: Clerk,
    how: z.enum(['next', 'number']),
  }),
  'ticket.recalled': z.strictObject({ ticket: Ticket, counter: Counter, times: z.int().min(1) }),
  'ticket.serving': z.strictObject({ ticket: Ticket, counter: Counter }),
  'ticket.done': z.strictObject({ ticket: Ticket, counter: Counter }),
  /** Called, nobody came. `undelivered`: its paper is of unknown delivery, so left out of figures. */
  'ticket.no_show': z.strictObject({ ticket: Ticket, counter: Counter, undelivered: z.boolean() }),
  /** Gave up while waiting, or the day closed over it. `undelivered` as above. */
  'ticket.left': z.strictObject({
    ticket: Ticket,
    reason: z.enum(['gave_up', 'day_closed']),
    undelivered: z.boolean(),
  }),
  'ticket.voided': z.strictObject({ ticket: Ticket, by: Name, reason: text(120) }),
  'counter.signed_in': z.strictObject({
    counter: Counter,
    clerk: Clerk,
    /** Services this counter calls from; empty means all. */
    services: z.array(Name).max(64),
  }),
  'counter.signed_out': z.strictObject({ counter: Counter, clerk: Clerk }),
  /** An ID card read at a counter. The engine and the log know the token and the sealed card only. */
  'card.verified': z.strictObject({
    counter: Counter,
    ticket: Ticket.nullable(),
    card_type: z.enum(['resident', 'hk_mo_tw', 'foreign_2017', 'foreign_2023', 'unknown']),
    /** HMAC of the card number under the hall's key, hex. */
    subject: z.string().regex(/^[0-9a-f]{64}$/),
    /** The card as a compact JWE to the controller's public key. */
    sealed: z
      .string()
      .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){4}$/)
      .max(16_384),
    warnings: z.array(z.enum(['check_digit', 'expired', 'unknown_type'])).max(8),
  }),
  'order.entered': z.strictObject({
    order: CallerId,
    counter: Counter,
    clerk: Clerk,
    ticket: Ticket.nullable(),
    subject: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .nullable(),
    lines: z.array(OrderLine).min(1).max(50),
    tenders: z.array(OrderTender).min(1).max(10),
    content_hash: ContentHash,
    /** It can only be confirmed with a PIN entered for exactly this content. */
    pin: z.literal('required').optional(),
  }),
  /**
   * The customer confirmed exactly this content. The ledger books the order here. Where a PIN was
   * asked for, `pin` binds content, screen and pad in this one record.
   */
  'order.confirmed': z.strictObject({
    order: CallerId,
    content_hash: ContentHash,
    pin: PinBinding.optional(),
  }),
  /** What the business system made of it; `failed` after a confirmation books the reverse. */
  'order.result': z.strictObject({
    order: CallerId,
    result: z.enum(['done', 'failed']),
    code: text(64),
  }),
  /** The customer agreed on `screen` to what it showed, and is asked for a PIN at the counter. */
  'pin.asked': z.strictObject({
    request: FreshId,
    order: CallerId,
    counter: Counter,
    content_hash: ContentHash,
    screen: Name,
  }),
  /** How that ended. `device` null: no pad was there to ask. */
  'pin.ended': z.strictObject({
    request: FreshId,
    order: CallerId,
    counter: Counter,
    content_hash: ContentHash,
    outcome: PinOutcome,
    device: Name.nullable(),
    pad: text(64).nullable(),
    key: text(32).nullable(),
  }),
  'kiosk.visited': z.strictObject({ kiosk: Name, purpose: text(64) }),
  /** A customer is asked to rate a visit. No press is no rating: nothing records that none came. */
  'rating.asked': z.strictObject({
    request: FreshId,
    day: Day.nullable(),
    counter: Counter,
    clerk: Clerk.nullable(),
    ticket: Ticket,
    service: Name,
    keys: Keys,
  }),
  /**
   * A rating key was pressed. `attributed`: first and in time, so it belongs to the visit that was
   * asked about; otherwise nobody's, kept with what it answered, if anything.
   */
  'rating.given': z.strictObject({
    request: FreshId.nullable(),
    day: Day.nullable(),
    counter: Counter,
    clerk: Clerk.nullable(),
    ticket: Ticket.nullable(),
    service: Name.nullable(),
    /** The key as the device numbers it, the score it stands for, and how many keys there are. */
    key: z.int().min(0).max(255),
    score: Score,
    keys: Keys,
    attributed: z.boolean(),
  }),
  /** From here on this device, by what it says it is, belongs at this place. */
  'device.bound': z.strictObject({
    device: Name,
    type: Name,
    identity: Identity,
    /** Where it is plugged in, as the configuration writes it. */
    place: text(200),
    counter: Counter.nullable(),
    by: Name,
  }),
  /** Another one of its kind took a bound device's place. */
  'device.replaced': z.strictObject({
    device: Name,
    old_identity: Identity,
    new_identity: Identity,
    by: Name,
  }),
} as const

export type Kind = keyof typeof kinds
type Shapes = { [K in Kind]: z.infer<(typeof kinds)[K]> }

/** What the engine decides: a record that has no time and no place yet. */
export type Draft = { [K in Kind]: { kind: K; data: Shapes[K]; source?: Source } }[Kind]
/** A record as its text says. */
export type Rec = { [K in Kind]: RecOf<K> }[Kind]
export type RecOf<K extends Kind> = {
  v: 1
  kind: K
  at: Stamp
  source?: Source | undefined
  was?: Position | undefined
  data: Shapes[K]
}

const Envelope = z.strictObject({
  v: z.int(),
  kind: z.string().max(64),
  at: Stamp,
  source: Source.optional(),
  was: Position.optional(),
  data: z.looseObject({}),
})

/** Why a record's text cannot be used. It is kept all the same. */
export type RecordRefusal = Extract<
  FaultCode,
  | 'malformed'
  | 'too_large'
  | 'too_deep'
  | 'bad_text'
  | 'unknown_kind'
  | 'unknown_version'
  | 'invalid'
>
export type ParsedRecord = { ok: true; record: Rec } | { ok: false; code: RecordRefusal }

const refuse = (code: RecordRefusal): ParsedRecord => ({ ok: false, code })

/** Reads the text of one record. `text` null stands for bytes that are not UTF-8. */
export function parseRecord(text: string | null): ParsedRecord {
  if (text === null) return refuse('bad_text')
  if (text.length > RECORD_BYTES_MAX) return refuse('too_large')
  if (tooDeep(text, NESTING_MAX)) return refuse('too_deep')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return refuse('malformed')
  }
  return isPlainlyRight(value) ? { ok: true, record: value } : readRecord(value)
}

/** Each kind's whole record as one check that copies nothing; what it passes needs no parsing. */
const plainChecks = new Map(
  Object.entries(kinds).map(([kind, data]) => [
    kind,
    quickCheck(Envelope.extend({ v: z.literal(1), kind: z.literal(kind), data })),
  ]),
)

function isPlainlyRight(value: unknown): value is Rec {
  const kind = (value as { kind?: unknown } | null)?.kind
  return typeof kind === 'string' && plainChecks.get(kind)?.(value) === true
}

function readRecord(value: unknown): ParsedRecord {
  const envelope = Envelope.safeParse(value)
  if (!envelope.success) return refuse(codeOf(envelope.error))
  if (envelope.data.v !== 1) return refuse('unknown_version')
  const kind = envelope.data.kind as Kind
  if (!Object.hasOwn(kinds, kind)) return refuse('unknown_kind')
  const data = kinds[kind].safeParse(envelope.data.data)
  if (!data.success) return refuse(codeOf(data.error))
  return { ok: true, record: { ...envelope.data, data: data.data } as Rec }
}

function codeOf(error: z.ZodError): RecordRefusal {
  return error.issues.some((issue) => issue.message === 'bad_text') ? 'bad_text' : 'invalid'
}
