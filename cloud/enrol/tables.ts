/**
 * The tables of enrolment. Who owns a hall, and under which fencing number, stands in `hall_cursor`
 * beside the log's position, since every commit checks it there.
 */
import type { HallRules } from '#devices/contract/hall-rules.ts'
import type { TokenKind } from './store.ts'

export type EnrolmentTables = {
  hall: {
    hall: string
    rules: HallRules
    config_version: number
    /** The hall's HMAC key, sealed to the controller's key. */
    key_sealed: string
    /** SHA-256 of the MQTT password, hex; null before the first gateway enrolled. */
    password_hash: string | null
    enrolled_ms: number | null
  }
  hall_token: {
    /** SHA-256 of the token, hex. */
    hash: string
    hall: string
    kind: TokenKind
    expires_ms: number
    spent: boolean
  }
}

/** Safe to run at every start. */
export const enrolmentSql = `
create table if not exists hall (
  hall text primary key,
  rules jsonb not null,
  config_version int8 not null,
  key_sealed text not null,
  password_hash text,
  enrolled_ms int8
);
create table if not exists hall_token (
  hash text primary key,
  hall text not null references hall,
  kind text not null,
  expires_ms int8 not null,
  spent bool not null default false
);
create index if not exists hall_token_by_hall on hall_token (hall);
`
