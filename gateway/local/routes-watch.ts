/**
 * For whoever looks after the gateway, and for pages that follow the hall: its state, its devices,
 * and a stream of what is shown.
 */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import { streamSSE } from 'hono/streaming'
import { Position } from '#devices/contract/position.ts'
import type { Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import { boardOf } from './board.ts'
import type { EventClient } from './events.ts'
import { type LocalEnv, needsRole } from './guard.ts'
import type { LocalDeps } from './ports.ts'
import { bodyOf, Device, DevicePath, route } from './schemas.ts'

const Status = z
  .object({
    gateway: z.string(),
    hall: z.string().nullable(),
    hall_name: z.object({ zh: z.string(), en: z.string() }).nullable(),
    zone: z.string().nullable(),
    version: z.string(),
    config_version: z.int(),
    insecure: z.boolean(),
    log: z.object({
      epoch: z.string(),
      epoch_number: z.int(),
      parent: Position.nullable(),
      head: z.object({ seq: z.int(), hash: z.string() }),
      receipted: Position.nullable(),
      unbooked: z.int(),
      unbooked_since_ms: z.int().nullable(),
      bytes: z.int(),
      /** These stay until an installer clears them. */
      alarms: z.array(z.string()),
    }),
    not_owner: z.boolean(),
    link: z.object({
      state: z.enum(['connecting', 'up', 'waiting', 'closed']),
      reason: z.string(),
      attempts: z.int(),
      refused_messages: z.int(),
    }),
    skew: z.object({ skew_ms: z.int(), skew_error_ms: z.int() }).nullable(),
    clock: z.object({
      source: z.enum(['real', 'stepped']),
      set: z.boolean(),
      wall_ms: z.int().nullable(),
    }),
    disk: z.object({ used_bytes: z.int(), quota_bytes: z.int() }),
    alarms: z.array(z.string()),
    pages: z.object({ open: z.int(), cut_off: z.int() }),
    channels: z.record(z.string(), z.record(z.string(), z.int())),
  })
  .openapi('Status')

const status = route(
  { method: 'get', path: '/status', summary: 'Log, clock, disk, link to the cloud, alarms' },
  Status,
)
const devices = route(
  {
    method: 'get',
    path: '/devices',
    summary: 'Every device with state, counters, last frames masked',
  },
  z.object({ devices: z.array(Device) }),
)
const device = route(
  {
    method: 'get',
    path: '/devices/{device}',
    summary: 'One device',
    request: { params: DevicePath },
  },
  Device,
)

const clearAlarm = route(
  {
    method: 'post',
    path: '/alarms/clear',
    summary: 'Somebody has seen an alarm of the hall log and looked after it: it is shown no more.',
    request: { body: bodyOf(z.object({ alarm: z.string().min(1).max(128) })) },
  },
  z.object({ alarm: z.string() }).openapi('AlarmCleared'),
)

const BEAT_MS = 15_000

export function addWatch(
  api: OpenAPIHono<LocalEnv>,
  deps: LocalDeps,
  { insecure, pace }: { insecure: boolean; pace: Pace },
): void {
  api.openapi(status, async (c) => {
    needsRole(c, 'installer', 'clerk', 'replay')
    const now = await deps.status()
    const alarms = [...new Set([...now.alarms, ...now.log.alarms])]
    const about = deps.hall.about()
    const named = { hall_name: about?.hall_name ?? null, zone: about?.zone ?? null }
    const pages = { open: deps.events.clients, cut_off: deps.events.cutOff }
    const counted = [...(deps.channels ?? [])].map(([name, counts]) => [name, { ...counts() }])
    const channels = Object.fromEntries(counted)
    return c.json({ ...now, ...named, insecure, alarms, pages, channels }, 200)
  })
  api.openapi(clearAlarm, async (c) => {
    const caller = needsRole(c, 'installer')
    const { alarm } = c.req.valid('json')
    if (!(await deps.clearAlarm(alarm, caller.name))) throw new Fault('not_found', 'alarm')
    return c.json({ alarm }, 200)
  })
  api.openapi(devices, (c) => {
    needsRole(c, 'installer', 'replay')
    return c.json({ devices: deps.devices().map(showDevice) }, 200)
  })
  api.openapi(device, (c) => {
    needsRole(c, 'installer', 'replay')
    const wanted = c.req.valid('param').device
    const found = deps.devices().find((one) => one.device === wanted)
    if (found === undefined) throw new Fault('not_found', 'device')
    return c.json(showDevice(found), 200)
  })
  addEvents(api, deps, pace)
}

function showDevice(view: ReturnType<LocalDeps['devices']>[number]): z.infer<typeof Device> {
  const { counters, frames, assumptions } = view
  return {
    ...view,
    counters: { ...counters },
    frames: [...frames],
    assumptions: [...assumptions],
  }
}

/** Server-sent events: the state of every counter and the board at first, then what changes. */
function addEvents(api: OpenAPIHono<LocalEnv>, deps: LocalDeps, pace: Pace): void {
  api.get('/events', (c) => {
    const client = deps.events.connect(c.var.caller.name, () => c.env.outgoing?.destroy())
    if (client === null) throw new Fault('overloaded', 'too many pages open')
    return streamSSE(c, async (stream) => {
      stream.onAbort(() => client.close())
      try {
        const counters = deps.hall.counters()
        const hello = { counters, board: boardOf(deps.hall) }
        await stream.writeSSE({ event: 'hello', data: JSON.stringify(hello) })
        await follow(client, pace, (event, data) => stream.writeSSE({ event, data }))
      } finally {
        client.close()
      }
    })
  })
}

async function follow(
  client: EventClient,
  pace: Pace,
  send: (event: string, data: string) => Promise<void>,
): Promise<void> {
  let next = client.next()
  for (;;) {
    const beat = Promise.withResolvers<'beat'>()
    const cancel = pace.after(BEAT_MS, 'page heartbeat', () => beat.resolve('beat'))
    const events = await Promise.race([next, beat.promise])
    cancel()
    if (events === null) return
    if (events === 'beat') {
      await send('beat', '{}')
      continue
    }
    for (const event of events) await send(event.type, JSON.stringify(event))
    next = client.next()
  }
}
