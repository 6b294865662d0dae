/** The live page, the way in to it, and the state of this program. */
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { setCookie } from 'hono/cookie'
import { Fault } from '#devices/std/fault.ts'
import type { PagePart } from '../console/files.ts'
import type { HttpDeps, HttpOptions } from './deps.ts'
import { COOKIE, credentialOf, type GuardOptions, sameOrigin } from './guard.ts'
import { newRouter } from './routes.ts'

type Deps = Pick<HttpDeps, 'access' | 'page' | 'health' | 'now_ms'>
type Options = Pick<HttpOptions, 'version' | 'insecure' | 'secure_cookie'> & {
  door: GuardOptions
  rates: { readonly refused: number }
}

const LogIn = z.strictObject({ token: z.string().max(256) })
const SESSION_S = 12 * 60 * 60

export function pageRoutes(deps: Deps, options: Options): OpenAPIHono {
  const app = newRouter()
  app.get('/', (c) => {
    const code = c.req.query('login')
    if (code === undefined) return part(c, deps.page.get('/'))
    const session = deps.access.spendCode(code)
    if (session !== null) letIn(c, session, options)
    // Away from the address that holds the code, also when it was spent.
    return c.redirect('/', 303)
  })
  for (const path of deps.page.keys()) {
    if (path !== '/') app.get(path, (c) => part(c, deps.page.get(path)))
  }
  app.post('/login', async (c) => {
    if (c.req.header('origin') !== undefined && !sameOrigin(c))
      throw new Fault('forbidden', 'origin')
    const body = LogIn.safeParse(await c.req.json().catch(() => null))
    const session = body.success ? deps.access.logIn(body.data.token.trim()) : null
    if (session === null) throw new Fault('unauthorised')
    letIn(c, session, options)
    return c.json({ ok: true })
  })
  app.get('/api/session', (c) => {
    const credential = credentialOf(c, options.door)
    const { version, insecure } = options
    return c.json({ credential, version, insecure, now_ms: deps.now_ms() })
  })
  app.get('/health', (c) => health(c, deps, options))
  return app
}

function letIn(c: Context, session: string, options: Options): void {
  setCookie(c, COOKIE, session, {
    httpOnly: true,
    sameSite: 'Strict',
    secure: options.secure_cookie,
    path: '/',
    maxAge: SESSION_S,
  })
}

function part(c: Context, found: PagePart | undefined): Response {
  if (found === undefined) throw new Fault('not_found')
  c.header('cache-control', 'no-cache')
  c.header('etag', found.etag)
  if (c.req.header('if-none-match') === found.etag) return c.body(null, 304)
  return c.body(found.text, 200, { 'content-type': found.type })
}

async function health(c: Context, deps: Deps, { version, rates }: Options): Promise<Response> {
  const parts = await deps.health()
  const ok = Object.values(parts).every(Boolean)
  const refused = { too_fast: rates.refused }
  return c.json({ ok, version, parts, refused }, ok ? 200 : 503)
}
