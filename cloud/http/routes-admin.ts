/** Changes: halls, tokens, re-projection; and the trade by which a gateway enrols. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { EnrolAnswer, EnrolRequest } from '#devices/contract/enrolment.ts'
import { HallRules } from '#devices/contract/hall-rules.ts'
import { HallId, Name } from '#devices/contract/text.ts'
import type { HttpDeps } from './deps.ts'
import { answers, HallParam, jsonBody, newRouter } from './routes.ts'

const IssuedToken = z.object({
  hall: HallId,
  /** Told once, kept hashed. */
  token: z.string(),
  expires_ms: z.int(),
})

const Reprojection = z.object({
  projection: z.string(),
  build: z.int(),
  records: z.int(),
  rejected: z.int(),
})

/** A zone that nobody knows would keep the hall's gateway from starting. */
const NewRules = HallRules.refine(({ zone }) => isZone(zone), {
  path: ['zone'],
  error: 'not a time zone',
})

const createHallRoute = createRoute({
  method: 'post',
  path: '/api/halls',
  request: { body: jsonBody(z.strictObject({ hall: HallId, rules: NewRules })) },
  ...answers(IssuedToken, 'The hall is made; the token enrols its gateway within 24 hours'),
})

const tokenRoute = createRoute({
  method: 'post',
  path: '/api/halls/{hall}/token',
  request: { params: HallParam },
  ...answers(IssuedToken, 'A new token, for a hall without an owner or its owner again'),
})

const replaceRoute = createRoute({
  method: 'post',
  path: '/api/halls/{hall}/replace',
  request: { params: HallParam },
  ...answers(IssuedToken, 'A token that moves the hall to the gateway that brings it'),
})

const reprojectRoute = createRoute({
  method: 'post',
  path: '/api/halls/{hall}/reproject',
  request: { params: HallParam, query: z.object({ projection: Name.optional() }) },
  ...answers(
    z.array(Reprojection),
    'The projection, or every one of them, was built anew from the log and swapped in',
  ),
})

const enrolRoute = createRoute({
  method: 'post',
  path: '/api/enrol',
  security: [],
  request: { body: jsonBody(EnrolRequest) },
  ...answers(EnrolAnswer, 'Credential, keys and ownership; the token is spent'),
})

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) !== undefined
  } catch {
    return false
  }
}

type Deps = Pick<HttpDeps, 'enrolment' | 'live' | 'projections' | 'reproject' | 'log'>

export function adminRoutes(deps: Deps): OpenAPIHono {
  const { enrolment, live, projections, reproject, log } = deps
  const app = newRouter()
  app.openapi(createHallRoute, async (c) => {
    const { hall, rules } = c.req.valid('json')
    const issued = await enrolment.createHall(hall, rules)
    log('info', 'hall.created', { hall })
    live.publish({ hall, topics: ['hall'] })
    return c.json(issued, 200)
  })
  app.openapi(tokenRoute, async (c) => {
    return c.json(await enrolment.newToken(c.req.valid('param').hall), 200)
  })
  app.openapi(replaceRoute, async (c) => {
    const { hall } = c.req.valid('param')
    log('warn', 'hall.replacement_confirmed', { hall })
    return c.json(await enrolment.replacementToken(hall), 200)
  })
  app.openapi(reprojectRoute, async (c) => {
    const { hall } = c.req.valid('param')
    const { projection: only } = c.req.valid('query')
    const made: z.infer<typeof Reprojection>[] = []
    for (const projection of only === undefined ? projections : [only]) {
      made.push({ projection, ...(await reproject(hall, projection)) })
    }
    live.publish({ hall, topics: ['rows'] })
    return c.json(made, 200)
  })
  app.openapi(enrolRoute, async (c) => {
    const answer = await enrolment.enrol(c.req.valid('json'))
    log('info', 'hall.enrolled', { hall: answer.hall, fence: answer.fence })
    live.publish({ hall: answer.hall, topics: ['hall'] })
    c.header('cache-control', 'no-store')
    return c.json(answer, 200)
  })
  return app
}
