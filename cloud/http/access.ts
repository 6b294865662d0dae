/**
 * Who may do what: the administrator's token as bearer, or a session in a cookie that was got for
 * it. With `open`, callers on loopback may look at what the live page shows without either.
 *
 * Sessions and login codes live in memory, hashed, bounded and for a limited time; a restart ends
 * them. Raises `unauthorised`, and `forbidden` for a change that another site asked for.
 */
import { hashSecret, matches, randomSecret } from '../enrol/secrets.ts'

const SESSION_LIFE_MS = 12 * 60 * 60 * 1000
/** A code is printed at the start, so it may end in a log file that others read. */
const CODE_LIFE_MS = 15 * 60 * 1000
const SESSIONS_MAX = 1_000
const CODES_MAX = 16

export type Access = {
  /** A code that lets one browser in, once. */
  loginCode(): string
  /** A new session for a code, the administrator's token, or null. */
  spendCode(code: string): string | null
  logIn(token: string): string | null
  logOut(session: string): void
  isToken(token: string): boolean
  isSession(session: string): boolean
}

export function createAccess(adminToken: string, now_ms: () => number): Access {
  const tokenHash = hashSecret(adminToken)
  const sessions = expiring(SESSION_LIFE_MS, SESSIONS_MAX, now_ms)
  const codes = expiring(CODE_LIFE_MS, CODES_MAX, now_ms)
  return {
    loginCode: codes.make,
    spendCode: (code) => (codes.take(code) ? sessions.make() : null),
    logIn: (token) => (matches(token, tokenHash) ? sessions.make() : null),
    logOut: (session) => void sessions.take(session),
    isToken: (token) => matches(token, tokenHash),
    isSession: sessions.has,
  }
}

/** Random secrets, kept hashed until they expire; the oldest gives way when there are too many. */
function expiring(life_ms: number, most: number, now_ms: () => number) {
  const kept = new Map<string, number>()
  const has = (secret: string) => (kept.get(hashSecret(secret)) ?? 0) > now_ms()
  return {
    has,
    make: () => {
      const secret = randomSecret()
      for (const [hash, expires_ms] of kept) {
        if (expires_ms <= now_ms() || kept.size >= most) kept.delete(hash)
      }
      kept.set(hashSecret(secret), now_ms() + life_ms)
      return secret
    },
    take: (secret: string) => {
      const valid = has(secret)
      kept.delete(hashSecret(secret))
      return valid
    },
  }
}
