/** Recordings as an installer handles them: who may, how long, how large, what is left of them. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readRecording } from '#devices/contract/recording.ts'
import type { Pace } from '#devices/std/clock.ts'
import { silent } from '#devices/std/log.ts'
import { realPace } from '../../gateway/pace.ts'
import { Recordings } from '../../gateway/recording/recordings.ts'
import { Tap } from '../../gateway/recording/tap.ts'
import type { LinkHandlers, Transport } from '../../gateway/transports/transport.ts'
import { VirtualPace } from '../drivers/wired.ts'
import { greeted } from '../gateway/kiosk/client.ts'
import { openHall, type Who } from '../gateway/local-fixture.ts'

/** A link that a test speaks for. */
function wire() {
  const said: number[][] = []
  let handlers: LinkHandlers | null = null
  const transport: Transport = {
    address: 'tcp://wire',
    async open(given) {
      handlers = given
      return {
        write: (bytes) => said.push([...bytes]),
        close: () => {
          handlers = null
          given.onClose('closed')
        },
      }
    },
  }
  return { transport, said, say: (...bytes: number[]) => handlers?.onData(Uint8Array.from(bytes)) }
}

async function open(pace: Pace = realPace, options: { most_kept_bytes?: number } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-recordings-'))
  const logged: string[] = []
  const parts = {
    pace,
    wall_ms: () => Date.now(),
    log: (...event: unknown[]) => logged.push(JSON.stringify(event)),
  }
  const recordings = new Recordings(join(folder, 'recordings'), parts, options)
  const far = wire()
  const place = (device: string, type = 'call_pad') => {
    const tap = recordings.tap({ device, type, at: 'tcp://wire' })
    return tap(far.transport).open({ onData: () => {}, onClose: () => {} })
  }
  const read = async (device: string) => new Response(await recordings.read(device)).text()
  const dispose = async () => {
    await recordings[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
  return { folder, logged, recordings, far, place, read, [Symbol.asyncDispose]: dispose }
}

const bounds = { minutes: 10, bytes: 64 * 1024, reconnect: false }

it('a tap hands everything on, heard or not, and tells what went by', async () => {
  const far = wire()
  const heard: unknown[] = []
  const tap = new Tap()
  const came: number[][] = []
  const link = await tap.wrap(far.transport).open({
    onData: (bytes) => came.push([...bytes]),
    onClose: (reason) => came.push([reason.length]),
  })
  far.say(1)
  link.write(Uint8Array.of(2))
  tap.listen({
    bytes: (dir, bytes) => heard.push([dir, ...bytes]),
    opened: () => heard.push('opened'),
    closed: (reason) => heard.push(reason),
  })
  far.say(3)
  link.write(Uint8Array.of(4))
  tap.reconnect()
  tap.listen(null)
  expect(came).toEqual([[1], [3], ['closed'.length]])
  expect(far.said).toEqual([[2], [4]])
  expect(heard).toEqual([['in', 3], ['out', 4], 'closed'])
  expect('turns' in link).toBe(false)
  expect(tap.up).toBe(false)
})

it('a tap passes on turns on a shared line and the return of a device', async () => {
  const turns = { ask: () => {}, free: () => {} }
  const below: Transport = {
    address: 'serial:x',
    open: async () => ({ turns, write: () => {}, close: () => {} }),
    watch: (onBack) => {
      onBack()
      return () => {}
    },
  }
  const wrapped = new Tap().wrap(below)
  expect((await wrapped.open({ onData: () => {}, onClose: () => {} })).turns).toBe(turns)
  let back = 0
  wrapped.watch?.(() => back++)
  expect(back).toBe(1)
})

it('over the API: started, seen, stopped and fetched by an installer and nobody else', async () => {
  await using hall = await openHall()
  await using all = await open()
  hall.deps.recordings = all.recordings
  const link = await all.place('pad-1')
  const path = '/devices/pad-1/recording'
  for (const who of ['clerks', 'counter-1', 'kiosk', 'replay'] as Who[]) {
    expect((await hall.call(who, 'POST', path, { body: {} })).status).toBe(403)
    expect((await hall.call(who, 'GET', path)).status).toBe(403)
    expect((await hall.call(who, 'GET', '/recordings')).status).toBe(403)
  }
  expect((await hall.call(null, 'GET', path)).status).toBe(401)
  const call = (method: string, on: string, body?: object) =>
    hall.call('installer', method, on, body === undefined ? {} : { body })
  expect((await call('POST', '/devices/nobody/recording', {})).status).toBe(404)
  expect((await call('POST', `${path}/stop`, {})).status).toBe(404)
  for (const wrong of [{ minutes: 61 }, { minutes: 0 }, { bytes: 9 * 1024 * 1024 }, { bytes: 1 }]) {
    expect((await call('POST', path, wrong)).status).toBe(422)
  }
  const begun = await call('POST', path, { minutes: 1, reconnect: false })
  expect(begun.json).toMatchObject({ device: 'pad-1', state: 'recording', ended: null })
  expect((await call('POST', path, {})).status).toBe(409)
  all.far.say(1, 2, 3)
  link.write(Uint8Array.of(4))
  const { json } = await call('POST', `${path}/stop`, {})
  expect(json).toMatchObject({ state: 'kept', ended: 'stopped' })
  expect((await call('GET', '/recordings')).json).toEqual({ recordings: [json] })
  const token = { authorization: `Bearer ${hall.tokens.installer}` }
  const file = await fetch(hall.url + path, { headers: token })
  expect(file.headers.get('content-disposition')).toContain('pad-1.jsonl')
  const { head, entries } = readRecording(await file.text())
  expect(head).toMatchObject({ v: 1, device: 'pad-1', type: 'call_pad', at: 'tcp://wire' })
  expect(entries.map(({ t_ms, ...entry }) => entry)).toEqual([
    { dir: 'link', event: 'open', reason: 'was open' },
    { dir: 'in', hex: '010203' },
    { dir: 'out', hex: '04' },
  ])
  await using kiosk = await greeted(hall.url, hall.tokens.installer)
  expect(await kiosk.ask('GET', '/recordings')).toMatchObject({ status: 200 })
  expect(await kiosk.ask('GET', path)).toMatchObject({ status: 404 })
  expect(await kiosk.ask('GET', '/commissioning')).toMatchObject({ status: 404 })
})

it('ends by itself at its bytes, and the next takes its place', async () => {
  await using all = await open()
  await all.place('pad-1')
  await all.recordings.start('pad-1', { ...bounds, bytes: 5000 })
  for (let i = 0; i < 1000; i++) all.far.say(1, 2, 3, 4, 5, 6, 7, 8)
  const [full] = await all.recordings.list()
  expect(full).toMatchObject({ state: 'kept', ended: 'bytes' })
  expect(full!.bytes).toBeLessThan(5200)
  await all.recordings.stop('pad-1')
  expect((await all.read('pad-1')).length).toBe(full!.bytes)
  await all.recordings.start('pad-1', bounds)
  await all.recordings.stop('pad-1')
  expect((await all.read('pad-1')).length).toBeLessThan(500)
  expect(await readdir(join(all.folder, 'recordings'))).toEqual(['pad-1.jsonl'])
})

it('ends by itself after its minutes', async () => {
  const pace = new VirtualPace()
  await using all = await open(pace)
  await all.place('pad-1')
  await all.recordings.start('pad-1', { ...bounds, minutes: 3 })
  const ended = () => all.logged.some((line) => line.includes('recording.ended'))
  expect(await pace.until(ended, 2.9 * 60_000)).toBe(false)
  expect(await pace.until(ended, 3.1 * 60_000)).toBe(true)
  expect(await all.recordings.list()).toMatchObject([{ ended: 'time' }])
})

it('four at the same time and no more; starting twice at once starts one', async () => {
  await using all = await open()
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) await all.place(name)
  const starts = await Promise.allSettled(
    [...names, 'a'].map((name) => all.recordings.start(name, bounds)),
  )
  expect(starts.filter(({ status }) => status === 'fulfilled')).toHaveLength(4)
  const codes = starts.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []))
  expect(codes).toEqual(['overloaded', 'wrong_state'])
})

