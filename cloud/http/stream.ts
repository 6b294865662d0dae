/**
 * `/api/stream`: server-sent events for the live page. An event names what changed; the page reads
 * it again. At most `streams_max` streams; changes are merged and sent at most four times a second;
 * a beat every 15 s keeps proxies from cutting the line and lets the page notice a dead one. A stream
 * ends with the session it was opened in. Raises `overloaded`.
 */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { streamSSE } from 'hono/streaming'
import { Fault } from '#devices/std/fault.ts'
import type { HttpDeps, HttpOptions } from './deps.ts'
import { credentialOf, type GuardOptions } from './guard.ts'
import type { LiveEvent } from './live.ts'
import { newRouter } from './routes.ts'

const STREAMS_MAX = 200
const MERGE_MS = 250
const HEARTBEAT_MS = 15_000
/** What a browser waits before it connects again. */
const RETRY_MS = 2_000

type Options = Pick<HttpOptions, 'streams_max'> & { door: GuardOptions }

export function streamRoute(
  { live, now_ms }: Pick<HttpDeps, 'live' | 'now_ms'>,
  options: Options,
): OpenAPIHono {
  const app = newRouter()
  app.get('/api/stream', (c) => {
    if (live.watchers >= (options.streams_max ?? STREAMS_MAX))
      throw new Fault('overloaded', 'streams')
    c.header('cache-control', 'no-store')
    c.header('x-accel-buffering', 'no')
    const watch = live.subscribe()
    const isAllowed = () => credentialOf(c, options.door) !== null
    return streamSSE(c, async (stream) => {
      stream.onAbort(() => watch.close())
      const send = (event: string, data: object) =>
        stream.writeSSE({ event, data: JSON.stringify(data), retry: RETRY_MS })
      const beat = setInterval(() => {
        if (isAllowed()) send('beat', { now_ms: now_ms() }).catch(() => watch.close())
        else watch.close()
      }, HEARTBEAT_MS)
      try {
        await send('hello', { now_ms: now_ms() })
        for (let events = await watch.next(); events.length > 0; events = await watch.next()) {
          if (!isAllowed()) break
          await send('changed', changed(events, now_ms()))
          await stream.sleep(MERGE_MS)
        }
      } finally {
        clearInterval(beat)
        watch.close()
      }
    })
  })
  return app
}

function changed(halls: LiveEvent[], now_ms: number): object {
  return { now_ms, halls }
}
