/** The XFS4IoT client against a simulated service, a real WebSocket between them. */
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { type Log, silent } from '#devices/std/log.ts'
import type { PrintJob } from '#devices/types/ticket-template.ts'
import { type XfsModelOptions, XfsServiceModel } from '../../../firmware-sim/models/xfs4iot.ts'
import { openXfsLine, type XfsLine } from '../../../firmware-sim/xfs-line.ts'
import type { DeviceConfig } from '../../../gateway/config.ts'
import type { DriverParts } from '../../../gateway/drivers/session.ts'
import { Lines } from '../../../gateway/floor/lines.ts'
import type { HallSide, Placed } from '../../../gateway/floor/placed.ts'
import { xfsAddressProblem } from '../../../gateway/xfs/address.ts'
import { discoverXfs } from '../../../gateway/xfs/discover.ts'
import { xfs4iotKind } from '../../../gateway/xfs/kind.ts'
import { webSocketTransport } from '../../../gateway/xfs/web-socket.ts'
import { createXfsDevice, type XfsDevice } from '../../../gateway/xfs/xfs-driver.ts'
import { pace, quick, seeded } from '../../drivers/helpers.ts'
import { type Certificate, makeCertificate } from '../local-certificate.ts'

type Kiosk = AsyncDisposable & {
  model: XfsServiceModel
  line: XfsLine
  device: XfsDevice
  told: string[]
  logged: string[]
}

async function openKiosk(
  options: Omit<XfsModelOptions, 'pace'> = {},
  more: { poll_ms?: number; reply_ms?: number; connected?: boolean } = {},
): Promise<Kiosk> {
  const model = new XfsServiceModel({ pace, ...options })
  const line = await openXfsLine({ Kiosk: model })
  const told: string[] = []
  const logged: string[] = []
  const log: Log = (...event) => logged.push(JSON.stringify(event))
  const transport = webSocketTransport(pace, { url: line.uri('Kiosk') })
  const { connected = true, ...timing } = more
  const device = createXfsDevice(
    'kiosk-1',
    { transport, pace, random: seeded(3), log, wall_ms: () => 0 },
    {
      handlers: { onCard: (what) => told.push(what) },
      // A reply of a busy machine may be late; only where silence is tried is there little patience.
      options: { poll_ms: 50, reply_ms: 60_000, ...timing, session: quick },
    },
  )
  device.start()
  if (connected) await expect.poll(() => device.view().state).toBe('online')
  return {
    model,
    line,
    device,
    told,
    logged,
    async [Symbol.asyncDispose]() {
      await device[Symbol.asyncDispose]()
      await line[Symbol.asyncDispose]()
    },
  }
}

