/**
 * For whoever puts a hall together: which device belongs where, which one is which, and the paper
 * that says how it was handed over.
 */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import { Name, WallMs } from '#devices/contract/text.ts'
import { Fault } from '#devices/std/fault.ts'
import { most_minutes } from '../floor/touch.ts'
import { commissioningReport } from './commissioning.ts'
import { type LocalEnv, needsRole } from './guard.ts'
import type { Installation, LocalDeps } from './ports.ts'
import { bodyOf, DevicePath, route } from './schemas.ts'

const confirm = route(
  {
    method: 'post',
    path: '/devices/{device}/binding',
    summary:
      'The device that answers at this place belongs there from now on: a replacement or a move. `identity` must be what it says it is at this moment.',
    request: {
      params: DevicePath,
      body: bodyOf(z.object({ identity: z.string().min(1).max(128) })),
    },
  },
  z.object({ device: Name, identity: z.string() }).openapi('Binding'),
)

const address = route(
  {
    method: 'post',
    path: '/devices/{device}/address',
    summary:
      'Gives the unit of which a key is held the address of this place, by broadcast. Nothing is sent while some unit answers there.',
    request: { params: DevicePath },
  },
  z
    .object({
      device: Name,
      outcome: z.enum(['accepted', 'taken', 'no_answer', 'not_connected', 'busy']),
    })
    .openapi('AddressGiven'),
)

const Wish = z.object({
  power: z.enum(['on', 'off']).nullable().default(null),
  input: z.string().min(1).max(16).nullable().default(null),
})
const panel = route(
  {
    method: 'post',
    path: '/devices/{device}/panel',
    summary:
      'Power and input of a panel until the gateway starts again; null leaves them. What it refuses is in `facts` of the device.',
    request: { params: DevicePath, body: bodyOf(Wish) },
  },
  z.object({ device: Name }).openapi('PanelSet'),
)

const Touches = z
  .object({
    until_ms: WallMs.nullable(),
    touched: z.array(z.object({ device: Name, at_ms: WallMs })),
  })
  .openapi('Touches')
const touches = route(
  { method: 'get', path: '/touch', summary: 'Which devices were touched, oldest first' },
  Touches,
)
const touch = route(
  {
    method: 'post',
    path: '/touch',
    summary:
      'Identify by touch for some minutes, 0 ends it: keys and cards at counters without a clerk only tell which device it was (ticket panels too: nobody gets a ticket meanwhile), displays show the number of their place.',
    request: { body: bodyOf(z.object({ minutes: z.int().min(0).max(most_minutes) })) },
  },
  Touches,
)

export function addDevices(
  api: OpenAPIHono<LocalEnv>,
  deps: LocalDeps,
  { insecure }: { insecure: boolean },
): void {
  api.openapi(confirm, async (c) => {
    const caller = needsRole(c, 'installer')
    const { device } = c.req.valid('param')
    const { identity } = c.req.valid('json')
    const answer = await installation(deps).confirm(device, identity, caller.name)
    if (answer.outcome === 'refused') throw answer.fault
    return c.json({ device, identity }, 200)
  })
  api.openapi(address, async (c) => {
    needsRole(c, 'installer')
    const { device } = c.req.valid('param')
    return c.json({ device, outcome: await installation(deps).setAddress(device) }, 200)
  })
  api.openapi(panel, async (c) => {
    needsRole(c, 'installer')
    const { device } = c.req.valid('param')
    await installation(deps).setPanel(device, c.req.valid('json'))
    return c.json({ device }, 200)
  })
  api.openapi(touches, (c) => {
    needsRole(c, 'installer')
    return c.json(shown(installation(deps)), 200)
  })
  api.openapi(touch, (c) => {
    needsRole(c, 'installer')
    const there = installation(deps)
    const { minutes } = c.req.valid('json')
    if (minutes === 0) there.touch.end()
    else there.touch.begin(minutes)
    return c.json(shown(there), 200)
  })
  api.get('/commissioning', async (c) => {
    const caller = needsRole(c, 'installer')
    return c.html(
      commissioningReport({
        status: await deps.status(),
        about: deps.hall.about(),
        devices: deps.devices(),
        by: caller.name,
        insecure,
        at_ms: Date.now(),
      }),
    )
  })
}

function shown({ touch }: Installation): z.infer<typeof Touches> {
  const { until_ms, touched } = touch.view()
  return { until_ms, touched: [...touched] }
}

function installation({ installation }: LocalDeps): Installation {
  const there = installation?.() ?? null
  if (there === null) throw new Fault('unavailable', 'the devices are not started yet')
  return there
}
