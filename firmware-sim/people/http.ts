/**
 * JSON over HTTP with kept connections: what clerks' programs, kiosks and the replayer talk with.
 * An answer is a value whatever its status; only a link that broke rejects, with Fault `unavailable`
 * (no answer: nobody knows whether it was done) or `timed_out`. Refuses answers over 64 MiB.
 */
import { Agent, type IncomingMessage, request } from 'node:http'
import { Fault } from '#devices/std/fault.ts'

export type HttpAnswer = { status: number; text: string; headers: IncomingMessage['headers'] }

export type HttpAsk = {
  method?: 'GET' | 'POST' | 'PUT'
  path: string
  body?: unknown
  /** Idempotency key. */
  key?: string
}

export interface HttpClient {
  readonly url: string
  ask(ask: HttpAsk): Promise<HttpAnswer>
  /** The body as JSON where the status is 200; otherwise Fault `unavailable` with what was said. */
  json<T>(ask: HttpAsk): Promise<T>
  close(): void
}

const ANSWER_BYTES_MAX = 64 * 1024 * 1024
const TIMEOUT_MS = 30_000

export function httpClient(url: string, token: string, connections = 64): HttpClient {
  const { hostname, port } = new URL(url)
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const ask = ({ method = 'GET', path, body, key }: HttpAsk): Promise<HttpAnswer> => {
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>()
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers: Record<string, string | number> = { authorization: `Bearer ${token}` }
    if (body !== undefined) {
      headers['content-type'] = 'application/json'
      headers['content-length'] = Buffer.byteLength(text)
    }
    if (key !== undefined) headers['idempotency-key'] = key
    const sent = request({ agent, hostname, port, path, method, headers, timeout: TIMEOUT_MS })
    sent.on('error', (error: NodeJS.ErrnoException) => reject(asFault(error)))
    sent.on('timeout', () => sent.destroy(new Fault('timed_out', `${method} ${path}`)))
    sent.on('response', (response) => collect(response, resolve, reject))
    sent.end(text)
    return promise
  }
  return {
    url,
    ask,
    async json<T>(one: HttpAsk) {
      const again = () => ask(one)
      // A read may be made again; a kept connection to a program that was restarted is no trouble.
      const reads = one.method === undefined || one.method === 'GET'
      const { status, text } = await (reads ? ask(one).catch(again) : ask(one))
      if (status === 200) return JSON.parse(text) as T
      throw new Fault('unavailable', `${one.path}: ${status} ${text.slice(0, 200)}`)
    },
    close: () => agent.destroy(),
  }
}

function collect(
  response: IncomingMessage,
  resolve: (answer: HttpAnswer) => void,
  reject: (error: Fault) => void,
): void {
  const chunks: Buffer[] = []
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) response.destroy(new Fault('too_large', 'answer'))
    else chunks.push(chunk)
  })
  response.on('error', (error) => reject(asFault(error)))
  response.on('aborted', () => reject(new Fault('unavailable', 'cut off')))
  response.on('end', () => {
    const text = Buffer.concat(chunks).toString('utf8')
    resolve({ status: response.statusCode ?? 0, text, headers: response.headers })
  })
}

function asFault(error: Error): Fault {
  if (error instanceof Fault) return error
  const { code = error.name } = error as NodeJS.ErrnoException
  return new Fault('unavailable', code, { cause: error })
}

/** The code of a refusal, as problem JSON says it. */
export function codeOf({ text }: HttpAnswer): string {
  try {
    return String((JSON.parse(text) as { code?: unknown }).code)
  } catch {
    return 'malformed'
  }
}
