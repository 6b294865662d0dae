/**
 * Recordings of one device's link, for whoever looks for a fault: started with a bound, stopped,
 * fetched as a file. No card and no PIN is in one; what else a device said is. Installers only, and
 * the file over HTTP only.
 */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import { most_recording_bytes, most_recording_minutes } from '#devices/contract/recording.ts'
import { Name, WallMs } from '#devices/contract/text.ts'
import { Fault } from '#devices/std/fault.ts'
import { type LocalEnv, needsRole } from './guard.ts'
import type { LocalDeps, RecordingDesk } from './ports.ts'
import { bodyOf, DevicePath, route } from './schemas.ts'

const Recording = z
  .object({
    device: Name,
    state: z.enum(['recording', 'kept']),
    started_ms: WallMs,
    bytes: z.int(),
    ended: z
      .enum(['stopped', 'time', 'bytes', 'disk', 'slow', 'unknown'])
      .nullable()
      .meta({ description: 'unknown: it was kept before this program started' }),
  })
  .openapi('Recording')

const Bounds = z.object({
  minutes: z.int().min(1).max(most_recording_minutes).default(10),
  bytes: z.int().min(4096).max(most_recording_bytes).default(most_recording_bytes),
  reconnect: z.boolean().default(true).meta({
    description:
      'End the link first, so that it begins as a session begins and can be played back. Ends what runs: a PIN prompt is over, what a paper became is unknown.',
  }),
})

const list = route(
  { method: 'get', path: '/recordings', summary: 'Recordings under way and on the disk' },
  z.object({ recordings: z.array(Recording) }),
)
const start = route(
  {
    method: 'post',
    path: '/devices/{device}/recording',
    summary:
      'Record what goes over the link of this device, cards replaced by synthetic ones. It takes the place of the one before.',
    request: { params: DevicePath, body: bodyOf(Bounds) },
  },
  Recording,
)
const stop = route(
  {
    method: 'post',
    path: '/devices/{device}/recording/stop',
    summary: 'End the recording; what was recorded stays',
    request: { params: DevicePath },
  },
  Recording,
)

export function addRecordings(api: OpenAPIHono<LocalEnv>, deps: LocalDeps): void {
  api.openapi(list, async (c) => {
    needsRole(c, 'installer')
    return c.json({ recordings: await desk(deps).list() }, 200)
  })
  api.openapi(start, async (c) => {
    needsRole(c, 'installer')
    const { device } = c.req.valid('param')
    return c.json(await desk(deps).start(device, c.req.valid('json')), 200)
  })
  api.openapi(stop, async (c) => {
    needsRole(c, 'installer')
    return c.json(await desk(deps).stop(c.req.valid('param').device), 200)
  })
  api.get('/devices/:device/recording', async (c) => {
    needsRole(c, 'installer')
    // One message is no place for a file.
    if (c.env.session !== undefined) throw new Fault('not_found', 'path')
    const device = c.req.param('device')
    return c.body(await desk(deps).read(device), 200, {
      'content-type': 'application/x-ndjson; charset=utf-8',
      'content-disposition': `attachment; filename="${device}.jsonl"`,
    })
  })
}

function desk({ recordings }: LocalDeps): RecordingDesk {
  if (recordings === undefined) throw new Fault('unavailable', 'nothing is recorded here')
  return recordings
}
