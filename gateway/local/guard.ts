/**
 * What every request must pass before a route sees it: a token, a body within its bounds.
 *
 * Faults: `unauthorised`, `forbidden`, `too_fast`, `too_large`, `too_deep`, `bad_text`, `malformed`.
 */
import type { HttpBindings } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { NESTING_MAX } from '#devices/contract/limits.ts'
import type { Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import { tooDeep } from '#devices/std/json.ts'
import type { Allowances } from '#devices/std/rate.ts'
import type { ClientKey } from '../seal/session-key.ts'
import type { Caller, Role, Tokens } from './tokens.ts'

/** Who talks in messages: known since its hello, so no request of it carries a token. */
export type MessageCaller = {
  caller: Caller
  /** What the client wants cards encrypted to. */
  key: ClientKey | null
  /** Nobody but the caller can read or change what it is sent: loopback or TLS. */
  private_link: boolean
}

export type LocalEnv = {
  Variables: { caller: Caller }
  Bindings: Partial<HttpBindings> & { session?: MessageCaller }
}

export const BODY_BYTES_MAX = 64 * 1024

/** Asks for `Authorization: Bearer <token>` and keeps who it is in `c.var.caller`. */
export function authenticate(tokens: Tokens): MiddlewareHandler<LocalEnv> {
  return async (c, next) => {
    const caller = c.env.session?.caller ?? bearerOf(c.req.header('authorization'), tokens)
    if (caller === null) {
      c.header('www-authenticate', 'Bearer')
      throw new Fault('unauthorised')
    }
    c.set('caller', caller)
    await next()
  }
}

function bearerOf(header: string | undefined, tokens: Tokens): Caller | null {
  const [scheme, token, ...rest] = (header ?? '').split(' ')
  const bearer = scheme?.toLowerCase() === 'bearer' && token !== undefined && rest.length === 0
  return bearer ? tokens.find(token) : null
}

/**
 * Refuses a token that asks too fast over HTTP. Messages have a limit of their own, and what steps
 * fact time asks as fast as the hall answers.
 */
export function pacedBy(rates: Allowances, pace: Pace): MiddlewareHandler<LocalEnv> {
  return async (c, next) => {
    const { caller } = c.var
    const counted = caller !== undefined && caller.role !== 'replay' && c.env.session === undefined
    if (counted && !rates.take(caller.name, pace.now_ms())) throw new Fault('too_fast')
    await next()
  }
}

/** Refuses a caller whose role is not one of these. */
export function needsRole(c: Context<LocalEnv>, ...roles: readonly Role[]): Caller {
  const { caller } = c.var
  if (!roles.includes(caller.role)) throw new Fault('forbidden', `role ${caller.role}`)
  return caller
}

/** The same for what concerns the whole hall: a token of one counter may not. */
export function needsHall(c: Context<LocalEnv>, ...roles: readonly Role[]): Caller {
  const caller = needsRole(c, ...roles)
  if (caller.counter !== null) throw new Fault('forbidden', `token of counter ${caller.counter}`)
  return caller
}

/** Refuses a caller that is bound to another counter. */
export function needsCounter(c: Context<LocalEnv>, counter: string): Caller {
  const caller = needsRole(c, 'clerk', 'replay')
  if (caller.counter !== null && caller.counter !== counter) {
    throw new Fault('forbidden', `token of counter ${caller.counter}`)
  }
  return caller
}

/** Refuses everybody but a token bound to this very counter. */
export function needsOwnCounter(
  c: Context<LocalEnv>,
  counter: string,
  ...roles: readonly Role[]
): Caller {
  const caller = needsRole(c, ...roles)
  if (caller.counter !== counter) throw new Fault('forbidden', 'other counter')
  return caller
}

export const limitBody: MiddlewareHandler = bodyLimit({
  maxSize: BODY_BYTES_MAX,
  onError: () => {
    throw new Fault('too_large', `more than ${BODY_BYTES_MAX} bytes`)
  },
})

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Looks at a body as bytes before anything is built from it. Behind {@link limitBody}. */
export const checkBody: MiddlewareHandler = async (c, next) => {
  if (c.req.method === 'GET' || c.req.method === 'HEAD') return next()
  const bytes = await c.req.arrayBuffer()
  if (bytes.byteLength > 0) checkJson(c, bytes)
  await next()
}

function checkJson(c: Context, bytes: ArrayBuffer): void {
  const type = c.req.header('content-type') ?? ''
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new Fault('malformed', 'content-type must be application/json')
  }
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw new Fault('bad_text', 'body is not UTF-8')
  }
  if (tooDeep(text, NESTING_MAX)) throw new Fault('too_deep', `more than ${NESTING_MAX} levels`)
  try {
    JSON.parse(text)
  } catch {
    throw new Fault('malformed', 'body is not JSON')
  }
}
