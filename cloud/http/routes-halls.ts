/** Halls as they stand: the list, one hall with everything the live page shows, completeness. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { HallId } from '#devices/contract/text.ts'
import { devicesOf } from '../health/presence.ts'
import type { HttpDeps } from './deps.ts'
import { answers, HallParam, newRouter, present } from './routes.ts'
import { completenessOf, summaryOf } from './summary.ts'
import { BalanceView, Completeness, EpochView, HallSummary, HallView } from './views.ts'

const ONLY_MOST = 100

const Only = z
  .string()
  .max(ONLY_MOST * 49)
  .transform((list) => list.split(','))
  .pipe(z.array(HallId).max(ONLY_MOST))
  .optional()
  .openapi({ type: 'string', description: 'Hall ids, separated by commas: only these.' })

const listRoute = createRoute({
  method: 'get',
  path: '/api/halls',
  request: { query: z.object({ only: Only }) },
  ...answers(z.array(HallSummary), 'Halls with presence, head, queue and money of today'),
})

const hallRoute = createRoute({
  method: 'get',
  path: '/api/halls/{hall}',
  request: { params: HallParam },
  ...answers(HallView, 'One hall with all that the live page shows'),
})

const completenessRoute = createRoute({
  method: 'get',
  path: '/api/halls/{hall}/completeness',
  request: { params: HallParam },
  ...answers(Completeness, 'Up to where the log is held, and what is missing or doubled'),
})

const branchesRoute = createRoute({
  method: 'get',
  path: '/api/halls/{hall}/branches',
  request: { params: HallParam },
  ...answers(z.array(EpochView), 'Epochs that did not continue the head they met'),
})

const balancesRoute = createRoute({
  method: 'get',
  path: '/api/halls/{hall}/balances',
  request: { params: HallParam },
  ...answers(z.array(BalanceView), 'Running balances of all accounts'),
})

type Deps = Pick<HttpDeps, 'reads' | 'presence' | 'now_ms'>

export function hallRoutes(deps: Deps): OpenAPIHono {
  const { reads } = deps
  const app = newRouter()
  app.openapi(listRoute, async (c) => {
    const rows = await reads.halls(c.req.valid('query').only)
    return c.json(
      rows.map((row) => summaryOf(row, deps)),
      200,
    )
  })
  app.openapi(hallRoute, async (c) => c.json(await hallView(deps, c.req.valid('param').hall), 200))
  app.openapi(completenessRoute, async (c) => {
    return c.json(await readCompleteness(deps, c.req.valid('param').hall), 200)
  })
  app.openapi(branchesRoute, async (c) => {
    const { branches } = await readCompleteness(deps, c.req.valid('param').hall)
    return c.json(branches, 200)
  })
  app.openapi(balancesRoute, async (c) => {
    const { hall } = c.req.valid('param')
    return c.json(present(await reads.balances(hall), hall), 200)
  })
  return app
}

async function hallView(deps: Deps, hall: string): Promise<HallView> {
  const [rows, live, complete] = await Promise.all([
    deps.reads.halls([hall]),
    deps.reads.live(hall),
    readCompleteness(deps, hall),
  ])
  const row = present(rows[0] ?? null, hall)
  return {
    ...summaryOf(row, deps),
    live: present(live, hall),
    devices: devicesOf(deps.presence.of(hall)),
    completeness: complete,
  }
}

async function readCompleteness(deps: Deps, hall: string): Promise<Completeness> {
  const rows = await deps.reads.completeness(hall)
  return completenessOf(present(rows, hall), deps)
}
