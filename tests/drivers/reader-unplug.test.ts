/**
 * The cable of a reader pulled after every single byte of a whole visit: identification, a card found,
 * read, lifted, another one laid. It works again each time, and nothing is told twice.
 */
import { describe, expect, it } from 'vitest'
import { silent } from '#devices/std/log.ts'
import type { CardText } from '#devices/wire/id-card-text.ts'
import {
  IdCardReaderModel,
  type ReaderModelOptions,
} from '../../firmware-sim/models/id-card-reader.ts'
import { MiaxisReports } from '../../firmware-sim/models/id-card-reader-wrapped.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { cardOfKind } from '../../firmware-sim/people/cards.ts'
import { createReader, type ReaderDriver } from '../../gateway/drivers/reader-driver.ts'
import type { Transport } from '../../gateway/transports/transport.ts'
import { seeded } from './helpers.ts'
import { type Cable, cable, VirtualPace, wired, wiredBulk } from './wired.ts'

const first = cardOfKind('resident', 'unplug', 1)
const second = cardOfKind('foreigner_2023', 'unplug', 2)

/** Whole cards are lost on the way, the given number of them. */
function losing(
  model: IdCardReaderModel,
  card_bytes: number,
): { model: DeviceModel; left: number } {
  const losses = {
    left: 0,
    model: {
      attach: (send) =>
        model.attach((bytes) => {
          if (bytes.length === card_bytes && losses.left > 0) losses.left -= 1
          else send(bytes)
        }),
      detach: () => model.detach(),
      receive: (bytes) => model.receive(bytes),
    } satisfies DeviceModel,
  }
  return losses
}

type Link = (model: IdCardReaderModel, parts: { pace: VirtualPace; cable: Cable }) => Transport

const links: Record<string, Link> = {
  'bytes on a line': (model, parts) => wired(model, parts),
  'HID reports': (model, parts) =>
    wired(new MiaxisReports(model), { ...parts, address: 'hid:10c4:0007' }),
  'HID reports in a stream': (model, parts) =>
    wired(new MiaxisReports(model), { ...parts, address: 'tcp://reports' }),
  'bulk pipes, split': (model, parts) => wiredBulk(model, { layout: 'split' }, parts),
  'bulk pipes, single': (model, parts) =>
    wiredBulk(model, { layout: 'single', out_pipe: 0x01, in_pipe: 0x82 }, parts),
}

type Visit = { told: string[]; cards: CardText[]; passed: number; labels: Set<string> }

async function visit(
  link: string,
  left: number | undefined,
  options: { model?: ReaderModelOptions; read_twice?: boolean } = {},
): Promise<Visit> {
  const pace = new VirtualPace()
  const line = cable(left)
  const model = new IdCardReaderModel(options.model)
  const told: string[] = []
  const cards: CardText[] = []
  const wrapping = link === 'HID reports in a stream' ? 'miaxis_hid' : 'auto'
  const reader = createReader(
    'reader',
    {
      ...{ transport: links[link]!(model, { pace, cable: line }), pace, random: seeded(1) },
      ...{ log: silent, wall_ms: () => 0 },
    },
    {
      handlers: {
        onCard(card) {
          cards.push(card.text)
          told.push('card')
        },
        onRemoved: () => void told.push('removed'),
        onUnreadable: (status) => void told.push(status),
      },
      options: { read_twice: options.read_twice ?? false, wrapping },
    },
  )
  await using _reader: ReaderDriver = reader
  reader.start()
  const reached = async (condition: () => boolean) =>
    expect(await pace.until(condition), `${link}, pulled after ${left} bytes`).toBe(true)
  const rounds = async (count: number) => {
    const before = reader.view().counters.frames_in
    await reached(() => reader.view().counters.frames_in >= before + count)
  }
  await rounds(4)
  model.placeCard({ text: first })
  await reached(() => told.length === 1)
  // Enough for a new start behind a pulled cable and for looks at what lies there.
  await rounds(9)
  model.removeCard()
  await reached(() => told.length === 2)
  model.placeCard({ text: second })
  await reached(() => told.length === 3)
  await rounds(2)
  await reached(() => reader.view().state === 'online')
  const labels = new Set(reader.view().frames.map(({ command }) => command))
  if (left !== undefined) expect(line.pulled).toBe(true)
  return { told, cards, passed: line.passed, labels }
}

