/**
 * The gateway's half of enrolment: trades a one-time token for what it needs to be the hall's
 * gateway, and keeps that on disk. A token works once; after a lost answer a new one is needed.
 *
 * Faults: `insecure` for a controller in the clear outside loopback, `unavailable` and `timed_out`
 * where asking again can help, the controller's own code where it refuses (`token_spent`,
 * `not_owner` ...), `malformed` for an answer that is none.
 */
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { EnrolAnswer, type EnrolRequest } from '#devices/contract/enrolment.ts'
import { Fault, type FaultCode, faults } from '#devices/std/fault.ts'
import type { Identity } from '../identity.ts'
import { isLoopback } from '../loopback.ts'
import { type Credential, keepCredential } from './credential.ts'

export type EnrolOptions = {
  /** Where the controller is: `https://host`, a path in front of `/api/enrol` allowed. */
  url: string
  token: string
  folder: string
  insecure?: boolean
  /** PEM: trusted in place of the machine's own certificates. */
  ca?: string
  timeout_ms?: number
}

const ANSWER_BYTES_MAX = 1024 * 1024
const TIMEOUT_MS = 15_000

/** Resolves when the credential is on disk. */
export async function enrol(identity: Identity, options: EnrolOptions): Promise<Credential> {
  const base = new URL(options.url)
  const clear = base.protocol !== 'https:' && !isLoopback(base.hostname)
  if (clear && options.insecure !== true) throw new Fault('insecure', base.host)
  const ask: EnrolRequest = {
    v: 1,
    token: options.token,
    gateway: identity.gateway,
    public_key: identity.public_key,
  }
  const url = new URL(`${base.pathname.replace(/\/$/, '')}/api/enrol`, base)
  const { status, body } = await post(url, JSON.stringify(ask), options)
  if (status !== 200 && status !== 201) throw refusal(status, body)
  return keepCredential(options.folder, identity, readAnswer(body))
}

function readAnswer(body: string): EnrolAnswer {
  const answer = EnrolAnswer.safeParse(parseJson(body))
  // Names paths only: the values are secrets.
  if (answer.success) return answer.data
  const paths = answer.error.issues.slice(0, 5).map((issue) => issue.path.join('.'))
  throw new Fault('malformed', `controller's answer: ${paths.join(', ')}`)
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}

/** What a controller says of a token that is none, is not known, or was used. */
const OF_THE_TOKEN: ReadonlySet<string> = new Set(['invalid', 'unauthorised', 'token_spent'])

/** The controller's code if it is one of the table. Its words are not repeated. */
function refusal(status: number, body: string): Fault {
  const code = (parseJson(body) as { code?: unknown } | null)?.code
  if (typeof code === 'string' && Object.hasOwn(faults, code)) {
    const detail = OF_THE_TOKEN.has(code)
      ? 'the controller refused the one-time token in controller.token; for another, ' +
        'POST /api/halls/HALL/token there, or /replace where another gateway had the hall'
      : 'the controller refused'
    return new Fault(code as FaultCode, detail)
  }
  return new Fault(status >= 500 ? 'unavailable' : 'malformed', `controller answered ${status}`)
}

type Answered = { status: number; body: string }

/** No redirect is followed: the token is for this controller. */
function post(url: URL, body: string, options: EnrolOptions): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>()
  const secure = url.protocol === 'https:'
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const ca = options.ca === undefined ? {} : { ca: options.ca }
  const signal = AbortSignal.timeout(options.timeout_ms ?? TIMEOUT_MS)
  const start = secure ? requestHttps : requestHttp
  const request = start(url, { method: 'POST', headers, signal, agent: false, ...ca })
  const failed = (error: Error) =>
    reject(signal.aborted ? new Fault('timed_out', url.host) : asFault(url, error))
  request.on('error', failed)
  request.on('response', (response) => {
    const chunks: Buffer[] = []
    let bytes = 0
    response.on('error', failed)
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > ANSWER_BYTES_MAX) request.destroy(new Fault('too_large', 'controller’s answer'))
      else chunks.push(chunk)
    })
    response.on('end', () =>
      resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
    )
  })
  request.end(body)
  return promise
}

function asFault(url: URL, error: Error): Fault {
  if (error instanceof Fault) return error
  const { code = error.name } = error as NodeJS.ErrnoException
  return new Fault('unavailable', `${url.host}: ${code}`)
}
