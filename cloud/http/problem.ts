/**
 * Trouble as answers: a Fault becomes problem JSON `{code, text, detail}` under the status of its
 * code; a body or query that does not fit lists every problem with its path. Anything else is a
 * mistake of ours: logged by name, answered 500 without a word of its content.
 */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { z } from 'zod'
import { Fault, faults } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import { type ConfigProblem, problemsOf } from '../config.ts'

const JSON_PROBLEM = { 'content-type': 'application/problem+json; charset=utf-8' }

export function problemAnswer(c: Context, fault: Fault, problems?: ConfigProblem[]): Response {
  const { code, detail, http } = fault
  const body = { code, text: faults[code].text, detail, ...(problems && { problems }) }
  const headers = fault.transient ? { ...JSON_PROBLEM, 'retry-after': '1' } : JSON_PROBLEM
  return c.body(JSON.stringify(body), http as ContentfulStatusCode, headers)
}

/** For the router's hook: what zod found in a request. */
export function invalidAnswer(c: Context, error: z.ZodError): Response {
  const problems = problemsOf(error)
  const detail = problems.map(({ path, problem }) => `${path}: ${problem}`).join('; ')
  return problemAnswer(c, new Fault('invalid', detail.slice(0, 1_000)), problems)
}

export function errorAnswer(c: Context, error: Error, log: Log): Response {
  if (error instanceof Fault) {
    if (error.http >= 500) log('warn', 'http.refused', { path: c.req.path, code: error.code })
    return problemAnswer(c, error)
  }
  if (error instanceof HTTPException && error.status < 500) {
    return problemAnswer(c, new Fault('malformed', c.req.path))
  }
  log('error', 'http.failed', { path: c.req.path, error: error.name })
  return c.body(
    JSON.stringify({ code: 'internal', text: 'a mistake of this program', detail: '' }),
    500,
    JSON_PROBLEM,
  )
}
