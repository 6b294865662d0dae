/**
 * The rows that enrolment needs, as a port: halls, their credentials and one-time tokens.
 * {@link ./store-postgres.ts} implements it. Secrets reach it hashed or sealed only.
 */
import type { EnrolAnswer } from '#devices/contract/enrolment.ts'
import type { HallRules } from '#devices/contract/hall-rules.ts'

export type TokenKind =
  /** For a hall that has no owner, or for its owner again. */
  | 'enrol'
  /** Confirmed by an administrator: moves the hall to whoever brings it. */
  | 'replace'

export type NewToken = { hash: string; kind: TokenKind; expires_ms: number }

export type NewHall = {
  hall: string
  rules: HallRules
  /** The hall's HMAC key, sealed to the controller's key. */
  key_sealed: string
}

export type HallForEnrolment = {
  hall: string
  owner: string | null
  fence: number
  config_version: number
  rules: HallRules
  key_sealed: string
}

/** A gateway becomes the hall's owner. */
export type NewOwner = { gateway: string; fence: number; password_hash: string; at_ms: number }

/** What the cloud holds of a hall, told to a gateway that enrols. */
export type Holding = Pick<EnrolAnswer, 'held' | 'numbers' | 'ledger'>

/** One transaction on a valid token and its hall, both locked. */
export interface TokenTrade {
  kind: TokenKind
  hall: HallForEnrolment
  holding(): Promise<Holding>
  /** Spends the token and every other one of the hall. */
  settle(owner: NewOwner): Promise<void>
}

export interface EnrolStore {
  /** False if a hall of this id exists. */
  createHall(hall: NewHall, token: NewToken): Promise<boolean>
  /** False if there is no such hall. */
  addToken(hall: string, token: NewToken): Promise<boolean>
  /** Null for a token that is unknown, spent or expired at `now_ms`. What throws changes nothing. */
  trade<T>(
    token_hash: string,
    now_ms: number,
    work: (trade: TokenTrade) => Promise<T>,
  ): Promise<T | null>
  passwordHash(hall: string): Promise<string | null>
  /** The owner of every hall that has one. */
  owners(): Promise<{ hall: string; owner: string }[]>
}
