/** The hall as a whole over the local API: business day, counts, kiosk visits, fact time. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import { Fault } from '#devices/std/fault.ts'
import { type LocalEnv, needsHall, needsRole } from './guard.ts'
import type { LocalDeps } from './ports.ts'
import {
  bodyOf,
  Counts,
  DayNow,
  KeyHeader,
  KioskBody,
  OpenDayBody,
  Recorded,
  route,
  TimeBody,
} from './schemas.ts'
import { record, sourceOf } from './write.ts'

const visit = route(
  {
    method: 'post',
    path: '/kiosk-visits',
    summary: 'Somebody was at a kiosk and took no ticket',
    request: { headers: KeyHeader, body: bodyOf(KioskBody) },
  },
  Recorded,
)
const day = route(
  { method: 'get', path: '/day', summary: 'The business day, and whether it is open' },
  DayNow,
)
const open = route(
  {
    method: 'post',
    path: '/day/open',
    summary: 'Open the business day; a person confirms the date where the clock is in doubt',
    request: { headers: KeyHeader, body: bodyOf(OpenDayBody) },
  },
  Recorded,
)
const close = route(
  {
    method: 'post',
    path: '/day/close',
    summary: 'Close the business day: who still waits has left',
    request: { headers: KeyHeader },
  },
  Recorded,
)
const counts = route(
  {
    method: 'get',
    path: '/counts',
    summary: 'Figures of the day, also while the cloud is away',
  },
  Counts,
)
const time = route(
  {
    method: 'post',
    path: '/time',
    summary: 'Step fact time; only where the configuration says so',
    request: { body: bodyOf(TimeBody) },
  },
  z.object({ outcome: z.enum(['moved', 'behind']) }),
)

export function addHall(api: OpenAPIHono<LocalEnv>, deps: LocalDeps): void {
  api.openapi(visit, async (c) => {
    const caller = needsRole(c, 'kiosk', 'clerk', 'replay')
    const ask = { type: 'kiosk.visit', ...c.req.valid('json') } as const
    const source = sourceOf(caller, c.req.valid('header')['idempotency-key'])
    return c.json(await record(deps, ask, source), 200)
  })
  api.openapi(day, (c) => {
    return c.json(deps.hall.day() ?? { day: null, open: false }, 200)
  })
  api.openapi(open, async (c) => {
    const caller = needsHall(c, 'clerk', 'installer', 'replay')
    const ask = { type: 'day.open', ...c.req.valid('json') } as const
    const source = sourceOf(caller, c.req.valid('header')['idempotency-key'])
    return c.json(await record(deps, ask, source), 200)
  })
  api.openapi(close, async (c) => {
    const caller = needsHall(c, 'clerk', 'installer', 'replay')
    const source = sourceOf(caller, c.req.valid('header')['idempotency-key'])
    return c.json(await record(deps, { type: 'day.close' }, source), 200)
  })
  api.openapi(counts, (c) => c.json(deps.hall.counts(), 200))
  api.openapi(time, async (c) => {
    needsRole(c, 'replay')
    if (deps.time === null) throw new Fault('forbidden', 'fact time is real')
    return c.json({ outcome: await deps.time.set(c.req.valid('json').wall_ms) }, 200)
  })
}