describe('a service', () => {
  test('says who it is and how it is, between questions too', async () => {
    await using kiosk = await openKiosk({}, { poll_ms: 60_000 })
    const { device, model } = kiosk
    expect(device.view()).toMatchObject({
      identity: 'AcmeModel42 1.0.12.05',
      firmware: '1.0.1.2',
      at: kiosk.line.uri('Kiosk'),
    })
    model.setPaper('out')
    await expect.poll(() => device.view().reason).toBe('paper_out')
    model.setPaper('full')
    model.setDevice('hardwareError')
    await expect.poll(() => device.view().state).toBe('hardware_error')
  })

  test('that changes its state without end fills no log, and its last state is in it', async () => {
    const kiosk = await openKiosk({}, { poll_ms: 60_000 })
    const { device, model, logged } = kiosk
    for (let n = 0; n < 2_000; n += 1) model.setDevice(n % 2 === 0 ? 'hardwareError' : 'online')
    model.setDevice('fraudAttempt')
    await expect.poll(() => device.view().state).toBe('fraud_attempt')
    await kiosk[Symbol.asyncDispose]()
    const states = logged.filter((line) => line.includes('"device.state"'))
    expect(states.length).toBeLessThan(30)
    const told = states.flatMap((line) => /"left_out":(\d+)/.exec(line)?.[1] ?? [])
    expect(told.map(Number).reduce((a, b) => a + b, 0)).toBeGreaterThan(1_900)
    expect(states.at(-1)).toContain('"fraud_attempt"')
  })

  test.each(['newer', 'first'] as const)(
    'reads a card when it comes, edition %s',
    async (edition) => {
      await using kiosk = await openKiosk({ edition })
      const { device, model, told } = kiosk
      const read = device.readCard(['track2'], 10_000)
      await expect.poll(() => told).toEqual(['insert_card'])
      model.insertCard(Buffer.from('6217000000000000019').toString('base64'))
      const result = await read
      if (result.outcome !== 'done') throw new Error(result.outcome)
      const { data } = result.card!.source('track2')!
      expect(Buffer.from(data!).toString()).toBe('6217000000000000019')
      expect(await device.ejectCard()).toMatchObject({ outcome: 'done' })
      await expect.poll(() => told).toEqual(['insert_card', 'card_inserted', 'card_removed'])
      // Nothing that is shown, logged or printed holds it.
      const seen = [JSON.stringify(device.view()), JSON.stringify(result), ...kiosk.logged].join()
      expect(seen).not.toContain('6217000000000000019')
      expect(seen).not.toContain(Buffer.from('6217000000000000019').toString('base64'))
    },
  )

  test('prints bytes as they are, tells of no paper, sets a light', async () => {
    await using kiosk = await openKiosk()
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => i & 0xff)
    expect(await kiosk.device.print(bytes)).toEqual({ outcome: 'done', card: null })
    expect(kiosk.model.printed).toEqual([Buffer.from(bytes)])
    kiosk.model.setPaper('out')
    expect(await kiosk.device.print(bytes)).toEqual({
      outcome: 'refused',
      code: 'commandErrorCode',
      detail: 'paperOut',
    })
    const light = { light: 'receiptPrinter', position: 'default', flash: 'slow' } as const
    expect(await kiosk.device.setLight(light)).toMatchObject({ outcome: 'done' })
    expect(kiosk.model.lights).toEqual({ receiptPrinter: { default: { flashRate: 'slow' } } })
  })

  test('a wait ends by its time, by a word of ours, and only one runs at once', async () => {
    await using kiosk = await openKiosk()
    const { device } = kiosk
    expect(await device.readCard(['chip'], 30)).toEqual({ outcome: 'timed_out' })
    const read = device.readCard(['chip'], 60_000)
    expect(await device.readCard(['chip'], 60_000)).toEqual({ outcome: 'busy' })
    expect(await device.cancel()).toMatchObject({ outcome: 'done' })
    expect(await read).toEqual({ outcome: 'canceled' })
    expect(await device.cancel()).toMatchObject({ outcome: 'done' })
  })

  test('is not asked for what it does not have', async () => {
    await using kiosk = await openKiosk({ interfaces: ['Common', 'CardReader'] })
    expect(await kiosk.device.print(new Uint8Array([1]))).toEqual({ outcome: 'unsupported' })
    expect(kiosk.model.printed).toEqual([])
  })
})

