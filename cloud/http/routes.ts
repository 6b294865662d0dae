/** What routes share: the router, and how a hall, a page and the usual answers are documented. */
import { OpenAPIHono, z } from '@hono/zod-openapi'
import { HallId } from '#devices/contract/text.ts'
import { Fault } from '#devices/std/fault.ts'
import { invalidAnswer } from './problem.ts'
import { Problem } from './views.ts'

export const HallParam = z.object({ hall: HallId })

const PAGE_MOST = 1_000

export const PagingQuery = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(PAGE_MOST).default(100),
})

export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    /** The `after` of the next page; null at the end. */
    next: z.int().nullable(),
  })

const problem = {
  description: 'Refused',
  content: { 'application/problem+json': { schema: Problem } },
}

/** What a route gives: `schema`, which `summary` describes in a line. */
export const answers = <T extends z.ZodType>(schema: T, summary: string) => ({
  summary,
  responses: {
    200: { description: summary, content: { 'application/json': { schema } } },
    default: problem,
  },
})

export const jsonBody = <T extends z.ZodType>(schema: T) => ({
  required: true as const,
  content: { 'application/json': { schema } },
})

/** A router whose requests are checked against their schemas, all problems at once. */
export function newRouter(): OpenAPIHono {
  return new OpenAPIHono({
    defaultHook: (result, c) => (result.success ? undefined : invalidAnswer(c, result.error)),
  })
}

/** What was read of a hall, or the fault that there is no such hall. */
export function present<T>(value: T | null, hall: string): T {
  if (value === null) throw new Fault('not_found', `hall ${hall}`)
  return value
}
