/**
 * Devices that flood, die, answer halves or damage, on real TCP: counted, named, survived; and the
 * link pulled at every point of every exchange.
 */
import net from 'node:net'
import { describe, expect, it } from 'vitest'
import { type Line, openLine } from '../../firmware-sim/line.ts'
import { createCallPadModel } from '../../firmware-sim/models/call-pad.ts'
import { IdCardReaderModel } from '../../firmware-sim/models/id-card-reader.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { type PrintedTicket, TicketPrinterModel } from '../../firmware-sim/models/ticket-printer.ts'
import { freePorts } from '../../firmware-sim/people/ports.ts'
import { createPrinter } from '../../gateway/drivers/printer-driver.ts'
import { createReader } from '../../gateway/drivers/reader-driver.ts'
import { createCallPad, type Press } from '../../gateway/drivers/unit-driver.ts'
import { tcpTransport } from '../../gateway/transports/tcp.ts'
import { lineFor, pace, partsFor, quick, seeded, until } from './helpers.ts'

const fast = { poll_ms: 1, reply_ms: 20, most_misses: 2, session: quick }

/** A device between the line and the real model, whose answers pass through `alter`. */
class Altered implements DeviceModel {
  readonly #inner: DeviceModel
  alter: (bytes: Uint8Array, send: (bytes: Uint8Array) => void) => void

  constructor(inner: DeviceModel, alter: Altered['alter']) {
    this.#inner = inner
    this.alter = alter
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#inner.attach((bytes) => this.alter(bytes, send))
  }

  detach(): void {
    this.#inner.detach()
  }

  receive(bytes: Uint8Array): void {
    this.#inner.receive(bytes)
  }
}

async function padBehind(alter: Altered['alter']) {
  const inner = createCallPadModel(seeded(5), { serial: 'PAD' })
  const model = new Altered(inner, alter)
  const line = await lineFor(model)
  const presses: Press[] = []
  const pad = createCallPad('pad', partsFor(line.port), {
    handlers: {
      onPress: async (press) => {
        presses.push(press)
        return 'recorded'
      },
    },
    options: fast,
  })
  pad.start()
  return { inner, model, line, pad, presses }
}

const honest: Altered['alter'] = (bytes, send) => send(bytes)

