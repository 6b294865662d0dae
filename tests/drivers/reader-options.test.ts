/** A reader's second answers, double readings, broken modules and every kind of card, in virtual time. */
import { describe, expect, it } from 'vitest'
import { silent } from '#devices/std/log.ts'
import type { Card } from '#devices/types/card.ts'
import { adviceFor, type ReaderOptions, readerAdvice } from '#devices/types/id-card-reader.ts'
import { deviceTypes } from '#devices/types/index.ts'
import {
  IdCardReaderModel,
  type ReaderModelOptions,
} from '../../firmware-sim/models/id-card-reader.ts'
import { MiaxisReports } from '../../firmware-sim/models/id-card-reader-wrapped.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { cardKinds, cardOfKind } from '../../firmware-sim/people/cards.ts'
import { createReader } from '../../gateway/drivers/reader-driver.ts'
import { seeded } from './helpers.ts'
import { cable, VirtualPace, wired } from './wired.ts'

const person = cardOfKind('resident', 'options', 7)

type Given = {
  model?: ReaderModelOptions
  options?: Partial<ReaderOptions>
  /** Changes what the module says, for a module that is not like ours. */
  alter?: (reply: Uint8Array, nth: number) => Uint8Array | null
  address?: string
}

function bench({ model: modelOptions = {}, options = {}, alter, address }: Given = {}) {
  const pace = new VirtualPace()
  const model = new IdCardReaderModel({ ...modelOptions, pace })
  const cards: Card[] = []
  const told: string[] = []
  let reads = 0
  const altered: DeviceModel = {
    attach: (send) =>
      model.attach((reply) => {
        if (reply.length === 1295) reads += 1
        const bytes = alter === undefined ? reply : alter(reply, reads)
        if (bytes !== null) send(bytes)
      }),
    detach: () => model.detach(),
    receive: (bytes) => model.receive(bytes),
  }
  const onWire = address?.startsWith('hid:') ? new MiaxisReports(altered) : altered
  const transport = wired(onWire, {
    ...{ pace, cable: cable() },
    ...(address === undefined ? {} : { address }),
  })
  const parts = { pace, random: seeded(1), log: silent, wall_ms: () => 0 }
  const reader = createReader(
    'reader',
    { transport, ...parts },
    {
      handlers: {
        onCard(card) {
          cards.push(card)
          told.push('card')
        },
        onRemoved: () => void told.push('removed'),
        onUnreadable: (status) => void told.push(status),
      },
      options,
    },
  )
  reader.start()
  return { pace, model, reader, cards, told, reads: () => reads }
}

/** As long as something that is believed not to come would take. */
const a_while_ms = 20_000

describe('the card that lies there', () => {
  it('answers a second question from memory, without asking the module again', async () => {
    const { pace, model, reader, cards, reads } = bench()
    await using _reader = reader
    model.placeCard({ text: person })
    await pace.until(() => cards.length === 1)
    expect(await Promise.all([reader.read(), reader.read()])).toEqual([cards[0], cards[0]])
    expect(reads()).toBe(1)
    model.removeCard()
    await pace.until(() => reader.card() === null)
    expect(await reader.read()).toBeNull()
  })

  it('is read again for who asks after it was forgotten, and reported as laid', async () => {
    const { pace, model, reader, cards, told, reads } = bench()
    await using _reader = reader
    model.placeCard({ text: person })
    await pace.until(() => cards.length === 1)
    reader.forget()
    await pace.until(() => false, a_while_ms)
    expect(told).toEqual(['card'])
    const answers: (Card | null)[] = []
    for (let i = 0; i < 2; i++) void reader.read().then((card) => answers.push(card))
    await pace.until(() => answers.length === 2)
    expect(answers).toEqual([cards[1], cards[1]])
    expect(cards[1]!.text).toEqual(person)
    expect(reads()).toBe(2)
    reader.forget()
    model.removeCard()
    const gone: (Card | null)[] = []
    void reader.read().then((card) => gone.push(card))
    await pace.until(() => gone.length === 1)
    expect(gone).toEqual([null])
  })

  it('is told to who asks while it is being read, by a slow module', async () => {
    const { pace, model, reader, cards } = bench({ model: { sam_delay_ms: 800 } })
    await using _reader = reader
    await pace.until(() => reader.view().state === 'online')
    model.placeCard({ text: person })
    const asks = () => reader.view().frames.at(-1)?.command
    await pace.until(() => asks() === 'select')
    const answers: (Card | null)[] = []
    void reader.read().then((card) => answers.push(card))
    await pace.until(() => answers.length === 1)
    expect(answers[0]).toBe(cards[0])
    expect(reader.view().counters.timeouts).toBe(0)
  })
})

