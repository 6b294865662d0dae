/**
 * The door of the API: checks credentials, the size and depth of bodies, and sets the headers that
 * keep other sites out. Raises `unauthorised`, `forbidden`, `too_fast`, `too_large`, `too_deep`,
 * `malformed`.
 */
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { getCookie } from 'hono/cookie'
import { NESTING_MAX } from '#devices/contract/limits.ts'
import { Fault } from '#devices/std/fault.ts'
import { tooDeep } from '#devices/std/json.ts'
import type { Allowances } from '#devices/std/rate.ts'
import { isLoopback } from '../config.ts'
import { hashSecret } from '../enrol/secrets.ts'
import type { Access } from './access.ts'

export const COOKIE = 'hallway_session'
export const BODY_BYTES_MAX = 64 * 1024

export type GuardOptions = {
  access: Access
  /** Callers on loopback may look at the live page's data without a login. */
  open: boolean
  /** Address of the caller; undefined where it is not known, which is never loopback. */
  peer: (c: Context) => string | undefined
}

export type Credential = 'token' | 'session' | 'open' | null

/** A live stream is one request for as long as its page is open, and bounded by itself. */
const STREAM = '/api/stream'

/** What the live page reads: the only things an open console shows without a login. */
const OPEN_PATHS = /^\/api\/(halls(\/[a-z0-9-]+(\/ratings)?)?|stream)$/

export function credentialOf(c: Context, options: GuardOptions): Credential {
  const bearer = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(c.req.header('authorization') ?? '')?.[1]
  if (bearer !== undefined) return options.access.isToken(bearer) ? 'token' : null
  const session = getCookie(c, COOKIE)
  if (session !== undefined && options.access.isSession(session)) return 'session'
  return isOpenTo(c, options) ? 'open' : null
}

/**
 * Only straight from this machine, and only under its own name: a foreign page can make a browser
 * connect here under a name of its own, and a proxy makes everybody look local.
 */
export function isOpenTo(c: Context, options: GuardOptions): boolean {
  if (!options.open) return false
  const proxied = c.req.header('forwarded') ?? c.req.header('x-forwarded-for')
  const peer = options.peer(c)?.replace(/^::ffff:/, '')
  return (
    proxied === undefined &&
    peer !== undefined &&
    isLoopback(peer) &&
    isLoopback(new URL(c.req.url).hostname)
  )
}

/** By what a caller is counted: each session is one, and so are all who need no login; else where from. */
function callerOf(c: Context, credential: Credential, { peer }: GuardOptions): string {
  if (credential === null) return `from ${peer(c) ?? 'nowhere'}`
  const session = credential === 'session' ? getCookie(c, COOKIE) : undefined
  return session === undefined ? credential : hashSecret(session)
}

type Limits = { free: ReadonlySet<string>; rates: Allowances; now_ms: () => number }

/** Refuses whoever may not, or asks too fast. Paths in `free` need no credential. */
export function guard(options: GuardOptions, { free, rates, now_ms }: Limits): MiddlewareHandler {
  const pace = (c: Context, credential: Credential) => {
    if (!rates.take(callerOf(c, credential, options), now_ms())) throw new Fault('too_fast')
  }
  return async (c, next) => {
    const changes = c.req.method !== 'GET' && c.req.method !== 'HEAD'
    if (free.has(c.req.path)) {
      // A page may be looked at as often as one likes; a way in may not be tried so.
      if (changes) pace(c, null)
      return next()
    }
    const credential = credentialOf(c, options)
    if (credential === null) {
      pace(c, null)
      throw new Fault('unauthorised')
    }
    if (credential === 'open' && (changes || !OPEN_PATHS.test(c.req.path))) {
      throw new Fault('unauthorised')
    }
    if (credential === 'session' && changes && !sameOrigin(c))
      throw new Fault('forbidden', 'origin')
    if (c.req.path !== STREAM) pace(c, credential)
    return next()
  }
}

/** A browser says where a request comes from; what says nothing is not a browser with our cookie. */
export function sameOrigin(c: Context): boolean {
  const origin = c.req.header('origin')
  const host = c.req.header('host') ?? new URL(c.req.url).host
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host
}

export const sizeLimit: MiddlewareHandler = bodyLimit({
  maxSize: BODY_BYTES_MAX,
  onError: () => {
    throw new Fault('too_large', `${BODY_BYTES_MAX} bytes at most`)
  },
})

/** JSON bodies must be JSON and not deep, before anything is built from them. */
export const jsonShape: MiddlewareHandler = async (c, next) => {
  const isJson = c.req.header('content-type')?.includes('json') ?? false
  if (c.req.method === 'GET' || !isJson) return next()
  const text = await c.req.text()
  if (text === '') return next()
  if (tooDeep(text, NESTING_MAX)) throw new Fault('too_deep', `${NESTING_MAX} levels at most`)
  try {
    JSON.parse(text)
  } catch {
    throw new Fault('malformed', 'body is not JSON')
  }
  return next()
}

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

export const safeHeaders: MiddlewareHandler = async (c, next) => {
  await next()
  c.header('content-security-policy', POLICY)
  c.header('x-content-type-options', 'nosniff')
  c.header('referrer-policy', 'no-referrer')
  c.header('cross-origin-opener-policy', 'same-origin')
}
