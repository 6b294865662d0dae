/** A hall of simulated devices on timed lines, and a gateway's process in front of them. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { DeviceTypeName } from '#devices/types/index.ts'
import { type LineOptions, openLine } from '../../firmware-sim/line.ts'
import type { BusModel } from '../../firmware-sim/models/bus.ts'
import { createCallPadModel } from '../../firmware-sim/models/call-pad.ts'
import { PjlinkDisplayModel } from '../../firmware-sim/models/hall-display.ts'
import { IdCardReaderModel, samIdOf } from '../../firmware-sim/models/id-card-reader.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { PinPadModel } from '../../firmware-sim/models/pin-pad.ts'
import { createTicketPanelModel } from '../../firmware-sim/models/ticket-panel.ts'
import { TicketPrinterModel } from '../../firmware-sim/models/ticket-printer.ts'
import { realPace } from '../../firmware-sim/pace.ts'
import { seeded } from './hall-day.ts'
import { nodeFlags } from './node-flags.ts'
import type { HallJob, HallSaid } from './reader-child.ts'

export type Wired = { device: string; type: DeviceTypeName; counter?: string }
export type Standing = Wired & {
  model: DeviceModel
  line?: Omit<LineOptions, 'port'>
  /** Units that name the same bus stand on one line; each has its address. */
  bus?: { model: BusModel; address: number }
}

/** Serial settings of the types that have a line of their own; the rest sit on networks. */
const lines: Partial<Record<DeviceTypeName, LineOptions>> = {
  id_card_reader: { baud: 115_200 },
  call_pad: { baud: 19_200, bits_per_byte: 11 },
  ticket_panel: { baud: 19_200, bits_per_byte: 11 },
  pin_pad: { baud: 9_600 },
}

/** `address`: of a unit on a bus. */
export function modelOf({ device, type }: Wired, address = 1): DeviceModel {
  const random = seeded([...device].reduce((sum, unit) => sum * 31 + unit.charCodeAt(0), 7))
  const parts = { pace: realPace, serial: device.slice(0, 16), address }
  switch (type) {
    case 'id_card_reader':
      return new IdCardReaderModel({ sam_id: samIdOf(device) })
    case 'call_pad':
      return createCallPadModel(random, parts)
    case 'ticket_panel':
      return createTicketPanelModel(random, parts)
    case 'ticket_printer':
      return new TicketPrinterModel()
    case 'hall_display':
      return new PjlinkDisplayModel({ ...parts, random })
    case 'pin_pad':
      return new PinPadModel({ serial: device.slice(-4) })
    default:
      throw new Error(`no ${type} in this bench`)
  }
}

export type BenchHall = AsyncDisposable & {
  onSaid(take: (said: HallSaid) => void): void
  /** Processor milliseconds of the gateway so far, and how many devices work. */
  cpu(): Promise<{ cpu_ms: number; online: number }>
}

export async function openBenchHall(
  standing: readonly Standing[],
  { counters, open = true, tickets }: Omit<HallJob, 'devices' | 'open'> & { open?: boolean },
): Promise<BenchHall> {
  await using opening = new AsyncDisposableStack()
  const parts = { pace: realPace, random: seeded(3) }
  const devices: HallJob['devices'] = []
  const ports = new Map<DeviceModel, number>()
  for (const { device, type, counter, model, line, bus } of standing) {
    const wire = bus?.model ?? model
    const port =
      ports.get(wire) ?? opening.use(await openLine(wire, parts, { ...lines[type], ...line })).port
    ports.set(wire, port)
    const place = counter === undefined ? {} : { counter }
    const options = bus === undefined ? {} : { unit: bus.address }
    devices.push({ device, type, at: `tcp://127.0.0.1:${port}`, options, ...place })
  }
  const child = fork(join(import.meta.dirname, 'reader-child.ts'), {
    execArgv: [...nodeFlags()],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  opening.defer(async () => {
    if (child.connected) child.send('stop')
    await ended
  })
  const takers: ((said: HallSaid) => void)[] = []
  child.on('message', (said: HallSaid) => {
    for (const take of takers) take(said)
  })
  const next = <Said extends HallSaid['said']>(said: Said) =>
    new Promise<Extract<HallSaid, { said: Said }>>((resolve, reject) => {
      void ended.then(() => reject(new Error('the gateway of the bench ended')))
      takers.push((one) => {
        if (one.said === said) resolve(one as Extract<HallSaid, { said: Said }>)
      })
    })
  const ready = next('ready')
  child.send({ devices, counters, open, tickets } satisfies HallJob)
  await ready
  const closing = opening.move()
  return {
    onSaid: (take) => void takers.push(take),
    cpu() {
      const told = next('cpu')
      child.send('cpu')
      return told
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}
