/**
 * The local API in messages, for channels that stay open: WebSocket and the gateway's own broker.
 * One request is `{id, method, path, key?, body?}`, its one answer `{id, status, body}` with status
 * and body of the same request over HTTP: it runs through the same routes, so there is one contract
 * and one set of checks. What the gateway says by itself has a `type` and no `id`.
 *
 * Refuses: text that is no request, paths that are no part of the contract in messages (pages and
 * streams), more requests at once or a higher rate than the limits. A card comes only as a JWE.
 */
import { z } from 'zod'
import { NESTING_MAX } from '#devices/contract/limits.ts'
import { CallerId } from '#devices/contract/text.ts'
import type { Pace } from '#devices/std/clock.ts'
import { Fault, type FaultCode, faults } from '#devices/std/fault.ts'
import { faultsZh } from '#devices/std/fault-zh.ts'
import { tooDeep } from '#devices/std/json.ts'
import { Allowance } from '#devices/std/rate.ts'
import { BODY_BYTES_MAX, type LocalEnv, type MessageCaller } from './guard.ts'
import { PAGE_PATHS } from './page.ts'
import { ClientKey } from './schemas.ts'

/** One message in bytes: a body as large as HTTP takes, and what stands around it. */
export const MESSAGE_BYTES_MAX = BODY_BYTES_MAX + 2_048

export const message_limits = {
  /** Requests of one client under way at once. */
  under_way: 16,
  /** Requests that may come at once after a rest, and those a second beyond that. */
  burst: 64,
  a_second: 32,
  /** Refused for rate or number in a row: a client that does not mind is cut off. */
  refused_in_a_row: 256,
}
export type MessageLimits = typeof message_limits

/** Pages, their parts and what never ends have no answer that fits into one message. */
const NOT_IN_MESSAGES = new Set<string>([...PAGE_PATHS, '/openapi.json', '/events', '/ws'])

export const Hello = z.strictObject({
  type: z.literal('hello'),
  /** Where the channel did not bring it: the caller's token. */
  token: z.string().max(256).optional(),
  /** What cards are to be encrypted to, for this session. */
  key: ClientKey.optional(),
})
export type Hello = z.infer<typeof Hello>

const MessageId = z.string().regex(/^[\x20-\x7e]{1,64}$/)
const MessageRequest = z.strictObject({
  id: MessageId,
  method: z.enum(['GET', 'POST', 'PUT']),
  path: z.string().regex(/^\/[\x21-\x7e]{0,511}$/),
  /** The idempotency key: what it is over HTTP. */
  key: CallerId.optional(),
  body: z.unknown().optional(),
})
type MessageRequest = z.infer<typeof MessageRequest>

/** The API as a function; `env` says who asks. */
export type Fetch = (request: Request, env: LocalEnv['Bindings']) => Response | Promise<Response>

export type Read =
  | { what: 'hello'; hello: Hello }
  | { what: 'request'; request: MessageRequest }
  /** `reply`: what to answer. */
  | { what: 'refused'; reply: string }

/** Looks at a message before anything is done about it. */
export function readMessage(text: string): Read {
  if (text.length > MESSAGE_BYTES_MAX) return refused(null, 'too_large')
  if (tooDeep(text, NESTING_MAX)) return refused(null, 'too_deep')
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch {
    return refused(null, 'malformed')
  }
  if (isHello(raw)) {
    const hello = Hello.safeParse(raw)
    return hello.success ? { what: 'hello', hello: hello.data } : refused(null, 'invalid', 'hello')
  }
  const request = MessageRequest.safeParse(raw)
  if (request.success) return { what: 'request', request: request.data }
  const id = MessageId.safeParse((raw as { id?: unknown } | null)?.id)
  const paths = request.error.issues.map(({ path }) => path.map(String).join('.') || '(message)')
  return refused(id.success ? id.data : null, 'invalid', paths.slice(0, 10).join(', '))
}

function isHello(raw: unknown): boolean {
  return typeof raw === 'object' && raw !== null && 'type' in raw && raw.type === 'hello'
}

function refused(id: string | null, code: FaultCode, detail = ''): Read {
  return { what: 'refused', reply: refusal(id, new Fault(code, detail)) }
}

/** The answer that says what a problem JSON over HTTP says. */
export function refusal(id: string | null, fault: Fault): string {
  const text = { zh: faultsZh[fault.code], en: faults[fault.code].text }
  const body = { code: fault.code, text, detail: fault.detail.slice(0, 300) }
  return JSON.stringify({ id, status: fault.http, body })
}

/** One client's requests, once it said who it is. */
export class MessageDesk {
  readonly #parts: { fetch: Fetch; pace: Pace }
  readonly #limits: MessageLimits
  #who: MessageCaller
  #underWay = 0
  #refusedInARow = 0
  readonly #allowance: Allowance

  constructor(
    parts: { fetch: Fetch; pace: Pace },
    who: MessageCaller,
    limits: Partial<MessageLimits> = {},
  ) {
    this.#parts = parts
    this.#limits = { ...message_limits, ...limits }
    this.#who = who
    this.#allowance = new Allowance(this.#limits, parts.pace.now_ms())
  }

  get who(): MessageCaller {
    return this.#who
  }

  /** Asked too much for so long that it is to be cut off. */
  get reckless(): boolean {
    return this.#refusedInARow >= this.#limits.refused_in_a_row
  }

  useKey(key: NonNullable<MessageCaller['key']>): void {
    this.#who = { ...this.#who, key }
  }

  /** The one answer; never rejects. */
  async answer(request: MessageRequest): Promise<string> {
    if (!this.#mayAsk()) {
      this.#refusedInARow += 1
      return refusal(request.id, new Fault('overloaded', 'slower, or fewer at once'))
    }
    this.#refusedInARow = 0
    this.#underWay += 1
    try {
      return await this.#ask(request)
    } finally {
      this.#underWay -= 1
    }
  }

  #mayAsk(): boolean {
    if (this.#underWay >= this.#limits.under_way) return false
    return this.#allowance.take(this.#parts.pace.now_ms())
  }

  async #ask({ id, method, path, key, body }: MessageRequest): Promise<string> {
    const url = urlOf(path)
    if (url === null) return refusal(id, new Fault('not_found', 'path'))
    const headers = new Headers()
    if (key !== undefined) headers.set('idempotency-key', key)
    const carries = body !== undefined && method !== 'GET'
    if (carries) headers.set('content-type', 'application/json')
    const given = carries ? { body: JSON.stringify(body) } : {}
    const request = new Request(url, { method, headers, ...given })
    const response = await this.#parts.fetch(request, { session: this.#who })
    if (!/json/.test(response.headers.get('content-type') ?? 'json')) {
      await response.body?.cancel()
      return refusal(id, new Fault('not_found', 'path'))
    }
    const text = await response.text()
    // Put together from texts: an answer is never parsed only to be printed again.
    return `{"id":${JSON.stringify(id)},"status":${response.status},"body":${text || 'null'}}`
  }
}

const BASE = 'http://local.invalid'

/** Null for what lies outside the contract, also where the path would lead to another host. */
function urlOf(path: string): string | null {
  if (!URL.canParse(path, BASE)) return null
  const url = new URL(path, BASE)
  return url.origin !== BASE || NOT_IN_MESSAGES.has(url.pathname) ? null : url.href
}
