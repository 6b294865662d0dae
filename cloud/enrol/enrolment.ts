/**
 * Enrolment: an administrator makes a hall and gets a one-time token; a gateway trades it for its
 * credential and its keys and becomes the hall's owner under the next fencing number.
 *
 * Raises `wrong_state` (a hall of this id exists), `not_found`, `token_spent` (unknown, used or
 * expired: not told apart), `not_owner` (the hall belongs to another gateway and nobody confirmed a
 * replacement), `invalid`.
 */
import { randomBytes } from 'node:crypto'
import { EnrolAnswer, type EnrolRequest } from '#devices/contract/enrolment.ts'
import type { HallRules } from '#devices/contract/hall-rules.ts'
import { HallId } from '#devices/contract/text.ts'
import { Fault } from '#devices/std/fault.ts'
import { openSealed, type PrivateKey, publicHalf, sealTo } from './keys.ts'
import { hashSecret, matches, randomSecret } from './secrets.ts'
import type { EnrolStore, NewToken, TokenKind, TokenTrade } from './store.ts'

export type EnrolmentDeps = {
  store: EnrolStore
  key: PrivateKey
  /** What gateways connect to. Asked for each time: a port may be chosen at start. */
  mqtt_url: () => string
  now_ms: () => number
  /** The hall has a new owner, from now on. */
  ownerChanged?: (hall: string, gateway: string, fence: number) => void
}

export type IssuedToken = { hall: string; token: string; expires_ms: number }

export interface Enrolment {
  createHall(hall: string, rules: HallRules): Promise<IssuedToken>
  /** A new token for a hall without an owner, or for its owner again. */
  newToken(hall: string): Promise<IssuedToken>
  /** A token that moves the hall to another gateway; asking for it is the confirmation. */
  replacementToken(hall: string): Promise<IssuedToken>
  enrol(request: EnrolRequest): Promise<EnrolAnswer>
  /** The hall whose credential this is; null if it is none. The user name is the hall id. */
  authenticate(username: string, password: Uint8Array): Promise<{ hall: string } | null>
}

const TOKEN_LIFE_MS = 24 * 60 * 60 * 1000
const HALL_KEY_BYTES = 32

export function createEnrolment(deps: EnrolmentDeps): Enrolment {
  return {
    createHall: (hall, rules) => createHall(deps, hall, rules),
    newToken: (hall) => addToken(deps, hall, 'enrol'),
    replacementToken: (hall) => addToken(deps, hall, 'replace'),
    enrol: (request) => enrol(deps, request),
    authenticate: (username, password) => authenticate(deps.store, username, password),
  }
}

async function createHall(deps: EnrolmentDeps, hall: string, rules: HallRules) {
  const key_sealed = await sealTo(publicHalf(deps.key), randomBytes(HALL_KEY_BYTES))
  const { issued, row } = issue(hall, 'enrol', deps.now_ms())
  const created = await deps.store.createHall({ hall, rules, key_sealed }, row)
  if (!created) throw new Fault('wrong_state', `hall ${hall} exists`)
  return issued
}

async function addToken(deps: EnrolmentDeps, hall: string, kind: TokenKind) {
  const { issued, row } = issue(hall, kind, deps.now_ms())
  if (!(await deps.store.addToken(hall, row))) throw new Fault('not_found', `hall ${hall}`)
  return issued
}

/** A token as it is told once, and as it is kept. */
function issue(hall: string, kind: TokenKind, now_ms: number) {
  const token = randomSecret()
  const expires_ms = now_ms + TOKEN_LIFE_MS
  const issued: IssuedToken = { hall, token, expires_ms }
  const row: NewToken = { hash: hashSecret(token), kind, expires_ms }
  return { issued, row }
}

async function enrol(deps: EnrolmentDeps, request: EnrolRequest): Promise<EnrolAnswer> {
  const now_ms = deps.now_ms()
  const answer = await deps.store.trade(hashSecret(request.token), now_ms, (trade) =>
    settle(deps, request, trade),
  )
  if (answer === null) throw new Fault('token_spent')
  deps.ownerChanged?.(answer.hall, request.gateway, answer.fence)
  return answer
}

async function settle(
  deps: EnrolmentDeps,
  request: EnrolRequest,
  trade: TokenTrade,
): Promise<EnrolAnswer> {
  const { hall, owner, rules, config_version, key_sealed } = trade.hall
  if (trade.kind === 'enrol' && owner !== null && owner !== request.gateway) {
    throw new Fault('not_owner', `hall ${hall}`)
  }
  const password = randomSecret()
  const fence = trade.hall.fence + 1
  const hallKey = await openSealed(deps.key, key_sealed)
  const answer = EnrolAnswer.parse({
    v: 1,
    hall,
    fence,
    mqtt: { url: deps.mqtt_url(), username: hall, password },
    hall_key: await sealTo(request.public_key, hallKey),
    sealing_key: publicHalf(deps.key),
    config_version,
    rules,
    ...(await trade.holding()),
  })
  const password_hash = hashSecret(password)
  await trade.settle({ gateway: request.gateway, fence, password_hash, at_ms: deps.now_ms() })
  return answer
}

async function authenticate(store: EnrolStore, username: string, password: Uint8Array) {
  if (!HallId.safeParse(username).success) return null
  const hash = await store.passwordHash(username)
  return hash !== null && matches(password, hash) ? { hall: username } : null
}
