import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { get } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadPage } from '../../cloud/console/files.ts'
import { UNKNOWN } from '../../cloud/health/presence.ts'
import { createAccess } from '../../cloud/http/access.ts'
import { createHttp } from '../../cloud/http/app.ts'
import type { HttpDeps, HttpOptions } from '../../cloud/http/deps.ts'
import { createLiveFeed } from '../../cloud/http/live.ts'
import { serve } from '../../cloud/http/serve.ts'
import { Fault } from '../../devices/std/fault.ts'
import { silent } from '../../devices/std/log.ts'

const TOKEN = 'the-token'
const json = { 'content-type': 'application/json' }
const bearer = { authorization: `Bearer ${TOKEN}` }

const page = await loadPage()
const has_openssl = spawnSync('openssl', ['version']).status === 0

/** No database: every read finds no hall, every change says who called it. */
function open(options: Partial<HttpOptions> = {}) {
  const clock = { now_ms: 1_000 }
  const now_ms = () => clock.now_ms
  const none = async () => null
  const live = createLiveFeed()
  const access = createAccess(TOKEN, now_ms)
  const issued = async (hall: string) => ({ hall, token: 't', expires_ms: 1 })
  const deps: HttpDeps = {
    reads: {
      ...{ halls: async () => [], live: none, completeness: none, visits: none, day: none },
      ...{ balances: none, entries: none, rejected: none, log: none },
      ...{ ratings: none, bindings: none },
    },
    enrolment: {
      ...{ createHall: issued, newToken: issued, replacementToken: issued },
      enrol: async () => {
        throw new Fault('token_spent')
      },
      authenticate: async () => null,
    },
    presence: { of: () => UNKNOWN },
    reproject: async (hall) => {
      if (hall === 'broken') throw new TypeError('secret: 110101199003070000')
      return { build: 2, records: 0, rejected: 0 }
    },
    projections: ['visits'],
    health: async () => ({ database: clock.now_ms < 2_000 }),
    ...{ live, access, page, now_ms, log: silent },
  }
  const app = createHttp(deps, {
    ...{ version: '1', insecure: [], open: false, secure_cookie: false, peer: () => '127.0.0.1' },
    ...options,
  })
  return {
    app,
    access,
    live,
    clock,
    ask: (path: string, init?: RequestInit) => app.request(path, init),
  }
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever was answered
const bodyOf = (answer: Response): Promise<any> => answer.json()
const cookieOf = (answer: Response) => (answer.headers.get('set-cookie') ?? '').split(';')[0]!

describe('who may do what', () => {
  it('refuses every path of the API without a credential, but for its description and enrolment', async () => {
    const { ask } = open()
    const document = await bodyOf(await ask('/api/openapi.json'))
    for (const [path, item] of Object.entries<Record<string, { summary?: string }>>(
      document.paths,
    )) {
      for (const [method, { summary }] of Object.entries(item)) {
        expect([method, path, summary]).toEqual([method, path, expect.any(String)])
        const at = path.replace('{hall}', 'h1').replace('{day}', '2026-01-01')
        const { status } = await ask(at, { method: method.toUpperCase() })
        expect([method, path, status === 401]).toEqual([method, path, path !== '/api/enrol'])
      }
    }
    expect(Object.keys(document.paths)).toHaveLength(16)
    expect((await ask('/api/stream')).status).toBe(401)
  })

  it('takes the token as bearer and nothing like it', async () => {
    const { ask } = open()
    expect((await ask('/api/halls', { headers: bearer })).status).toBe(200)
    for (const authorization of ['Bearer the-toke', 'Bearer ', 'Basic the-token', 'the-token'])
      expect((await ask('/api/halls', { headers: { authorization } })).status).toBe(401)
  })

  it('lets a browser in by a code, once, and not by its address afterwards', async () => {
    const { ask, access, clock } = open()
    const code = access.loginCode()
    const first = await ask(`/?login=${code}`)
    expect([first.status, first.headers.get('location')]).toEqual([303, '/'])
    expect(first.headers.get('set-cookie')).toMatch(/HttpOnly; SameSite=Strict/)
    const headers = { cookie: cookieOf(first) }
    expect((await ask('/api/halls', { headers })).status).toBe(200)
    expect((await ask(`/?login=${code}`)).headers.get('set-cookie')).toBe(null)
    clock.now_ms += 13 * 3_600_000
    expect((await ask('/api/halls', { headers })).status).toBe(401)
  })

  it('lets nobody in by a code that lay in a log file for long', async () => {
    const { ask, access, clock } = open()
    const code = access.loginCode()
    clock.now_ms += 16 * 60_000
    expect((await ask(`/?login=${code}`)).headers.get('set-cookie')).toBe(null)
  })

  it('logs in with the token, and not with another', async () => {
    const { ask } = open({ secure_cookie: true })
    const logIn = (token: unknown) =>
      ask('/login', { method: 'POST', headers: json, body: JSON.stringify({ token }) })
    expect((await logIn('wrong')).status).toBe(401)
    expect((await logIn(5)).status).toBe(401)
    const answer = await logIn(TOKEN)
    expect(answer.headers.get('set-cookie')).toMatch(/Secure/)
    expect(await answer.text()).not.toContain(TOKEN)
  })

  it('refuses a change that another site asks a logged-in browser for', async () => {
    const { ask, access } = open()
    const cookie = cookieOf(await ask(`/?login=${access.loginCode()}`))
    const post = (origin?: string) =>
      ask('/api/halls/h1/replace', {
        method: 'POST',
        headers: { cookie, ...(origin !== undefined && { origin }) },
      })
    expect((await post('http://evil.example')).status).toBe(403)
    expect((await post()).status).toBe(403)
    expect((await post('http://localhost')).status).toBe(200)
  })

  it('forgets the oldest of too many sessions instead of growing', () => {
    const access = createAccess(TOKEN, () => 0)
    const first = access.logIn(TOKEN)!
    for (let i = 0; i < 1_000; i++) access.logIn(TOKEN)
    expect(access.isSession(first)).toBe(false)
    expect(access.isSession(access.logIn(TOKEN)!)).toBe(true)
  })
})

describe('an open console', () => {
  const status = async (options: Partial<HttpOptions>, path: string, init?: RequestInit) =>
    (await open({ open: true, ...options }).ask(path, init)).status

  it('shows the live page on loopback, and nothing else', async () => {
    expect(await status({}, '/api/halls')).toBe(200)
    expect(await status({}, '/api/halls/h1')).toBe(404)
    expect(await status({}, '/api/halls/h1/ratings')).toBe(404)
    expect(await status({}, '/api/halls/h1/visits')).toBe(401)
    expect(await status({}, '/api/halls/h1/bindings')).toBe(401)
    expect(await status({}, '/api/halls/h1/log?epoch=0')).toBe(401)
    expect(await status({}, '/api/halls', { method: 'POST', headers: json, body: '{}' })).toBe(401)
    expect(await status({}, '/api/halls/h1/replace', { method: 'POST' })).toBe(401)
  })

  it('is closed to other machines, proxies and names that were bent to this address', async () => {
    expect(await status({ peer: () => '10.0.0.8' }, '/api/halls')).toBe(401)
    expect(await status({ peer: () => undefined }, '/api/halls')).toBe(401)
    expect(await status({ peer: () => '::ffff:127.0.0.1' }, '/api/halls')).toBe(200)
    expect(await status({}, 'http://rebound.example/api/halls')).toBe(401)
    const proxied = { headers: { 'x-forwarded-for': '10.0.0.8' } }
    expect(await status({}, '/api/halls', proxied)).toBe(401)
  })
})

describe('bad requests', () => {
  const post = async (path: string, body: string, headers: Record<string, string> = json) => {
    const init = { method: 'POST', headers: { ...bearer, ...headers }, body }
    const answer = await open().ask(path, init)
    return { status: answer.status, ...(await bodyOf(answer)) }
  }

  it('are problems with a code, never a stack', async () => {
    expect(await post('/api/halls', '{"hall":')).toMatchObject({ status: 400, code: 'malformed' })
    expect(await post('/api/halls', '')).toMatchObject({ status: 400, code: 'malformed' })
    const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`
    expect(await post('/api/halls', deep)).toMatchObject({ status: 400, code: 'too_deep' })
    const large = JSON.stringify('x'.repeat(70_000))
    expect(await post('/api/halls', large)).toMatchObject({ status: 413, code: 'too_large' })
    expect(await post('/api/halls', '{}', { 'content-type': 'text/plain' })).toMatchObject({
      code: expect.stringMatching(/^(invalid|malformed)$/),
    })
    expect(await post('/api/nothing', '{}')).toMatchObject({ status: 404, code: 'not_found' })
  })

  it('are cut off when they stream more than they may', async () => {
    const chunk = new Uint8Array(16_384).fill(0x20)
    let sent = 0
    const body = new ReadableStream({
      pull(controller) {
        if (sent++ > 1_000) controller.close()
        else controller.enqueue(chunk)
      },
    })
    const init = { method: 'POST', headers: { ...bearer, ...json }, body, duplex: 'half' }
    const answer = await open().ask('/api/halls', init as RequestInit)
    expect(answer.status).toBe(413)
    expect(sent).toBeLessThan(20)
  })

  it('have every problem named with its path', async () => {
    const { ask } = open()
    const path = `/api/halls/h1/visits?limit=0&after=x&day=May&outcome=gone`
    const body = await bodyOf(await ask(path, { headers: bearer }))
    expect(body.code).toBe('invalid')
    const paths = body.problems.map((problem: { path: string }) => problem.path)
    expect(paths.sort()).toEqual(['after', 'day', 'limit', 'outcome'])
  })

  it('are rules with a zone that no gateway could start in', async () => {
    const service = { service: 's', name: { zh: '甲', en: 'A' } }
    const rules = {
      ...{ hall_name: service.name, zone: 'Asia/Shanghai', counters: ['1'] },
      classes: [{ class: 'o', name: service.name, credit_s: 0 }],
      services: [{ ...service, band: { prefix: 'A', first: 1, last: 9, digits: 1 } }],
    }
    const make = (zone: string) =>
      post('/api/halls', JSON.stringify({ hall: 'h1', rules: { ...rules, zone } }))
    expect((await make('Asia/Shanghai')).status).toBe(200)
    expect(await make('Asia/Nowhere')).toMatchObject({
      ...{ status: 422, code: 'invalid' },
      problems: [{ path: 'rules.zone' }],
    })
  })

  it('do not tell what went wrong inside', async () => {
    const answer = await post('/api/halls/broken/reproject', '')
    expect(answer).toEqual({
      ...{ status: 500, code: 'internal', text: 'a mistake of this program', detail: '' },
    })
  })
})

describe('how fast one credential may ask', () => {
  const requests = { burst: 5, a_second: 2 }
  const statuses = async (times: number, ask: () => Promise<Response> | Response) => {
    const all: number[] = []
    for (let i = 0; i < times; i++) all.push((await ask()).status)
    return all
  }

  it('is a burst, then so many a second; who asks too fast is told to wait, and is counted', async () => {
    const { ask, clock } = open({ requests })
    const halls = () => ask('/api/halls', { headers: bearer })
    expect(await statuses(7, halls)).toEqual([200, 200, 200, 200, 200, 429, 429])
    const refused = await halls()
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await bodyOf(refused)).toMatchObject({ code: 'too_fast' })
    clock.now_ms += 500
    expect(await statuses(2, halls)).toEqual([200, 429])
    // A clock that is put back neither opens the door nor keeps it shut.
    clock.now_ms -= 3_600_000
    expect(await statuses(1, halls)).toEqual([429])
    clock.now_ms += 500
    expect(await statuses(2, halls)).toEqual([200, 429])
    expect((await bodyOf(await ask('/health'))).refused).toEqual({ too_fast: 6 })
  })

  it('is counted for each session and the token apart; what needs no login is free', async () => {
    const { ask, access } = open({ requests, open: true })
    const cookies = [access.logIn(TOKEN), access.logIn(TOKEN)].map((session) => {
      return { cookie: `hallway_session=${session}` }
    })
    for (const headers of [bearer, ...cookies, {}]) {
      const halls = () => ask('/api/halls', { headers: headers as Record<string, string> })
      expect(await statuses(6, halls)).toEqual([200, 200, 200, 200, 200, 429])
    }
    for (const path of ['/', '/health', '/api/session', '/api/openapi.json'])
      expect(new Set(await statuses(20, () => ask(path)))).toEqual(new Set([200]))
  })

  it('is counted by address for whoever has none, at every door', async () => {
    const { ask, clock } = open({ requests })
    const wrong = { headers: { authorization: 'Bearer no' } }
    expect(await statuses(4, () => ask('/api/visits', wrong))).toEqual([401, 401, 401, 401])
    const logIn = () => ask('/login', { method: 'POST', body: JSON.stringify({ token: 'guess' }) })
    expect(await statuses(2, logIn)).toEqual([401, 429])
    // Whoever has a credential is not kept out by one who tries to guess it from the same place.
    expect((await ask('/api/halls', { headers: bearer })).status).toBe(200)
    clock.now_ms += 500
    expect(await statuses(2, logIn)).toEqual([401, 429])
  })

  it('leaves the live stream alone', async () => {
    const { ask } = open({ requests })
    await statuses(6, () => ask('/api/halls', { headers: bearer }))
    const stream = await ask('/api/stream', { headers: bearer })
    expect(stream.status).toBe(200)
    await stream.body?.cancel()
  })
})

describe('the live stream', () => {
  /** Reads the stream until `wanted` events came. */
  async function events(answer: Response, wanted: number) {
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (text.split('\n\n').length <= wanted) text += (await reader.read()).value ?? ''
    const blocks = text.split('\n\n').slice(0, wanted)
    const parsed = blocks.map((block) => ({
      event: /^event: (.*)$/m.exec(block)?.[1],
      data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? 'null'),
    }))
    return { parsed, reader }
  }

  it('ends with the session it was opened in', async () => {
    const { ask, access, live } = open()
    const session = access.logIn(TOKEN)!
    const answer = await ask('/api/stream', { headers: { cookie: `hallway_session=${session}` } })
    live.publish({ hall: 'a', topics: ['log'], place: 1 })
    const { parsed, reader } = await events(answer, 2)
    expect(parsed[1]?.event).toBe('changed')
    access.logOut(session)
    live.publish({ hall: 'a', topics: ['log'], place: 2 })
    expect(await reader.read()).toEqual({ done: true, value: undefined })
    expect(live.watchers).toBe(0)
  })

  it('tells what changed, merged by hall, and ends with its reader', async () => {
    const { ask, live } = open()
    const answer = await ask('/api/stream', { headers: bearer })
    expect(answer.headers.get('content-type')).toMatch('text/event-stream')
    live.publish({ hall: 'a', topics: ['log'], place: 3 })
    live.publish({ hall: 'b', topics: ['presence'] })
    live.publish({ hall: 'a', topics: ['rows'], place: 9 })
    const { parsed, reader } = await events(answer, 2)
    expect(parsed[0]).toEqual({ event: 'hello', data: { now_ms: 1_000 } })
    expect(parsed[1]?.data.halls).toEqual([
      { hall: 'a', topics: ['log', 'rows'], place: 9 },
      { hall: 'b', topics: ['presence'] },
    ])
    expect(live.watchers).toBe(1)
    await reader.cancel()
    await expect.poll(() => live.watchers).toBe(0)
  })

  it('has a bound', async () => {
    const { ask, live } = open({ streams_max: 2 })
    const streams = [await ask('/api/stream', { headers: bearer })]
    streams.push(await ask('/api/stream', { headers: bearer }))
    const refused = await ask('/api/stream', { headers: bearer })
    expect([refused.status, (await bodyOf(refused)).code]).toEqual([503, 'overloaded'])
    for (const stream of streams) await stream.body?.cancel()
    await expect.poll(() => live.watchers).toBe(0)
  })

  it('does not grow while nobody reads', async () => {
    const live = createLiveFeed()
    const watch = live.subscribe()
    for (let i = 0; i < 100_000; i++) live.publish({ hall: `h${i % 3}`, topics: ['log'], place: i })
    expect(await watch.next()).toHaveLength(3)
    watch.close()
    expect(await watch.next()).toEqual([])
  })
})

describe('the page', () => {
  it('comes whole from here and may load nothing from elsewhere', async () => {
    const { ask } = open()
    const answer = await ask('/')
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    let size = 0
    for (const { text } of page.values()) {
      size += text.length
      expect(text).not.toMatch(/(src|href)="https?:|@import|url\(http/)
    }
    expect(size).toBeLessThan(200_000)
    const etag = answer.headers.get('etag')!
    expect((await ask('/', { headers: { 'if-none-match': etag } })).status).toBe(304)
  })

  it('says what is not protected', async () => {
    const { ask } = open({ insecure: ['http 0.0.0.0:8080'] })
    const body = await (await ask('/api/session')).json()
    expect(body).toMatchObject({ insecure: ['http 0.0.0.0:8080'], credential: null })
  })
})

describe('listening', () => {
  const at = { host: '127.0.0.1', port: 0, insecure: false }

  it('serves, tells a busy port, and closes with streams open', async () => {
    const { app } = open({ open: true })
    const listening = await serve(app, at)
    expect((await fetch(`${listening.url}/health`)).status).toBe(200)
    const busy = serve(app, { ...at, port: listening.port })
    await expect(busy).rejects.toMatchObject({ code: 'port_in_use' })
    await fetch(`${listening.url}/api/stream`, { headers: bearer })
    await listening.close()
    await expect(fetch(`${listening.url}/health`)).rejects.toThrow()
  })

  it.skipIf(!has_openssl)('speaks TLS (skipped without openssl)', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hallway-tls-'))
    const tls = { key: join(dir, 'key.pem'), cert: join(dir, 'cert.pem') }
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
    const files = ['-keyout', tls.key, '-out', tls.cert]
    execFileSync('openssl', ['req', '-x509', ...curve, ...subject, ...files], { stdio: 'ignore' })
    const { app } = open()
    const listening = await serve(app, { ...at, host: '0.0.0.0', tls })
    const url = { host: '127.0.0.1', port: listening.port, path: '/health' }
    const ca = await readFile(tls.cert)
    const status = await new Promise((resolve, reject) => {
      get({ ...url, ca }, (answer) => resolve(answer.statusCode)).on('error', reject)
    })
    expect(status).toBe(200)
    await listening.close()
    const missing = serve(app, { ...at, tls: { ...tls, key: join(dir, 'none') } })
    await expect(missing).rejects.toMatchObject({ code: 'not_found' })
    await rm(dir, { recursive: true })
  })

  it('refuses to leave loopback without TLS unless told so', async () => {
    const { app } = open()
    const outside = serve(app, { ...at, host: '0.0.0.0' })
    await expect(outside).rejects.toMatchObject({ code: 'insecure' })
    await (await serve(app, { ...at, host: '0.0.0.0', insecure: true })).close()
  })

  it('cuts off a connection on which nothing moves any more', async () => {
    const { app, live } = open({ open: true })
    const listening = await serve(app, { ...at, idle_ms: 200 })
    const deaf = connectTcp(listening.port, '127.0.0.1')
    deaf.on('error', () => {})
    deaf.write('GET /api/stream HTTP/1.1\r\nhost: localhost\r\n\r\n')
    // Greeted, so it is one of those who watch; how long it stays one is what is tried.
    const [head] = (await once(deaf, 'data')) as [Buffer]
    deaf.pause()
    expect(String(head)).toContain('200 OK')
    await expect.poll(() => live.watchers).toBe(0)
    deaf.destroy()
    await listening.close()
  })

  it('says which part is down', async () => {
    const { ask, clock } = open()
    clock.now_ms = 3_000
    const answer = await ask('/health')
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({ ok: false, parts: { database: false } })
  })
})
