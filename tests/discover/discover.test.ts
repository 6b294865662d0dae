/**
 * Discovery against simulated devices behind real TCP ports: who is found, who is left alone, and
 * that no question could do harm.
 */
import { once } from 'node:events'
import net from 'node:net'
import { describe, expect, it } from 'vitest'
import { concat } from '#devices/std/bytes.ts'
import { crc16Modbus } from '#devices/std/crc.ts'
import { silent } from '#devices/std/log.ts'
import { createCommandDeframer } from '#devices/wire/escpos.ts'
import { openLine } from '../../firmware-sim/line.ts'
import { BusModel } from '../../firmware-sim/models/bus.ts'
import { createCallPadModel } from '../../firmware-sim/models/call-pad.ts'
import { createCounterDisplayModel } from '../../firmware-sim/models/counter-display.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { createRatingPadModel } from '../../firmware-sim/models/rating-pad.ts'
import { freePorts } from '../../firmware-sim/people/ports.ts'
import { makeDevice } from '../../firmware-sim/types.ts'
import { askDefaults, askPlace } from '../../gateway/discover/ask.ts'
import { tcpPlace } from '../../gateway/discover/places.ts'
import { isHarmless } from '../../gateway/discover/protocols.ts'
import { sharedParts } from '../../gateway/transports/open.ts'
import { simKinds } from '../conform/bench-fixture.ts'
import { pace, seeded } from '../drivers/helpers.ts'

const parts = { pace, shared: sharedParts({ pace, log: silent }) }

/** More patience than in a hall: whoever answers here may have to wait for a processor first. */
const patient = { ...askDefaults, extra_ms: 300, listen_ms: 1_000 }

async function found(model: DeviceModel, options: Partial<typeof askDefaults> = {}) {
  await using line = await openLine(model, { pace, random: seeded(1) })
  return await askPlace(tcpPlace('127.0.0.1', line.port), parts, { ...patient, ...options })
}

function simulated(type: string, settings: Record<string, string> = {}): DeviceModel {
  const made = makeDevice(
    simKinds.get(type)!,
    { pace, random: seeded(1) },
    { serial: 'S-1', settings },
  )
  return made.model
}

/** Keeps what it is told; says nothing, or `says` to everything. */
class Stranger implements DeviceModel {
  readonly heard: number[] = []
  readonly #says: (bytes: Uint8Array) => Uint8Array | null
  #send: ((bytes: Uint8Array) => void) | null = null
  constructor(says: (bytes: Uint8Array) => Uint8Array | null = () => null) {
    this.#says = says
  }
  attach(send: (bytes: Uint8Array) => void): void {
    this.#send = send
  }
  detach(): void {
    this.#send = null
  }
  receive(bytes: Uint8Array): void {
    this.heard.push(...bytes)
    const answer = this.#says(bytes)
    if (answer !== null) this.#send?.(answer)
  }
}

describe.concurrent('who answers is found', () => {
  it.each([
    ['id_card_reader', {}, { identity: /^05\.01-20101129-/, options: {} }],
    ['ticket_printer', {}, { identity: null, options: {} }],
    ['pin_pad', {}, { identity: /\S/, options: {} }],
    ['hall_display', {}, { identity: null, options: {} }],
    ['hall_display', { class: '2' }, { identity: /S-1/, options: {} }],
    ['hall_display', { password: 'abc' }, { identity: null, options: { security: 'md5' } }],
    ['hall_display', { protocol: 'mdc' }, { identity: /S-1/, options: { protocol: 'mdc' } }],
    ['call_pad', {}, { identity: /^S-1$/, options: {} }],
  ])('%s %o', async (type, settings, { identity, options }) => {
    const { verdict, proposals } = await found(simulated(type, settings))
    expect(verdict).toBe('answered')
    expect(proposals).toMatchObject([{ type, certain: true, options }])
    if (identity === null) expect(proposals[0]!.identity).toBeNull()
    else expect(proposals[0]!.identity).toMatch(identity)
  })

  it('every unit of a bus, by its number and class; one that is not ours is told and not certain', async () => {
    const unit = (address: number, serial: string) => ({ address, serial })
    const exception = concat([3, 0x84, 2])
    const crc = crc16Modbus(exception)
    const unknownRegister = concat(exception, [crc & 0xff, crc >> 8])
    const foreign = new Stranger((bytes) =>
      // Unit 3 knows no such register: an exception with its checksum.
      bytes[0] === 3 && bytes[1] === 4 ? unknownRegister : null,
    )
    const bus = new BusModel([
      createCallPadModel(seeded(1), unit(1, 'PAD-1')),
      createRatingPadModel(seeded(2), unit(10, 'RATER-10')),
      createCounterDisplayModel(seeded(3), unit(16, 'LED-16')),
      foreign,
    ])
    const { proposals } = await found(bus)
    expect(
      proposals.map(({ type, identity, certain, options }) => [type, identity, certain, options]),
    ).toEqual([
      ['call_pad', 'PAD-1', true, {}],
      [null, null, false, { unit: 3 }],
      ['rating_pad', 'RATER-10', true, { unit: 10 }],
      ['counter_display', 'LED-16', true, { unit: 16 }],
    ])
  })

  it('a lone unit whose number would feed a printer’s paper only if that is wished', async () => {
    const lone = () => createCallPadModel(seeded(1), { address: 10, serial: 'PAD-10' })
    expect((await found(lone())).verdict).toBe('silent')
    expect((await found(lone(), { every_unit: true })).proposals).toMatchObject([
      { type: 'call_pad', options: { unit: 10 } },
    ])
  })
})

