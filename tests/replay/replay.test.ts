/**
 * A small day through everything: controller, database, gateway in processes of their own, devices
 * over TCP. Figures are those written by hand beside the trace; the same with crashes; nothing of any
 * card is left anywhere in clear.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test, vi } from 'vitest'
import { Fault } from '#devices/std/fault.ts'
import { findCluster } from '../../cloud/store/postgres/supervisor.ts'
import { freePorts } from '../../firmware-sim/people/ports.ts'
import { replay } from '../../firmware-sim/replay/replay.ts'
import type { Report } from '../../firmware-sim/replay/report.ts'
import { drain } from '../../firmware-sim/replay/run.ts'
import { HALL, type World } from '../../firmware-sim/replay/world.ts'
import { searchDeep, searchFiles, searchFor, unpacked } from './canaries.ts'
import { canaryCards, canaryPatterns } from './canary-cards.ts'
import { Listeners } from './listeners.ts'
import { pageImagesOf, rowsOf } from './postgres-bytes.ts'
import { asFile, inPieces, line, smallDay } from './traces.ts'

const byHand = {
  trace: { contacts: 14, served: 10, left: 3, phantom: 1, rejected: 0, adjusted: 1 },
  hall: { tickets: 12, called: 10, served: 10, left: 2 },
  waits: { n: 8, mean_s: 35, median_s: 20, p90_s: 100, max_s: 100, over_30_min_share: 0 },
  booked: { duplicates: 0, missing: 0 },
  people: { papers: 12, lost: 0, doubled: 0 },
  ledger: { unbalanced: 0 },
  ok: true,
}

/** A whole day through processes that start, sync and die takes its time where cores are few. */
vi.setConfig({ testTimeout: 600_000 })

/** At a port that nobody had before; one that somebody else was quicker at is left to him. */
async function listen(server: Server): Promise<number> {
  for (;;) {
    const [port] = (await freePorts(1)) as [number]
    const open = once(server, 'listening').then(
      () => true,
      () => false,
    )
    server.listen(port, '127.0.0.1')
    if (await open) return port
  }
}