it('all together take no more than their room: the oldest go, what runs stays', async () => {
  await using all = await open(realPace, { most_kept_bytes: 12_000 })
  const full = async (device: string) => {
    await all.place(device)
    await all.recordings.start(device, { ...bounds, bytes: 5000 })
    for (let i = 0; i < 1000; i++) all.far.say(1, 2, 3, 4, 5, 6, 7, 8)
    await all.recordings.stop(device)
    await new Promise((done) => setTimeout(done, 20))
  }
  const there = async () => (await readdir(join(all.folder, 'recordings'))).sort()
  await all.place('a')
  await all.recordings.start('a', bounds)
  await full('b')
  await full('c')
  expect(await there()).toEqual(['a.jsonl', 'b.jsonl', 'c.jsonl'])
  await full('d')
  expect(await there()).toEqual(['a.jsonl', 'c.jsonl', 'd.jsonl'])
  expect((await all.recordings.list()).map(({ device }) => device)).toEqual(['a', 'c', 'd'])
  await expect(all.recordings.read('b')).rejects.toMatchObject({ code: 'not_found' })
})

it('no place to write to is said, and the device goes on', async () => {
  await using all = await open()
  await all.place('pad-1')
  await writeFile(join(all.folder, 'recordings'), 'not a folder')
  await expect(all.recordings.start('pad-1', bounds)).rejects.toMatchObject({ code: 'unavailable' })
  all.far.say(1)
  expect(await all.recordings.list()).toEqual([])
})

it('one of before is still there after a restart', async () => {
  await using all = await open()
  await all.place('pad-1')
  await all.recordings.start('pad-1', bounds)
  all.far.say(9)
  await all.recordings.stop('pad-1')
  const folder = join(all.folder, 'recordings')
  const parts = { pace: realPace, wall_ms: () => Date.now(), log: silent }
  await using again = new Recordings(folder, parts)
  again.tap({ device: 'pad-1', type: 'call_pad', at: 'tcp://wire' })
  expect(await again.list()).toMatchObject([{ device: 'pad-1', state: 'kept', ended: 'unknown' }])
  expect(await new Response(await again.read('pad-1')).text()).toContain('"hex":"09"')
})

it('a file that is no recording is refused with its line, one that was cut off is read as far', () => {
  const head = '{"v":1,"device":"a","type":"call_pad","at":"x","started":"2026"}'
  const line = '{"t_ms":1,"dir":"in","hex":"00ff"}'
  const link = '{"t_ms":1,"dir":"link","event":"open","reason":""}'
  expect(readRecording(`${head}\n${link}\n${line}\n{"t_ms":2,"di`).entries).toHaveLength(2)
  const refused = (text: string) => {
    try {
      readRecording(text)
    } catch (error) {
      return (error as Error).message
    }
  }
  expect(refused('')).toContain('line 1')
  expect(refused(`${head}\n${line}\n{"t_ms":1,"dir":"in","hex":"0"}\n`)).toContain('line 3')
  expect(refused(`${head}\n{"t_ms":1,"dir":"in","hex":"00","name":"x"}\n`)).toContain('line 2')
  expect(refused(`${head.replace('"v":1', '"v":2')}\n`)).toContain('version')
  expect(refused(`${head}\n${'['.repeat(99)}\n`)).toContain('line 2')
})