it('looks for a card less often at a closed counter, and at once when it opens', async () => {
  const { pace, model, reader, cards } = bench()
  await using _reader = reader
  const looks = async () => {
    const before = reader.view().counters.frames_out
    await pace.until(() => false, 30_000)
    return reader.view().counters.frames_out - before
  }
  expect(await looks()).toBeGreaterThan(90)
  reader.attention(false)
  expect(await looks()).toBeLessThan(35)
  model.placeCard({ text: person })
  reader.attention(true)
  const opened_ms = pace.now_ms()
  await pace.until(() => cards.length === 1)
  expect(pace.now_ms() - opened_ms).toBeLessThan(10)
})

describe('read_twice', () => {
  const options = { read_twice: true }

  it('reports a card when both readings are the same', async () => {
    const { pace, model, reader, cards, reads } = bench({ options })
    await using _reader = reader
    model.placeCard({ text: person })
    await pace.until(() => cards.length === 1)
    expect(cards[0]!.text).toEqual(person)
    expect(reads()).toBe(2)
  })

  it('finds damage that keeps the checksum, which one reading does not', async () => {
    // Two bytes of the number changed by the same bits: the XOR stays.
    const alter = (reply: Uint8Array, nth: number) => {
      if (reply.length !== 1295 || nth !== 1) return reply
      return reply.with(14 + 122, reply[14 + 122]! ^ 2).with(14 + 124, reply[14 + 124]! ^ 2)
    }
    const once = bench({ alter })
    await using _once = once.reader
    once.model.placeCard({ text: person })
    await once.pace.until(() => once.cards.length === 1)
    expect(once.cards[0]!.text).not.toEqual(person)
    const twice = bench({ alter, options })
    await using _twice = twice.reader
    twice.model.placeCard({ text: person })
    await twice.pace.until(() => twice.cards.length === 1)
    expect(twice.cards[0]!.text).toEqual(person)
    expect(twice.reads()).toBe(3)
  })

  it('gives up on readings that never agree, and says so', async () => {
    const alter = (reply: Uint8Array, nth: number) => {
      if (reply.length !== 1295) return reply
      return reply.with(400, reply[400]! ^ nth).with(401, reply[401]! ^ nth)
    }
    const { pace, model, reader, cards, told } = bench({ alter, options })
    await using _reader = reader
    model.placeCard({ text: person })
    await pace.until(() => told.length === 1)
    expect(told).toEqual(['reads_differ'])
    expect(reader.view().reason).toBe('reads_differ')
    expect(cards).toEqual([])
  })

  it('reads nothing on a module that refuses the second, and says what to do', async () => {
    const refused = Uint8Array.from([0xaa, 0xaa, 0xaa, 0x96, 0x69, 0, 4, 0, 0, 0x41, 0x45])
    const alter = (reply: Uint8Array, nth: number) =>
      reply.length === 1295 && nth === 2 ? refused : reply
    const { pace, model, reader, told } = bench({ alter, options })
    await using _reader = reader
    model.placeCard({ text: person })
    await pace.until(() => told.length === 1)
    expect(told).toEqual(['second_read_refused'])
    expect(adviceFor(reader.view().reason)?.en).toContain('read_twice')
  })
})