/** A wire between gateway and broker that keeps all that went over it. */
async function tap() {
  /** By direction of each link, so that nothing cuts a message in two. */
  const heard: Buffer[][] = []
  const sockets = new Set<Socket>()
  let target = 0
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      const way: Buffer[] = []
      heard.push(way)
      from.on('data', (bytes: Buffer) => {
        way.push(bytes)
        to.write(bytes)
      })
      from.on('error', () => {})
      from.on('close', () => to.destroy())
    }
  })
  const port = await listen(server)
  return {
    heard: () => Buffer.concat(heard.flat()),
    url: (own: string) => {
      target = Number(new URL(own).port)
      return `mqtt://127.0.0.1:${port}`
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}

const seed = 'canary'

/** In place of whatever people lay: cards of every kind, in turn, once everybody listens. */
function layCanaries({ hardware }: World, ready: Promise<void>): { laid(): number } {
  const cards = canaryCards()
  let laid = 0
  for (const { reader } of hardware.counters.values()) {
    const place = reader.placeCard.bind(reader)
    reader.placeCard = () => {
      const card = cards[laid % cards.length]!
      laid += 1
      void ready.then(() => place(card))
    }
  }
  return { laid: () => laid }
}

async function pagesOf({ cloud, local, hardware }: World, listeners: Listeners): Promise<Buffer[]> {
  const ofHall = ['', '/visits', '/entries', '/rejected', '/balances', '/completeness']
  const console_ = ['/', '/api/halls', ...ofHall.map((path) => `/api/halls/${HALL}${path}`)]
  const own = [
    '/',
    '/status',
    '/devices',
    '/counters',
    '/tickets',
    '/orders',
    '/counts',
    '/day',
    '/board',
  ]
  const readers = [...hardware.counters.keys()].map((counter) => `/devices/reader-${counter}`)
  const { installer } = listeners
  for (const reader of readers) {
    await installer.json({ method: 'POST', path: `${reader}/recording/stop` })
  }
  const files = readers.map((reader) => `${reader}/recording`)
  const answers = await Promise.all([
    ...console_.map((path) => cloud.ask({ path })),
    ...[...own, ...readers].map((path) => local.ask({ path })),
    ...['/commissioning', '/recordings', '/touch', ...files].map((path) => installer.ask({ path })),
  ])
  for (const { status } of answers) expect(status).toBe(200)
  return answers.map(({ text }) => Buffer.from(text))
}

/** What PostgreSQL's files do not show to a search of their bytes. */
async function databaseOf(world: World): Promise<Buffer[]> {
  const data = join(world.folder, 'controller')
  const { url } = await findCluster(data)
  const { tables, values } = await rowsOf(url)
  expect(tables).toBeGreaterThan(10)
  const { images, packed } = await pageImagesOf(join(data, 'postgres', 'data'))
  expect(packed).toBeGreaterThan(10)
  return [...values, ...images]
}

const kinds = ['resident', 'hk_mo_tw', 'foreign_2017', 'foreign_2023']
const synthetic = Buffer.from('合成卡', 'utf16le').toString('hex')

test('a small day: every figure, and no card in clear in any file, topic, page, database or log', async () => {
  const search = searchFor(canaryPatterns(canaryCards()))
  await using wire = await tap()
  await using stack = new AsyncDisposableStack()
  const searched: Record<string, string[]> = {}
  const seen = { laid: () => 0, files: [] as string[], recordings: '', said: '' }
  let listeners: Listeners | undefined
  const { report, reasons } = await replay(inPieces(smallDay, 100), {
    ...{ day: null, stretch: 1, crashes: 0, seed, keep: null, say: () => {} },
    signal: new AbortController().signal,
    mqttUrl: wire.url,
    prepare(world) {
      listeners = stack.use(new Listeners(world))
      Object.assign(seen, layCanaries(world, listeners.ready))
    },
    async inspect(world) {
      // Telemetry has its own pace: a day this small may be over before the first of it is due.
      await vi.waitFor(() => {
        const heard = wire.heard().toString('latin1')
        expect(heard).toContain(`hw1/${HALL}/telemetry`)
        expect(heard).toMatch(/device,[^ ]*device=reader-/)
        for (const [way, bytes] of Object.entries(listeners!.heard())) {
          expect([way, bytes.includes('board')]).toEqual([way, true])
          expect([way, bytes.includes('"present":true')]).toEqual([way, true])
        }
      }, 200_000)
      const pages = await pagesOf(world, listeners!)
      searched.pages = pages.flatMap((page) => searchDeep(search, page))
      seen.recordings = pages.map((page) => page.toString()).join('\n')
      searched.database = (await databaseOf(world)).flatMap((value) => searchDeep(search, value))
      const heard = listeners!.heard()
      searched.heard = Object.values(heard).flatMap((bytes) => searchDeep(search, bytes))
      const { found, paths, bytes } = await searchFiles(world.folder, search)
      searched.files = found
      seen.files = paths
      expect(bytes).toBeGreaterThan(10_000_000)
    },
  })
  expect(reasons).toEqual([])
  expect(report).toMatchObject(byHand)
  const up = wire.heard()
  searched.topics = searchDeep(search, up)
  expect(searched).toEqual({ files: [], pages: [], database: [], heard: [], topics: [] })
  // The search means something: the cards did travel, sealed, and synthetic ones were recorded.
  const inside = [up, ...unpacked(up)].map((bytes) => bytes.toString('latin1')).join('\n')
  expect(seen.laid()).toBeGreaterThanOrEqual(kinds.length)
  expect(inside.split('card.verified').length - 1).toBeGreaterThanOrEqual(seen.laid())
  for (const kind of kinds) expect(inside).toContain(`"card_type":"${kind}"`)
  expect(seen.recordings.split(synthetic).length - 1).toBeGreaterThanOrEqual(seen.laid())
  expect(seen.files.length).toBeGreaterThan(50)
  for (const part of [/hall.*-wal$/, /pg_wal/, /recordings\/reader-.*\.jsonl$/, /\.log$/]) {
    expect([part, seen.files.some((path) => part.test(path))]).toEqual([part, true])
  }
})

const main = resolve(import.meta.dirname, '../../firmware-sim/replay/main.ts')

async function runProgram(...args: string[]) {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', (bytes) => {
    out += bytes
  })
  child.stderr.on('data', (bytes) => {
    err += bytes
  })
  const [code] = (await once(child, 'close')) as [number]
  return { code, err, last: out.trimEnd().split('\n').at(-1) ?? '' }
}