describe('trouble', () => {
  test('unplugged in the middle of every command: it ends as lost, and all works again', async () => {
    // Nothing is ever completed but the machine's own questions.
    let stuck = false
    await using kiosk = await openKiosk({ wrong: (fault) => stuck && fault === 'no_completion' })
    const { device, line } = kiosk
    const light = { light: 'statusGood', position: 'default', flash: 'slow' } as const
    const commands = [
      () => device.readCard(['track1'], 10_000),
      () => device.ejectCard(),
      () => device.print(new Uint8Array([0x1b, 0x40])),
      () => device.releasePaper({ cut: true, eject: true }),
      () => device.setLight(light),
    ]
    for (const [i, command] of commands.entries()) {
      stuck = true
      const result = command()
      await new Promise((resolve) => setTimeout(resolve, 20))
      if (i % 2 === 0) await line.unplug()
      else line.cut()
      expect(await result).toEqual({ outcome: 'lost' })
      stuck = false
      await line.plug()
      await expect.poll(() => device.view().state).toBe('online')
    }
    expect(await device.print(new Uint8Array([7]))).toMatchObject({ outcome: 'done' })
    expect(kiosk.model.printed.filter((one) => one.length === 1)).toHaveLength(1)
  })

  test('nobody there, and a port that answers no WebSocket: offline, and found once it is', async () => {
    await using kiosk = await openKiosk({}, { connected: false })
    await kiosk.line.unplug()
    await expect.poll(() => kiosk.device.view().state).toBe('offline')
    expect(await kiosk.device.print(new Uint8Array([1]))).toEqual({ outcome: 'not_connected' })
    await kiosk.line.plug()
    await expect.poll(() => kiosk.device.view().state).toBe('online')
  })

  test.each(['no_completion', 'wrong_request_id', 'not_json'])(
    'a service with %s is noticed as silent, and taken back when it is well',
    async (name) => {
      let ill = false
      const wrong = (fault: string) => ill && fault === name
      await using kiosk = await openKiosk({ wrong }, { poll_ms: 30, reply_ms: 250 })
      const before = kiosk.device.view().counters.reconnects
      ill = true
      await expect.poll(() => kiosk.device.view().counters.reconnects).toBeGreaterThan(before)
      const { timeouts, wrong_answers, discarded_bytes } = kiosk.device.view().counters
      expect(timeouts).toBeGreaterThanOrEqual(3)
      if (name === 'wrong_request_id') expect(wrong_answers).toBeGreaterThan(0)
      if (name === 'not_json') expect(discarded_bytes).toBeGreaterThan(0)
      ill = false
      await expect.poll(() => kiosk.device.view().state).toBe('online')
    },
  )

  test.each(['unknown_members', 'no_acknowledge'])('%s is borne', async (name) => {
    await using kiosk = await openKiosk({ wrong: (fault) => fault === name })
    expect(await kiosk.device.print(new Uint8Array([1]))).toMatchObject({ outcome: 'done' })
    expect(kiosk.device.view().counters).toMatchObject({ wrong_answers: 0, timeouts: 0 })
  })

  test('a flood ends the link; a second device is not touched', async () => {
    await using kiosk = await openKiosk({}, { poll_ms: 60_000 })
    await using other = await openKiosk()
    const event = '{"header":{"name":"Common.VendorEvent","type":"unsolicited"},"payload":{}}'
    while (kiosk.device.view().counters.floods === 0) {
      for (let i = 0; i < 500; i++) kiosk.line.shout(event)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(other.device.view()).toMatchObject({ state: 'online', counters: { floods: 0 } })
    expect(await other.device.print(new Uint8Array([1]))).toMatchObject({ outcome: 'done' })
    await expect.poll(() => kiosk.device.view().state).toBe('online')
  })

  test('binary and oversized messages end the link', async () => {
    await using kiosk = await openKiosk()
    for (const data of [new Uint8Array(8), 'x'.repeat(600_000)]) {
      const before = kiosk.device.view().counters.reconnects
      kiosk.line.shout(data)
      await expect.poll(() => kiosk.device.view().counters.reconnects).toBeGreaterThan(before)
      await expect.poll(() => kiosk.device.view().state).toBe('online')
    }
  })
})

describe('in its place on the floor', () => {
  const job: PrintJob = {
    hall: { zh: '中关村营业厅', en: 'Zhongguancun Hall' },
    service: { zh: '现金业务', en: 'Cash' },
    number: 'A012',
    people_ahead: 3,
    wait_min: null,
    counters: ['1'],
    time: '2026-01-05 09:00:00',
    rules: null,
    lines: null,
    reprint: false,
    qr: 'abc',
  }
  async function placedAt(line: XfsLine, options: Record<string, unknown>): Promise<Placed> {
    const at = line.uri('Kiosk')
    const config = { device: 'kiosk-1', type: 'xfs4iot', at, options } as DeviceConfig
    const transport = webSocketTransport(pace, { url: at })
    const driver = {
      transport,
      pace,
      random: seeded(3),
      log: () => {},
      wall_ms: () => 0,
    } as unknown
    const hall = { changed: () => {} } as HallSide
    const placed = xfs4iotKind({ config, driver: driver as DriverParts, hall })
    placed.start()
    await expect.poll(() => placed.view().state).toBe('online')
    return placed
  }

  test('prints tickets one by one where it is asked to; each has one outcome', async () => {
    let stuck = false
    const wrong = (fault: string) => stuck && fault === 'no_completion'
    const model = new XfsServiceModel({ pace, wrong })
    await using line = await openXfsLine({ Kiosk: model })
    await using placed = await placedAt(line, { tickets: true, poll_ms: 50 })
    const jobs = ['A012', 'A013', 'A014'].map((number) => placed.print!({ ...job, number }))
    expect(await Promise.all(jobs)).toEqual(['likely', 'likely', 'likely'])
    const papers = model.printed.map((bytes) => /A01\d/.exec(bytes.toString('latin1'))![0])
    expect(papers).toEqual(['A012', 'A013', 'A014'])
    model.setPaper('low')
    await expect.poll(() => placed.consumables!()).toEqual({ paper_upper: 'low' })
    model.setPaper('out')
    expect(await placed.print!(job)).toBe('failed')
    model.setPaper('full')
    stuck = true
    const lost = placed.print!(job)
    await expect.poll(() => model.printed.length).toBe(4)
    await line.unplug()
    expect(await lost).toBe('unknown')
    expect(await placed.print!(job)).toBe('failed')
  })

  test('takes no tickets where nobody said so', async () => {
    await using line = await openXfsLine({ Kiosk: new XfsServiceModel({ pace }) })
    await using placed = await placedAt(line, {})
    expect(placed.print).toBeUndefined()
  })

  test.each([
    ['ws://127.0.0.1:5846/xfs4iot/v1.0/CardReader', true],
    ['wss://kiosk.local/xfs4iot/v1.0/Printer', true],
    ['http://kiosk/xfs4iot/v1.0/Printer', false],
    ['ws://me:secret@kiosk/xfs4iot/v1.0/Printer', false],
    ['ws://kiosk/xfs4iot/v1.0/Printer?token=1', false],
    ['ws://kiosk/', false],
    ['tcp://kiosk:1', false],
    ['', false],
  ])('an address: %s', (at, good) => {
    expect(xfsAddressProblem(at) === null).toBe(good)
  })
})

/** What speaks TLS in front of a service; the service itself knows nothing of it. */
async function encrypted(line: XfsLine, { pem, key_file }: Certificate) {
  const server = createServer({ cert: pem, key: await readFile(key_file) }, (socket) => {
    const inner = connect(line.port, '127.0.0.1')
    for (const [one, other] of [
      [socket, inner],
      [inner, socket],
    ] as const) {
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    at: (host: string) => `wss://${host}:${port}/xfs4iot/v1.0/Kiosk`,
    [Symbol.asyncDispose]: async () => void server.close(),
  }
}

const certificate = makeCertificate()
describe.skipIf(certificate === null)('over TLS, placed as the configuration says', () => {
  const placed = (at: string, ca_file?: string) => {
    const given = ca_file === undefined ? {} : { ca_file }
    const config: DeviceConfig = { device: 'k', type: 'xfs4iot', at, options: {}, ...given }
    const lines = new Lines([config], { pace, log: silent })
    const device = createXfsDevice(
      'k',
      { transport: lines.of(config), pace, random: seeded(4), log: silent, wall_ms: () => 0 },
      { options: { session: quick } },
    )
    device.start()
    return device
  }
  const ends = async (device: XfsDevice, as: object) => {
    await expect.poll(() => device.view(), { timeout: 5_000 }).toMatchObject(as)
    await device[Symbol.asyncDispose]()
  }

  test('trusts the file it is given, a renewed one too, and nobody else', async () => {
    const one = certificate!
    const other = makeCertificate()!
    await using line = await openXfsLine({ Kiosk: new XfsServiceModel({ pace }) })
    await using tls = await encrypted(line, one)
    const at = tls.at('127.0.0.1')
    const refused = { state: 'offline', reason: 'unauthorised' }
    await ends(placed(at, one.cert_file), { state: 'online' })
    await ends(placed(at), refused)
    // Of a host that the certificate does not name.
    await ends(placed(tls.at('0.0.0.0'), one.cert_file), refused)
    const file = join(other.folder, 'trusted.pem')
    await writeFile(file, other.pem)
    const device = placed(at, file)
    await expect.poll(() => device.view(), { timeout: 5_000 }).toMatchObject(refused)
    await rm(file)
    const gone = { state: 'offline', reason: 'config_invalid' }
    await expect.poll(() => device.view(), { timeout: 5_000 }).toMatchObject(gone)
    await writeFile(file, `${other.pem}\n${one.pem}`)
    await ends(device, { state: 'online' })
    await rm(other.folder, { recursive: true })
  })
})

describe('discovery', () => {
  test('asks each port and tells each service once', async () => {
    const services = {
      CardReader: new XfsServiceModel({ pace }),
      Printer: new XfsServiceModel({ pace }),
    }
    await using line = await openXfsLine(services)
    await using silent = await openXfsLine({})
    await silent.unplug()
    const found = await discoverXfs('127.0.0.1', { pace }, { ports: [silent.port, line.port] })
    expect(found.map(({ uri, elsewhere }) => [uri, elsewhere])).toEqual([
      [line.uri('CardReader'), false],
      [line.uri('Printer'), false],
    ])
    const named = await discoverXfs('localhost', { pace }, { ports: [line.port] })
    expect(named.every(({ elsewhere, vendor }) => elsewhere && vendor !== null)).toBe(true)
    expect(named).toHaveLength(2)
  })
})
