/**
 * The controller's HTTP side as one hono app: API, live page, server-sent events. It decides
 * nothing: reads go to the read port, changes to enrolment and the store.
 *
 * Every trouble is problem JSON `{code, text, detail}` (see {@link ./problem.ts}).
 */
import { getConnInfo } from '@hono/node-server/conninfo'
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { Fault } from '#devices/std/fault.ts'
import { Allowances, type Rate } from '#devices/std/rate.ts'
import type { HttpDeps, HttpOptions } from './deps.ts'
import { type GuardOptions, guard, jsonShape, safeHeaders, sizeLimit } from './guard.ts'
import { errorAnswer, problemAnswer } from './problem.ts'
import { newRouter } from './routes.ts'
import { adminRoutes } from './routes-admin.ts'
import { floorRoutes } from './routes-floor.ts'
import { hallRoutes } from './routes-halls.ts'
import { pageRoutes } from './routes-page.ts'
import { recordRoutes } from './routes-records.ts'
import { streamRoute } from './stream.ts'

/** Far above a page, a reader of a whole log or somebody who enrols a chain of halls in one go. */
const REQUESTS: Rate = { burst: 10_000, a_second: 500 }

const FREE = ['/', '/health', '/login', '/api/session', '/api/enrol', '/api/openapi.json']

export function createHttp(deps: HttpDeps, options: HttpOptions): OpenAPIHono {
  const app = newRouter()
  const door: GuardOptions = { ...deps, open: options.open, peer: options.peer ?? peerAddress }
  app.onError((error, c) => errorAnswer(c, error, deps.log))
  app.notFound((c) => problemAnswer(c, new Fault('not_found', c.req.path.slice(0, 200))))
  app.use(safeHeaders)
  const rates = new Allowances({ ...REQUESTS, ...options.requests })
  const { now_ms } = deps
  app.use(guard(door, { free: new Set([...FREE, ...deps.page.keys()]), rates, now_ms }))
  app.use(sizeLimit)
  app.use(jsonShape)
  app.route('/', pageRoutes(deps, { ...options, door, rates }))
  app.route('/', hallRoutes(deps))
  app.route('/', floorRoutes(deps))
  app.route('/', recordRoutes(deps))
  app.route('/', adminRoutes(deps))
  app.route('/', streamRoute(deps, { ...options, door }))
  document(app, options.version)
  return app
}

function document(app: OpenAPIHono, version: string): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'admin', {
    type: 'http',
    scheme: 'bearer',
    description: "The administrator's token, in the file admin-token of the data folder.",
  })
  app.doc31('/api/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Hallway controller', version },
    security: [{ admin: [] }],
  })
}

function peerAddress(c: Context): string | undefined {
  return getConnInfo(c).remote.address
}
