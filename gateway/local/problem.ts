/**
 * Trouble as an answer: problem JSON `{code, text: {zh, en}, detail, problems?}` with the status of
 * the fault table. What is no fault is a mistake of ours and is answered without a word about it.
 */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { z } from 'zod'
import { Fault, type FaultCode, faults } from '#devices/std/fault.ts'
import { faultsZh } from '#devices/std/fault-zh.ts'
import type { Log } from '#devices/std/log.ts'
import { printPath } from '../config.ts'

export type BodyProblem = { path: string; problem: string }

const DETAIL_MAX = 300
const PROBLEMS_MAX = 50

export function problem(c: Context, fault: Fault, problems?: readonly BodyProblem[]): Response {
  const body = {
    code: fault.code,
    text: { zh: faultsZh[fault.code], en: faults[fault.code].text },
    detail: fault.detail.slice(0, DETAIL_MAX),
    ...(problems === undefined ? {} : { problems: problems.slice(0, PROBLEMS_MAX) }),
  }
  if (fault.transient) c.header('retry-after', '1')
  return c.body(JSON.stringify(body), fault.http as ContentfulStatusCode, {
    'content-type': 'application/problem+json; charset=utf-8',
  })
}

/** A request whose shape is wrong: every problem at once, each with its path. */
export function invalidRequest(c: Context, error: z.ZodError): Response {
  const problems = error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({
          path: printPath([...issue.path, key]),
          problem: 'not known here',
        }))
      : [{ path: printPath(issue.path), problem: issue.message }],
  )
  const code: FaultCode = problems.some((one) => one.problem === 'bad_text')
    ? 'bad_text'
    : 'invalid'
  return problem(c, new Fault(code, `${problems.length} problems`), problems)
}

/** For the outermost frame: what a handler threw. */
export function thrown(c: Context, error: Error, log: Log): Response {
  if (error instanceof Fault) return problem(c, error)
  if (error instanceof HTTPException && error.status < 500) {
    return problem(c, new Fault('malformed', 'request'))
  }
  // Only names: a message could quote what somebody sent.
  log('error', 'local.failed', { error: error.name, method: c.req.method, path: c.req.routePath })
  return problem(c, new Fault('unavailable', 'internal error'))
}
