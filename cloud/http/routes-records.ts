/** Rows of the projections page by page, the figures of a day, and the log itself. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { EpochId } from '#devices/contract/position.ts'
import { Day } from '#devices/contract/text.ts'
import { Fault } from '#devices/std/fault.ts'
import type { HttpDeps } from './deps.ts'
import { answers, HallParam, newRouter, PagingQuery, pageOf, present } from './routes.ts'
import { DayView, EntryView, OUTCOMES, RejectedView, VisitView } from './views.ts'

const visitsRoute = createRoute({
  method: 'get',
  path: '/api/halls/{hall}/visits',
  request: {
    params: HallParam,
    query: PagingQuery.extend({ day: Day.optional(), outcome: z.enum(OUTCOMES).optional() }),
  },
  ...answers(pageOf(VisitView), 'Visits in the order of their tickets'),
})

const dayRoute = createRoute({
  method: 'get',
  path: '/api/halls/{hall}/days/{day}',
  request: { params: HallParam.extend({ day: Day }) },
  ...answers(DayView, 'Figures of a business day'),
})

const entriesRoute = createRoute({
  method: 'get',
  path: '/api/halls/{hall}/entries',
  request: { params: HallParam, query: PagingQuery },
  ...answers(pageOf(EntryView), 'Ledger entries with their postings, in the order of the log'),
})

const rejectedRoute = createRoute({
  method: 'get',
  path: '/api/halls/{hall}/rejected',
  request: { params: HallParam, query: PagingQuery },
  ...answers(pageOf(RejectedView), 'Records that a projection could not use'),
})

const NDJSON = 'application/x-ndjson'

const logRoute = createRoute({
  method: 'get',
  path: '/api/halls/{hall}/log',
  request: {
    params: HallParam,
    query: z.object({
      epoch: EpochId,
      from: z.coerce.number().int().min(1).default(1),
      limit: z.coerce.number().int().min(1).max(1_000).default(1_000),
    }),
  },
  summary: 'The exact texts of records, with which anybody can verify the chain',
  responses: {
    200: {
      description:
        'The exact texts of records as they were hashed, one a line; the header hallway-next ' +
        'names the number to go on from and is absent at the end',
      content: { [NDJSON]: { schema: z.string() } },
    },
  },
})

export function recordRoutes({ reads }: Pick<HttpDeps, 'reads'>): OpenAPIHono {
  const app = newRouter()
  app.openapi(visitsRoute, async (c) => {
    const { hall } = c.req.valid('param')
    return c.json(present(await reads.visits(hall, c.req.valid('query')), hall), 200)
  })
  app.openapi(dayRoute, async (c) => {
    const { hall, day } = c.req.valid('param')
    return c.json(present(await reads.day(hall, day), hall), 200)
  })
  app.openapi(entriesRoute, async (c) => {
    const { hall } = c.req.valid('param')
    return c.json(present(await reads.entries(hall, c.req.valid('query')), hall), 200)
  })
  app.openapi(rejectedRoute, async (c) => {
    const { hall } = c.req.valid('param')
    return c.json(present(await reads.rejected(hall, c.req.valid('query')), hall), 200)
  })
  app.openapi(logRoute, async (c) => {
    const { hall } = c.req.valid('param')
    const slice = await reads.log(hall, c.req.valid('query'))
    if (slice === null) throw new Fault('not_found', `hall ${hall} or epoch`)
    if (slice.next !== null) c.header('hallway-next', String(slice.next))
    // The router types JSON and text answers only.
    return c.body(new Uint8Array(slice.bytes), 200, { 'content-type': NDJSON }) as never
  })
  return app
}
