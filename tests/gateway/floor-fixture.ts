/** A hall's floor with the real engine, its log an array, its devices behind real sockets. */
import { randomBytes } from 'node:crypto'
import type { Draft } from '#devices/contract/record.ts'
import { silent } from '#devices/std/log.ts'
import type { BusModel } from '../../firmware-sim/models/bus.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { Floor } from '../../gateway/floor/floor.ts'
import { openDesk } from '../../gateway/hall/desk.ts'
import { emptyState } from '../../gateway/hall/state.ts'
import { lineFor, pace, seeded } from '../drivers/helpers.ts'
import { rules } from './hall/fixtures.ts'

const EPOCH = 'ab'.repeat(16)
const undo: (() => Promise<unknown>)[] = []

/** To be called after each test. */
export async function closeFloors(): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step()
}

export type Place = {
  device: string
  type: string
  counter: string
  model: DeviceModel
  options?: Record<string, unknown>
  /** Units that share one line. */
  bus?: BusModel
}

/** A hall whose log is an array, with devices behind real sockets. */
export async function openFloor(places: readonly Place[]) {
  const drafts: Draft[] = []
  const cards: { counter: string; device: string }[] = []
  const held: string[] = []
  let mono_ms = 0
  let seq = 0
  const stamp = () => {
    mono_ms += 1
    const wall_ms = Date.UTC(2026, 2, 2, 1) + mono_ms
    return { wall_ms, boot: 'b'.repeat(16), mono_ms, skew_ms: null, skew_error_ms: null }
  }
  let floor: Floor | undefined
  const desk = openDesk({
    log: {
      async append(records) {
        drafts.push(...records.map(({ draft }) => draft))
        const first = seq + 1
        seq += records.length
        return { epoch: EPOCH, first, last: seq }
      },
    },
    stamps: stamp,
    fresh: () => randomBytes(8).toString('hex'),
    state: emptyState(),
    rebuild: () => Promise.resolve(desk.state),
    onEffects: (effects, state) => floor?.act(effects, state),
  })
  await desk.submit({ type: 'config', version: 1, rules: rules() })
  await desk.submit({ type: 'day.open', day: '2026-03-02', confirmed_by: null })
  const lines = new Map<string, Awaited<ReturnType<typeof lineFor>>>()
  const wires = new Map<DeviceModel, Awaited<ReturnType<typeof lineFor>>>()
  for (const { device, model, bus } of places) {
    const line = wires.get(bus ?? model) ?? (await lineFor(bus ?? model))
    wires.set(bus ?? model, line)
    lines.set(device, line)
  }
  undo.push(async () => {
    for (const line of wires.values()) await line[Symbol.asyncDispose]()
  })
  const build = (at: (device: string) => number) =>
    new Floor({
      devices: places.map(({ device, type, counter, options }) => ({
        ...{ device, type, counter, options: { poll_ms: 5, ...options } },
        at: `tcp://127.0.0.1:${at(device)}`,
      })),
      ...{ pace, random: seeded(3), logger: silent, desk },
      wall_ms: () => Date.now(),
      stamp,
      state: () => desk.state,
      onCard: (counter, _card, device) => cards.push({ counter, device }),
      onState: () => {},
      onHeldBack: (device, counter, why) => held.push(`${device} ${counter} ${why}`),
    })
  /** Starts the floor with cables as `cabling` says: place → the device whose socket it gets. */
  const start = async (cabling: Record<string, string> = {}) => {
    await floor?.[Symbol.asyncDispose]()
    floor = build((device) => lines.get(cabling[device] ?? device)!.port)
    floor.start()
    return floor
  }
  undo.push(async () => floor?.[Symbol.asyncDispose]())
  const bindingOf = (device: string) =>
    floor?.views().find((view) => view.device === device)?.binding.state
  const kinds = () => drafts.map(({ kind }) => kind)
  return { desk, drafts, kinds, cards, held, start, bindingOf }
}
