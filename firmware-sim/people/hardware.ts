/**
 * The simulated hardware of one hall: a ticket panel, a ticket printer, and at every counter a call
 * pad and an ID-card reader; what else stands there is asked for with {@link MoreHardware}. Each
 * device is on a TCP line of its own, call pads on one together where they are wired so.
 * Every device that can say who it is has a name of its own in the hall, the same at every start.
 * {@link deviceConfigs} is how a gateway finds them.
 */
import type { Pace } from '#devices/std/clock.ts'
import type { Random } from '#devices/std/random.ts'
import { type Line, type LineFaults, openLine } from '../line.ts'
import { BusModel } from '../models/bus.ts'
import { type CallPadModel, createCallPadModel } from '../models/call-pad.ts'
import { IdCardReaderModel, samIdOf } from '../models/id-card-reader.ts'
import type { DeviceModel } from '../models/model.ts'
import { createTicketPanelModel, type TicketPanelModel } from '../models/ticket-panel.ts'
import { TicketPrinterModel } from '../models/ticket-printer.ts'
import {
  type MoreAtCounter,
  type MoreHardware,
  moreAt,
  nothingMore,
  wallDisplay,
} from './more-hardware.ts'

export type CounterDevices = MoreAtCounter & { pad: CallPadModel; reader: IdCardReaderModel }

export type PlacedDevice = {
  device: string
  type: string
  counter: string | null
  line: Line
  /** What its place asks of the gateway's configuration: a unit's address on a shared line. */
  options: Readonly<Record<string, unknown>>
}

export interface Hardware extends AsyncDisposable {
  readonly panel: TicketPanelModel
  readonly printer: TicketPrinterModel
  readonly counters: ReadonlyMap<string, CounterDevices>
  readonly placed: readonly PlacedDevice[]
}

export type HardwareOptions = {
  counters: readonly string[]
  /** First of a row of ports, in the order of {@link Hardware.placed}; 0 takes any free ones. */
  port: number
  /** How long a unit keeps back its answer to a poll. */
  answer_hold_ms: number
  baud?: number
  sam_delay_ms?: number
  faults?: Partial<LineFaults>
  more?: MoreHardware
}

type Parts = { pace: Pace; random: Random }
type Place = (
  device: string,
  on: DeviceModel | Line,
  at: { type: string; counter: string | null; options?: PlacedDevice['options'] },
) => Promise<Line>

export async function openHardware(parts: Parts, options: HardwareOptions): Promise<Hardware> {
  const { pace, random } = parts
  const { answer_hold_ms, more = {} } = options
  const placed: PlacedDevice[] = []
  const place = placer(placed, parts, options)
  try {
    const panel = createTicketPanelModel(random, { serial: 'PANEL', answer_hold_ms, pace, room })
    await place('panel', panel, { type: 'ticket_panel', counter: null })
    const printer = new TicketPrinterModel()
    await place('printer', printer, { type: 'ticket_printer', counter: null })
    const counters = await placeCounters(parts, place, options)
    if (more.wall_display) {
      await place('board', wallDisplay(parts), { type: 'hall_display', counter: null })
    }
    return { panel, printer, counters, placed, [Symbol.asyncDispose]: () => unplug(placed) }
  } catch (error) {
    await unplug(placed)
    throw error
  }
}

/** Presses that a unit holds. */
const room = 64

function placer(placed: PlacedDevice[], parts: Parts, options: HardwareOptions): Place {
  const { baud = 0, faults = {} } = options
  return async (device, on, { options: own = {}, ...at }) => {
    const port = options.port === 0 ? 0 : options.port + placed.length
    const line = 'receive' in on ? await openLine(on, parts, { port, baud, faults }) : on
    placed.push({ device, ...at, line, options: own })
    return line
  }
}

async function placeCounters(parts: Parts, place: Place, options: HardwareOptions) {
  const { counters: names, answer_hold_ms, more = {}, sam_delay_ms = 0 } = options
  const { pace, random } = parts
  const pads = names.map((_, i) => {
    const unit = { serial: `PAD${i + 1}`, pace, room }
    // Whoever keeps an answer back keeps the whole line from the others.
    const held = more.pads_share_a_line ? { address: i + 1 } : { answer_hold_ms }
    return createCallPadModel(random, { ...unit, ...held })
  })
  let shared: Line | null = null
  const counters = new Map<string, CounterDevices>()
  for (const [i, counter] of names.entries()) {
    const pad = pads[i]!
    const at = { type: 'call_pad', counter }
    if (more.pads_share_a_line) {
      const on = shared ?? new BusModel(pads)
      shared = await place(`pad-${counter}`, on, { ...at, options: { unit: pad.address } })
    } else await place(`pad-${counter}`, pad, at)
    const sam = { sam_id: samIdOf(`READER${i + 1}`), sam_delay_ms, answer_hold_ms, pace }
    const reader = new IdCardReaderModel(sam)
    await place(`reader-${counter}`, reader, { type: 'id_card_reader', counter })
    const extra = moreAt(parts, more, { counter, number: i + 1 })
    for (const { device, type, model } of extra.devices) {
      await place(`${device}-${counter}`, model, { type, counter })
    }
    counters.set(counter, { ...nothingMore, ...extra.hands, pad, reader })
  }
  return counters
}

async function unplug(placed: readonly PlacedDevice[]): Promise<void> {
  await Promise.all(placed.map(({ line }) => line[Symbol.asyncDispose]()))
}

/** The devices as a gateway's configuration names them. */
export function deviceConfigs(hardware: Hardware, options: Readonly<Record<string, object>> = {}) {
  return hardware.placed.map(({ device, type, counter, line, options: own }) => ({
    device,
    type,
    at: `tcp://127.0.0.1:${line.port}`,
    ...(counter === null ? {} : { counter }),
    options: { ...options[type], ...own },
  }))
}
