/** One device in its place, recorded while it is used, and the recording played back to another. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Recording, readRecording } from '#devices/contract/recording.ts'
import { silent } from '#devices/std/log.ts'
import type { Card } from '#devices/types/card.ts'
import { openLine } from '../../firmware-sim/line.ts'
import { seeded } from '../../firmware-sim/people/seeded.ts'
import { openPlayback } from '../../firmware-sim/playback/open.ts'
import type { PlaybackOptions } from '../../firmware-sim/playback/playback.ts'
import type { Hands } from '../../firmware-sim/sim-kind.ts'
import { loadKinds, type MakeOptions, makeDevice } from '../../firmware-sim/types.ts'
import { openXfsLine, type TextModel } from '../../firmware-sim/xfs-line.ts'
import type { DeviceConfig } from '../../gateway/config.ts'
import type { DriverParts } from '../../gateway/drivers/session.ts'
import { kindOf } from '../../gateway/floor/kinds/index.ts'
import { Lines } from '../../gateway/floor/lines.ts'
import type { Placed } from '../../gateway/floor/placed.ts'
import { realPace } from '../../gateway/pace.ts'
import { Recordings } from '../../gateway/recording/recordings.ts'

const kinds = await loadKinds()
export const parts = { pace: realPace, random: seeded('recording') }

export type Used = {
  placed: Placed
  /** What came of the device: presses, ratings, cards and answers, without what differs by run. */
  inputs: unknown[]
  cards: Card[]
  /** Waits for something to become true, long enough for a slow machine. */
  until(what: string, condition: () => unknown): Promise<void>
}

export type Use = (used: Used, hands: Hands) => Promise<void>

const base = { poll_ms: 20, idle_poll_ms: 20, retry_ms: 20 }
export const quickOptions: Readonly<Record<string, object>> = {
  id_card_reader: { poll_ms: 20, idle_poll_ms: 20 },
  xfs4iot: { poll_ms: 30, idle_poll_ms: 30 },
}

export async function until(what: string, condition: () => unknown): Promise<void> {
  const end_ms = performance.now() + 100_000
  while (!condition()) {
    if (performance.now() > end_ms) throw new Error(`did not happen: ${what}`)
    await new Promise((wake) => setTimeout(wake, 10))
  }
}

/** One placed device at an address, used once; `tap` hears its link. */
async function useOnce(
  config: DeviceConfig,
  given: { tap?: DriverParts['tap']; hands: Hands; use: Use; after?: () => Promise<unknown> },
): Promise<unknown[]> {
  const { tap, hands, use, after } = given
  const inputs: unknown[] = []
  const cards: Card[] = []
  await using lines = new Lines([config], { pace: realPace, log: silent })
  const driver = {
    ...{ transport: lines.of(config), pace: realPace, random: Math.random, log: silent },
    wall_ms: () => Date.now(),
    ...(tap === undefined ? {} : { tap }),
  }
  await using placed = kindOf(config.type)({
    config,
    driver,
    hall: {
      async press({ boot, event, ...press }) {
        inputs.push(press)
        return 'recorded'
      },
      async rating({ boot, event, ...rating }) {
        inputs.push(rating)
        return 'recorded'
      },
      card(card) {
        cards.push(card)
        inputs.push({ card: card.text.kind, warnings: card.warnings })
      },
      shown: () => 'A012',
      changed: () => {},
    },
  })
  placed.start()
  await until(`${config.type} is on line`, () => placed.view().state === 'online')
  await use({ placed, inputs, cards, until }, hands)
  const { identity, firmware, state } = placed.view()
  await after?.()
  return [...inputs, { identity, firmware, state }]
}

export type Recorded = { text: string; recording: Recording; inputs: unknown[] }

export type Recorder = MakeOptions & { options?: object; use: Use; reconnect?: boolean }

/** A simulated device of this type, used while it is recorded. */
export async function record(type: string, given: Recorder): Promise<Recorded> {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-recording-'))
  await using recordings = new Recordings(folder, {
    ...{ pace: realPace, wall_ms: () => Date.now(), log: silent },
  })
  const device = makeDevice(kinds.get(type)!, parts, given)
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const at =
    type === 'xfs4iot'
      ? stack.use(await openXfsLine({ Kiosk: device.model as unknown as TextModel })).uri('Kiosk')
      : `tcp://127.0.0.1:${stack.use(await openLine(device.model, parts)).port}`
  const config = configOf(type, at, given.options)
  const tap = recordings.tap(config)
  const bounds = { minutes: 5, bytes: 1024 * 1024, reconnect: given.reconnect ?? true }
  await recordings.start(config.device, bounds)
  const after = () => recordings.stop(config.device)
  const inputs = await useOnce(config, { tap, hands: device.hands ?? {}, use: given.use, after })
  const text = await readFile(join(folder, `${config.device}.jsonl`), 'utf8')
  return { text, recording: readRecording(text), inputs }
}

export type PlayedBack = { inputs: unknown[]; differences: Record<string, number> }

/** The same use, with a recording in the device's place. */
export async function playBack(
  { recording }: Recorded,
  given: Pick<Recorder, 'options' | 'use'> & Partial<PlaybackOptions>,
): Promise<PlayedBack> {
  const { options, use, ...playing } = given
  await using played = await openPlayback(recording, parts, { late_ms: 5_000, ...playing })
  const config = configOf(recording.head.type, played.at, options)
  // Nobody is at a recorded device: whatever a hand did is in the recording.
  const hands = new Proxy({}, { get: () => () => {} }) as Hands
  const inputs = await useOnce(config, { hands, use })
  return { inputs, differences: Object.fromEntries(played.playback.differences) }
}

function configOf(type: string, at: string, options: object | undefined): DeviceConfig {
  const own = { ...(quickOptions[type] ?? base), ...options }
  return { device: `${type}-1`, type, at, counter: '1', options: { ...own } }
}