describe('a device in trouble', () => {
  it('is cut off while it floods, and taken back when it has calmed down', async () => {
    const { inner, model, line, pad, presses } = await padBehind((_bytes, send) =>
      send(new Uint8Array(200_000).fill(0x55)),
    )
    await using _line = line
    await using _pad = pad
    const answer = inner.press('next')
    await until(() => pad.view().counters.floods >= 3 && line.counts.links >= 3)
    await until(() => pad.view().reason === 'flooding')
    expect(presses).toEqual([])
    model.alter = honest
    expect((await answer).outcome).toBe('recorded')
    expect(pad.view().state).toBe('online')
  })

  it('is cut off while it floods with good frames that nobody asked for', async () => {
    const { inner, model, line, pad, presses } = await padBehind((bytes, send) => {
      for (let i = 0; i < 400; i++) send(bytes)
    })
    await using _line = line
    await using _pad = pad
    const answer = inner.press('next')
    await until(() => pad.view().counters.floods >= 2)
    model.alter = honest
    await answer
    expect(presses).toHaveLength(1)
  })

  it('is off line while it says nothing, and back when it answers', async () => {
    const { inner, model, line, pad } = await padBehind(() => {})
    await using _line = line
    await using _pad = pad
    await until(() => pad.view().counters.reconnects >= 2)
    expect(pad.view()).toMatchObject({ identity: null, state: 'power_off', reason: 'silent' })
    expect(pad.view().counters.timeouts).toBeGreaterThanOrEqual(3)
    model.alter = honest
    await inner.press('next')
  })

  it('has half an answer thrown away and asked for again', async () => {
    let halves = 0
    const { inner, line, pad, presses } = await padBehind((bytes, send) => {
      halves += 1
      send(halves % 2 === 1 ? bytes.subarray(0, bytes.length - 3) : bytes)
    })
    await using _line = line
    await using _pad = pad
    for (let i = 0; i < 5; i++) await inner.press('next')
    expect(presses).toHaveLength(5)
    expect(pad.view().counters.discarded_bytes).toBeGreaterThan(0)
    expect(pad.view().counters.timeouts).toBeGreaterThan(0)
  })

  it('has answers with a wrong checksum counted and never believed', async () => {
    const { inner, model, line, pad, presses } = await padBehind((bytes, send) => {
      const wrong = bytes.slice()
      wrong[wrong.length - 1]! ^= 0x80
      send(wrong)
    })
    await using _line = line
    await using _pad = pad
    const answer = inner.press('next')
    await until(() => pad.view().counters.bad_checksums >= 5)
    expect(presses).toEqual([])
    expect(pad.view().identity).toBeNull()
    model.alter = honest
    await answer
    expect(presses).toHaveLength(1)
  })

  it('is named gone while nobody listens, and comes back', async () => {
    const { inner, line, pad } = await padBehind(honest)
    await using _line = line
    await using _pad = pad
    await until(() => pad.view().state === 'online')
    await line.unplug()
    await until(() => pad.view().reason === 'device_gone')
    const answer = inner.press('next')
    await line.plug()
    await answer
    expect(pad.view().counters.reconnects).toBeGreaterThan(0)
  })

  it('survives a handler that throws, and asks again', async () => {
    const model = createCallPadModel(seeded(5), { serial: 'PAD' })
    await using line = await lineFor(model)
    let times = 0
    await using pad = createCallPad('pad', partsFor(line.port), {
      handlers: {
        onPress: () => {
          times += 1
          if (times === 1) throw new Error('a mistake of ours')
          return Promise.resolve('refused')
        },
      },
      options: { ...fast, retry_ms: 1 },
    })
    pad.start()
    expect((await model.press('next')).outcome).toBe('refused')
  })

  it('keeps a bounded view of frames, without their bytes', async () => {
    const { line, pad } = await padBehind(honest)
    await using _line = line
    await using _pad = pad
    await until(() => pad.view().counters.frames_in > 100)
    const { frames } = pad.view()
    expect(frames).toHaveLength(50)
    for (const frame of frames) {
      expect(Object.keys(frame).sort()).toEqual([
        'at_ms',
        'command',
        'direction',
        'length',
        'status',
      ])
    }
  })
})

describe('the TCP transport', () => {
  it('closes a link whose far end reads nothing', async () => {
    const server = net.createServer((socket) => void socket.pause())
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const { port } = server.address() as net.AddressInfo
    const transport = tcpTransport(pace, { host: '127.0.0.1', port, most_queued_bytes: 50_000 })
    const closed = Promise.withResolvers<string>()
    const link = await transport.open({ onData: () => {}, onClose: closed.resolve })
    for (let i = 0; i < 500; i++) link.write(new Uint8Array(100_000))
    expect(await closed.promise).toBe('stalled')
    server.close()
  })

  it('says who is not there', async () => {
    const [port] = (await freePorts(1)) as [number]
    const transport = tcpTransport(pace, { host: '127.0.0.1', port })
    await expect(transport.open({ onData: () => {}, onClose: () => {} })).rejects.toMatchObject({
      code: 'device_gone',
      detail: expect.stringContaining(`tcp://127.0.0.1:${port}`),
    })
  })
})

/** Pulls the cable once, after so many bytes in one direction. */
class Scissors implements DeviceModel {
  readonly #inner: DeviceModel
  readonly #direction: 'in' | 'out'
  #left: number
  line: Line | null = null

  constructor(inner: DeviceModel, direction: 'in' | 'out', after: number) {
    this.#inner = inner
    this.#direction = direction
    this.#left = after
  }

  get cut(): boolean {
    return this.#left < 0
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#inner.attach((bytes) => this.#pass('out', bytes, send))
  }

  detach(): void {
    this.#inner.detach()
  }

  receive(bytes: Uint8Array): void {
    this.#pass('in', bytes, (part) => this.#inner.receive(part))
  }

