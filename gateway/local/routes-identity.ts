/**
 * The board, and results of card readers that only a vendor's library can read: a program beside it
 * encrypts the fields to this run's session key and hands them in.
 */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import { Board } from '#devices/contract/board.ts'
import { PublicKey } from '#devices/contract/enrolment.ts'
import { Fault } from '#devices/std/fault.ts'
import { boardOf } from './board.ts'
import { type LocalEnv, needsOwnCounter } from './guard.ts'
import type { IdentityIntake } from './identity-intake.ts'
import type { LocalDeps } from './ports.ts'
import { bodyOf, IdentityBody, KeyHeader, Recorded, route } from './schemas.ts'
import { recordedAs, sourceOf } from './write.ts'

const board = route(
  { method: 'get', path: '/board', summary: 'What screens of the hall show' },
  Board,
)
const key = route(
  {
    method: 'get',
    path: '/session-key',
    summary: 'The key that identity results are encrypted to; another one after every start',
  },
  z.object({ key: PublicKey }).openapi('SessionKey'),
)
const result = route(
  {
    method: 'post',
    path: '/identity-results',
    summary: 'A card that a program beside this one read: sealed at once, then recorded',
    request: { headers: KeyHeader, body: bodyOf(IdentityBody) },
  },
  Recorded,
)

export function addIdentity(api: OpenAPIHono<LocalEnv>, deps: LocalDeps): void {
  api.openapi(board, (c) => c.json(boardOf(deps.hall), 200))
  api.openapi(key, (c) => c.json({ key: intake(deps).public_key }, 200))
  api.openapi(result, async (c) => {
    const { counter, jwe } = c.req.valid('json')
    const caller = needsOwnCounter(c, counter, 'clerk', 'kiosk')
    const source = sourceOf(caller, c.req.valid('header')['idempotency-key'])
    return c.json(recordedAs(deps, await intake(deps).take(counter, jwe, source)), 200)
  })
}

function intake({ identity }: LocalDeps): IdentityIntake {
  if (identity === undefined || identity === null)
    throw new Fault('unsupported', 'identity results')
  return identity
}