async function pulledEverywhere(
  link: string,
  every: number,
  options: Parameters<typeof visit>[2] = {},
): Promise<void> {
  const whole = await visit(link, undefined, options)
  expect(whole.labels).toEqual(
    new Set(['status', 'read_id', 'read', 'find', 'select', 'read_new_address', 'reply']),
  )
  for (let left = 0; left < whole.passed; left += every) {
    const { told, cards } = await visit(link, left, options)
    expect(told, `${link}, pulled after ${left} bytes`).toEqual(['card', 'removed', 'card'])
    expect(cards).toEqual([first, second])
  }
}

describe('a reader whose cable is pulled after any byte reads each card once', () => {
  it('at every byte of a plain line', () => pulledEverywhere('bytes on a line', 1))

  it('at every third byte, fed by the line: the module forgets what it has read', () =>
    pulledEverywhere('bytes on a line', 3, { model: { line_powered: true } }))

  for (const link of Object.keys(links)) {
    it(`over ${link}, own power and fed by the line, read once and twice`, async () => {
      await pulledEverywhere(link, 11)
      await pulledEverywhere(link, 23, { model: { line_powered: true }, read_twice: true })
    })
  }

  it('where the module does not tell presence and forgets what it has read', async () => {
    const model = { knows_new_address: false }
    const pace = new VirtualPace()
    const line = cable(200)
    const reader = new IdCardReaderModel({ ...model, line_powered: true })
    const told: string[] = []
    await using driver = createReader(
      'reader',
      {
        ...{ transport: wired(reader, { pace, cable: line }), pace, random: seeded(1) },
        ...{ log: silent, wall_ms: () => 0 },
      },
      {
        handlers: {
          onCard: () => void told.push('card'),
          onRemoved: () => void told.push('removed'),
        },
      },
    )
    driver.start()
    reader.placeCard({ text: first })
    await pace.until(() => told.length === 1)
    for (const _ of [1, 2, 3]) {
      line.left = 30
      await pace.until(() => line.left === Number.POSITIVE_INFINITY)
      const frames = driver.view().counters.frames_in
      await pace.until(() => driver.view().counters.frames_in > frames + 8)
    }
    expect(told).toEqual(['card'])
    expect(driver.card()?.text).toEqual(first)
  })
})

describe('a card that was exchanged while the link was away', () => {
  const cases = [true, false].flatMap((knows_new_address) =>
    [1, 2, 3].map((losses) => ({ knows_new_address, losses })),
  )
  it.each(cases)(
    'is not taken for the one before when its reading is lost: $losses lost, tells presence: $knows_new_address',
    async ({ knows_new_address, losses }) => {
      const pace = new VirtualPace()
      const line = cable()
      const reader = new IdCardReaderModel({ knows_new_address })
      const lossy = losing(reader, 1295)
      const told: string[] = []
      await using driver = createReader(
        'reader',
        {
          ...{ transport: wired(lossy.model, { pace, cable: line }), pace, random: seeded(1) },
          ...{ log: silent, wall_ms: () => 0 },
        },
        {
          handlers: {
            onCard: ({ text }) => void told.push(text.number),
            onRemoved: () => void told.push('removed'),
          },
        },
      )
      driver.start()
      reader.placeCard({ text: first })
      await pace.until(() => told.length === 1)
      line.left = 5
      await pace.until(() => line.left === Number.POSITIVE_INFINITY)
      reader.placeCard({ text: second })
      lossy.left = losses
      await pace.until(() => told.length === 3, 110_000)
      expect(told).toEqual([first.number, 'removed', second.number])
      expect(driver.card()?.text).toEqual(second)
    },
  )
})