async function fileOf(text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-trace-'))
  const path = join(folder, 'trace.csv')
  await writeFile(path, text)
  const remove = () => rm(folder, { recursive: true })
  return { path, [Symbol.asyncDispose]: remove }
}

test('with four crashes: the same counts and waits, nothing lost, nothing doubled', async () => {
  await using file = await fileOf(smallDay)
  const args = ['--trace', file.path, '--crashes', '4', '--seed', 'four', '--json']
  const { code, err, last } = await runProgram(...args)
  const report = JSON.parse(last) as Report
  expect(report, err).toMatchObject(byHand)
  const { gateway, controller, database, before_ack } = report.crashes
  expect(gateway + controller + database).toBe(4)
  expect(before_ack).toBeGreaterThanOrEqual(2)
  expect(report.ledger.fen_by_tender).toEqual(report.people.fen_by_tender)
  expect(report.booked.head).toBe(report.log.head)
  expect(code).toBe(0)
})

test('a gateway that dies between record and paper: the ticket stays undelivered, the person comes again', async () => {
  let killed = 0
  const { report, reasons } = await replay(inPieces(smallDay, 100), {
    ...{ day: null, stretch: 1, crashes: 0, seed, keep: null, say: () => {} },
    signal: new AbortController().signal,
    prepare(world) {
      const { panel } = world.hardware
      panel.onAcknowledged = ({ event }) => {
        if (event % 4 !== 1 || killed === 3) return
        killed++
        world.crash('gateway')
      }
    },
  })
  expect(reasons).toEqual([])
  expect(killed).toBe(3)
  expect(report).toMatchObject(byHand)
  expect(report.hall.undelivered).toBeGreaterThan(0)
})

test.each([
  ['no line at all', '', { contacts: 0, phantom: 0, rejected: 0 }],
  [
    'only lines that nobody stands behind',
    asFile(line(1, '36131,36131,36140,,', 'phantom,'), line(2, '36140,,,,', 'served,A01')),
    { contacts: 2, phantom: 1, rejected: 1 },
  ],
])('nobody comes (%s): the replay ends, with nothing in the books', async (_, text, trace) => {
  const { report, reasons } = await replay(inPieces(text), {
    ...{ day: null, stretch: 1, crashes: 0, seed, keep: null, say: () => {} },
    signal: AbortSignal.timeout(500_000),
  })
  expect(reasons).toEqual([])
  const hall = { tickets: 0, called: 0, served: 0, left: 0, undelivered: 0 }
  expect(report).toMatchObject({ trace, hall, ledger: { orders: 0 }, waits: { n: 0 }, ok: true })
  expect(report.booked.head).toBe(report.log.head)
})

test('a gateway that never says where its log ends is given up', async () => {
  let now_ms = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
    now_ms += 50_000
    return now_ms
  })
  const local = { json: async () => Promise.reject(new Fault('unavailable', 'not open yet')) }
  const world = { up: async () => {}, local } as unknown as World
  const stop = new AbortController()
  const late = setTimeout(() => stop.abort(), 60_000)
  try {
    await expect(drain(world, stop.signal)).rejects.toThrow('does not say where its log ends')
  } finally {
    clearTimeout(late)
    clock.mockRestore()
  }
})

test('what cannot be replayed is refused with a reason', async () => {
  await using file = await fileOf('no,trace\n1,2\n')
  expect(await runProgram('--trace', file.path)).toMatchObject({
    code: 1,
    err: expect.stringContaining('head without visit'),
  })
  await using good = await fileOf(smallDay)
  expect(await runProgram('--trace', good.path, '--day', '2001-01-01')).toMatchObject({
    code: 1,
    err: expect.stringContaining('no contact of 2001-01-01'),
  })
  expect(await runProgram('--trace', '/no/such/file')).toMatchObject({ code: 1 })
})