describe('modules that do not work', () => {
  for (const fault of ['self_test_failed', 'not_authorised', 'missing'] as const) {
    it(`${fault}: said with advice in both languages, and works again when mended`, async () => {
      const { pace, model, reader, cards } = bench()
      await using _reader = reader
      model.setFault(fault)
      model.placeCard({ text: person })
      const reason = fault === 'missing' ? 'no_answer' : fault
      await pace.until(() => reader.view().reason === reason)
      expect(reader.view().state).not.toBe('online')
      expect(adviceFor(reason)).toMatchObject({ code: reason })
      expect(cards).toEqual([])
      model.setFault(null)
      await pace.until(() => cards.length === 1)
      expect(reader.view().state).toBe('online')
    })
  }

  it('advice has both languages, each once, and none for what needs none', () => {
    const codes = readerAdvice.map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
    for (const { zh, en } of readerAdvice) {
      expect(zh).toMatch(/[\u4e00-\u9fff]{4}/u)
      expect(en).toMatch(/^[\x20-\x7e]+$/)
    }
    expect(adviceFor('wrong device: SAM 05.01-1-1-1')?.code).toBe('wrong_device')
    expect(adviceFor('answers')).toBeNull()
    for (const { zh, en } of deviceTypes.id_card_reader.assumptions ?? []) {
      expect(`${zh}${en}`).toMatch(/[\u4e00-\u9fff].*[a-z]/u)
    }
  })
})

describe('every kind of card', () => {
  for (const kind of cardKinds) {
    it(`${kind}: read whole, without a warning, over a line and in HID reports`, async () => {
      const text = cardOfKind(kind, 'options', 12_345)
      for (const address of ['tcp://line', 'hid:10c4:0007']) {
        const { pace, model, reader, cards } = bench({ address })
        await using _reader = reader
        model.placeCard({ text, fingerprint_bytes: 1024, new_address: '新地址' })
        await pace.until(() => cards.length === 1)
        expect(cards[0]!.text).toEqual(text)
        expect(cards[0]!.warnings).toEqual([])
        await pace.until(() => false, 2000)
        expect(reader.card()).toBe(cards[0])
      }
    })
  }

  it('keeps no photo', async () => {
    const { pace, model, reader, cards } = bench()
    await using _reader = reader
    model.placeCard({ text: person, photo: new Uint8Array(1024).fill(0x77) })
    await pace.until(() => cards.length === 1)
    expect('photo' in cards[0]!).toBe(false)
  })
})

it('takes no part of a damaged report, and counts what it dropped', async () => {
  const damaged = new VirtualPace()
  const model = new IdCardReaderModel()
  let reports = 0
  const reporting = new MiaxisReports(model)
  const transport = wired(
    {
      attach: (send) =>
        reporting.attach((report) => {
          reports += 1
          // One byte of every seventh report; noise between them that belongs to none.
          if (reports % 7 === 0) send(report.with(20, report[20]! ^ 0x10))
          else send(report)
          if (reports % 5 === 0) send(new Uint8Array(64).fill(0x11))
        }),
      detach: () => reporting.detach(),
      receive: (bytes) => reporting.receive(bytes),
    },
    { pace: damaged, cable: cable(), address: 'hid:10c4:0007' },
  )
  const cards: Card[] = []
  await using reader = createReader(
    'reader',
    { transport, pace: damaged, random: seeded(1), log: silent, wall_ms: () => 0 },
    { handlers: { onCard: (card) => void cards.push(card) } },
  )
  reader.start()
  model.placeCard({ text: person })
  // A card has 24 reports, of which three are damaged each time: it can never be read.
  await damaged.until(() => cards.length > 0, 120_000)
  expect(cards).toEqual([])
  expect(reader.view().counters.discarded_bytes).toBeGreaterThan(64 * 10)
})
