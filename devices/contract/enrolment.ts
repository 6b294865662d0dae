/**
 * Enrolment: the one exchange that is not MQTT. A gateway brings a one-time token that an
 * administrator gave to the hall, and its own public key; it gets what it needs to be that hall's
 * gateway, the hall key readable by nobody but itself.
 *
 * `POST {controller}/api/enrol`, JSON both ways. A token works once: a gateway that lost the answer
 * needs a new one. The one refusal that matters is the fault `token_spent`.
 */
import { z } from 'zod'
import { HallRules } from './hall-rules.ts'
import { Position, Seq } from './position.ts'
import { PrintedNumbers } from './record.ts'
import { HallId, text } from './text.ts'

const Coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/)

/** A public key on P-256, for ECDH-ES+A256KW. Members that would hold a private key are refused. */
export const PublicKey = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: Coordinate,
  y: Coordinate,
  kid: z.string().max(128).optional(),
})
export type PublicKey = z.infer<typeof PublicKey>

/** 256 random bits, base64url. */
export const EnrolToken = z.string().regex(/^[A-Za-z0-9_-]{43}$/)

export const EnrolRequest = z.strictObject({
  v: z.literal(1),
  token: EnrolToken,
  gateway: text(64).min(1),
  public_key: PublicKey,
})
export type EnrolRequest = z.infer<typeof EnrolRequest>

export const EnrolAnswer = z.strictObject({
  v: z.literal(1),
  hall: HallId,
  /** The fencing number under which this gateway owns the hall from now on. */
  fence: z.int().min(1),
  mqtt: z.strictObject({
    url: z.string().max(256),
    /** The hall id. */
    username: HallId,
    password: z.string().min(43).max(128),
  }),
  /** The hall's 32-byte HMAC key as a compact JWE to the gateway's own key. */
  hall_key: z.string().max(4_096),
  /** The controller's public key, to which cards are sealed. */
  sealing_key: PublicKey,
  config_version: z.int().min(0),
  rules: HallRules,
  /** The database's own id, as in receipts. */
  ledger: z.string().regex(/^[0-9a-f]{32}$/),
  /** What the cloud holds of this hall, so that a replaced disk can go on; null if nothing. */
  held: Position.extend({ epoch_number: Seq }).nullable(),
  /**
   * The last business day the cloud heard of, and the highest number printed in it per service, so
   * that numbers skip ahead of what may be in people's hands; null before the first day.
   */
  numbers: PrintedNumbers.nullable(),
})
export type EnrolAnswer = z.infer<typeof EnrolAnswer>