/** A port whose link ends as `meet` wishes. */
async function behind(meet: (socket: net.Socket) => void) {
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    meet(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const report = await askPlace(tcpPlace('127.0.0.1', port), parts, askDefaults)
  server.close()
  return report
}

describe.concurrent('who closes the link', () => {
  it('to words it does not know is asked on, in a new one', async () => {
    const status = Uint8Array.of(0xaa, 0xaa, 0xaa, 0x96, 0x69, 0, 4, 0, 0, 0x90, 0x94)
    const report = await behind((socket) =>
      socket.on('data', (bytes: Buffer) =>
        bytes.subarray(0, 5).equals(status.subarray(0, 5))
          ? socket.write(status)
          : socket.destroy(),
      ),
    )
    expect(report).toMatchObject({
      verdict: 'answered',
      proposals: [{ type: 'id_card_reader' }],
    })
  })

  it('before it was asked anything is told as that', async () => {
    const report = await behind((socket) => socket.destroy())
    expect(report.verdict).toBe('gone')
    expect(report.detail).toMatch(/it closed the link/)
  })
})

describe.concurrent('who does not is left alone', () => {
  it('a silent port is told as that, and nothing it was sent moves paper or is a command', async () => {
    const stranger = new Stranger()
    expect((await found(stranger)).verdict).toBe('silent')
    const sent = Uint8Array.from(stranger.heard)
    expect(sent.length).toBeGreaterThan(50)
    expect(isHarmless(sent)).toBe(true)
    // To a printer that cannot answer: real-time questions, and text that stays in its buffer.
    const { frames } = createCommandDeframer().push(sent)
    expect(new Set(frames.map(({ command }) => command))).toEqual(new Set(['status', 'text']))
  })

  it('a printer that answers is asked nothing else', async () => {
    const printer = simulated('ticket_printer')
    const heard: number[] = []
    await found({
      attach: (send) => printer.attach(send),
      detach: () => printer.detach(),
      receive: (bytes) => {
        heard.push(...bytes)
        printer.receive(bytes)
      },
    })
    expect(heard).toEqual([0x10, 4, 1, 0x10, 4, 2, 0x10, 4, 3, 0x10, 4, 4])
  })

  it('who talks unasked is not disturbed', async () => {
    const stranger = new Stranger()
    const bus = new BusModel([stranger])
    bus.jabber({ pace, random: seeded(5) }, 20, 40)
    const { verdict, detail } = await found(bus)
    bus.quiet()
    expect(verdict).toBe('talks')
    expect(detail).toMatch(/^\d+ bytes$/)
    expect(stranger.heard).toEqual([])
  })

  it.each([
    ['gives back what it is sent', (bytes: Uint8Array) => bytes, 'echo'],
    ['answers everything with a zero', () => Uint8Array.of(0), 'unknown'],
    ['answers everything as a printer would, and more', () => Uint8Array.of(0x12, 0x12), 'unknown'],
  ])('what %s is no device of ours', async (_what, says, verdict) => {
    const report = await found(new Stranger(says))
    expect(report).toMatchObject({ verdict, proposals: [] })
  })

  it('damaged answers are none', async () => {
    const reader = simulated('id_card_reader')
    const faults = { corrupt: 1 }
    await using line = await openLine(reader, { pace, random: seeded(1) }, { faults })
    const report = await askPlace(tcpPlace('127.0.0.1', line.port), parts)
    expect(report.proposals).toEqual([])
  })

  it('nobody behind the port is told as that', async () => {
    const [port] = await freePorts(1)
    expect((await askPlace(tcpPlace('127.0.0.1', port!), parts)).verdict).toBe('gone')
  })
})