  #pass(direction: 'in' | 'out', bytes: Uint8Array, deliver: (bytes: Uint8Array) => void): void {
    if (direction !== this.#direction || this.#left < 0 || bytes.length <= this.#left) {
      if (direction === this.#direction && this.#left >= 0) this.#left -= bytes.length
      deliver(bytes)
      return
    }
    const part = bytes.subarray(0, this.#left)
    this.#left = -1
    if (part.length > 0) deliver(part)
    this.line?.cut()
  }
}

async function withScissors(inner: DeviceModel, direction: 'in' | 'out', after: number) {
  const scissors = new Scissors(inner, direction, after)
  const line = await openLine(scissors, { pace, random: seeded(1) })
  scissors.line = line
  return { scissors, line }
}

describe('a cable pulled at every point', () => {
  for (const direction of ['in', 'out'] as const) {
    it(`of a call pad (${direction}): each press is decided once, the display is right`, async () => {
      for (let after = 0; after < 170; after += 3) {
        const model = createCallPadModel(seeded(after), { serial: 'PAD' })
        const { line, scissors } = await withScissors(model, direction, after)
        await using _line = line
        const seen: number[] = []
        await using pad = createCallPad('pad', partsFor(line.port), {
          handlers: {
            onPress: async (press) => {
              seen.push(press.event)
              return 'recorded'
            },
          },
          wanted: () => 'A007',
          options: fast,
        })
        pad.start()
        const answers = await Promise.all([model.press('next'), model.press('done')])
        expect(answers.map(({ event }) => event)).toEqual([1, 2])
        await until(() => scissors.cut && pad.view().state === 'online')
        await until(() => 'number' in model.displayed && model.displayed.number === 'A007')
        expect(seen, `cut after ${after}`).toEqual([1, 2])
      }
    })

    it(`of a reader (${direction}): the card is read whole`, async () => {
      const text = {
        kind: 'permit',
        name: '陈大文',
        sex: '2',
        birth: '19900101',
        address: '广东省深圳市测试路3号',
        number: '810000199001010019',
        issuer: '深圳市公安局',
        valid_from: '20200101',
        valid_to: '20250101',
        pass_number: 'H12345678',
        issue_count: '01',
        reserved: '',
      } as const
      const most = direction === 'in' ? 70 : 1400
      for (let after = 0; after < most; after += direction === 'in' ? 3 : 47) {
        const model = new IdCardReaderModel()
        const { line, scissors } = await withScissors(model, direction, after)
        await using _line = line
        const cards: unknown[] = []
        await using reader = createReader('reader', partsFor(line.port), {
          handlers: { onCard: (card) => void cards.push(card.text) },
          options: { ...fast, poll_ms: 2 },
        })
        reader.start()
        model.placeCard({ text })
        await until(() => cards.length > 0 && scissors.cut && reader.view().state === 'online')
        expect(cards, `cut after ${after}`).toEqual([text])
        expect(reader.card()?.text).toEqual(text)
      }
    })

    it(`of a printer (${direction}): the outcome is true, and nothing comes out twice`, async () => {
      const outcomes = new Set<string>()
      const most = direction === 'in' ? 400 : 12
      for (let after = 0; after < most; after += direction === 'in' ? 9 : 1) {
        const model = new TicketPrinterModel()
        const slips: PrintedTicket[] = []
        model.onTicket = (ticket) => slips.push(ticket)
        const { line } = await withScissors(model, direction, after)
        await using _line = line
        await using printer = createPrinter('printer', partsFor(line.port), {
          options: { session: quick, poll_ms: 5, process_id_ms: 10_000, job_wait_ms: 20_000 },
        })
        printer.start()
        const outcome = await printer.print({
          hall: { zh: '营业厅', en: 'Hall' },
          service: { zh: '业务', en: 'Service' },
          number: 'A001',
          people_ahead: 1,
          wait_min: null,
          counters: [],
          rules: null,
          lines: null,
          time: '09:00',
          reprint: false,
          qr: 'id-1',
        })
        outcomes.add(outcome)
        const whole = slips.filter((slip) => slip.whole).length
        if (outcome === 'printed') expect(whole, `cut after ${after}`).toBe(1)
        if (outcome === 'failed') expect(whole, `cut after ${after}`).toBe(0)
        expect(whole).toBeLessThanOrEqual(1)
      }
      expect([...outcomes].sort()).toEqual(['printed', 'unknown'])
    })
  }
})
