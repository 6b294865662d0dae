/** Ratings of a hall's counters, clerks and services, and its devices as they are bound to places. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { Day } from '#devices/contract/text.ts'
import type { HttpDeps } from './deps.ts'
import { answers, HallParam, newRouter, present } from './routes.ts'
import { BindingView, RatingsView } from './views-floor.ts'

const ratingsRoute = createRoute({
  method: 'get',
  path: '/api/halls/{hall}/ratings',
  request: { params: HallParam, query: z.object({ day: Day.optional() }) },
  ...answers(RatingsView, 'Ratings by counter, clerk and service; of one day or of all'),
})

const bindingsRoute = createRoute({
  method: 'get',
  path: '/api/halls/{hall}/bindings',
  request: { params: HallParam },
  ...answers(z.array(BindingView), 'Devices with what they say they are and their places'),
})

export function floorRoutes({ reads }: Pick<HttpDeps, 'reads'>): OpenAPIHono {
  const app = newRouter()
  app.openapi(ratingsRoute, async (c) => {
    const { hall } = c.req.valid('param')
    const { day = null } = c.req.valid('query')
    return c.json(present(await reads.ratings(hall, day), hall), 200)
  })
  app.openapi(bindingsRoute, async (c) => {
    const { hall } = c.req.valid('param')
    return c.json(present(await reads.bindings(hall), hall), 200)
  })
  return app
}
