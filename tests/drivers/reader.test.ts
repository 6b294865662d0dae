/** ID-card reader: the real driver against the simulated module over real TCP. All people invented. */
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { xor8 } from '#devices/std/crc.ts'
import type { Card } from '#devices/types/card.ts'
import { encodeCardText, type ResidentText } from '#devices/wire/id-card-text.ts'
import type { LineOptions } from '../../firmware-sim/line.ts'
import {
  IdCardReaderModel,
  type ReaderModelOptions,
} from '../../firmware-sim/models/id-card-reader.ts'
import { MiaxisReports } from '../../firmware-sim/models/id-card-reader-wrapped.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { createReader } from '../../gateway/drivers/reader-driver.ts'
import { lineFor, pace, partsFor, quick, until } from './helpers.ts'

const zhang: ResidentText = {
  kind: 'resident',
  name: '张三',
  sex: '1',
  nation: '01',
  birth: '19491231',
  address: '北京市朝阳区测试路1号',
  number: '11010519491231002X',
  issuer: '北京市公安局朝阳分局',
  valid_from: '20200101',
  valid_to: '长期',
  reserved: '',
}
// Long enough for a busy machine: only the tests of bad cables wait for a time-out.
const fast = { poll_ms: 2, reply_ms: 10_000, read_reply_ms: 10_000, session: quick }

async function bench(
  given: { line?: LineOptions; model?: ReaderModelOptions; seed?: number } = {},
) {
  const model = new IdCardReaderModel(given.model)
  const line = await lineFor(model, given.line, given.seed)
  const seen: string[] = []
  const cards: Card[] = []
  const options = { handlers: handlersInto(seen, cards), options: fast }
  const start = (more: object = {}) => {
    const reader = createReader('reader', partsFor(line.port, given.seed), {
      ...options,
      options: { ...fast, ...more },
    })
    reader.start()
    return reader
  }
  return { model, line, seen, cards, start }
}

function handlersInto(seen: string[], cards: Card[]) {
  return {
    onCard(card: Card) {
      cards.push(card)
      seen.push('card')
    },
    onRemoved: () => void seen.push('removed'),
    onUnreadable: (status: string) => void seen.push(status),
  }
}

describe('an ID-card reader', () => {
  it('adds the newest address of the chip to the card that was handed over', async () => {
    const { model, line, cards, start } = await bench()
    await using _line = line
    await using _reader = start()
    model.placeCard({ text: zhang, new_address: '测试市新址路9号' })
    await until(() => cards[0]?.shown.newest_address === '测试市新址路9号')
    expect(cards).toHaveLength(1)
    expect(cards[0]!.text).toEqual(zhang)
    expect(JSON.stringify(cards[0])).toBe('"[card]"')
  })

  it('reads a laid card once, keeps it while it lies there, and forgets it when lifted', async () => {
    const { model, line, seen, cards, start } = await bench()
    await using _line = line
    await using reader = start()
    await until(() => reader.view().state === 'online')
    model.placeCard({ text: zhang })
    await until(() => cards.length === 1)
    expect(cards[0]!.text).toEqual(zhang)
    expect(cards[0]!.warnings).toEqual([])
    const frames = reader.view().counters.frames_in
    await until(() => reader.view().counters.frames_in > frames + 10)
    expect(seen).toEqual(['card'])
    expect(reader.card()).toBe(cards[0])
    model.removeCard()
    await until(() => reader.card() === null)
    model.placeCard({ text: { ...zhang, name: '李四' } })
    await until(() => cards.length === 2)
    expect(cards[1]!.text).toMatchObject({ name: '李四' })
    expect(seen).toEqual(['card', 'removed', 'card'])
    expect(reader.view().identity).toBe('05.01-20101129-0001228293-0296863149')
  })

  it('finds a card that was swapped between two looks', async () => {
    const { model, line, seen, cards, start } = await bench()
    await using _line = line
    await using _reader = start()
    model.placeCard({ text: zhang })
    await until(() => cards.length === 1)
    model.placeCard({ text: { ...zhang, name: '李四' } })
    await until(() => cards.length === 2)
    expect(seen).toEqual(['card', 'removed', 'card'])
  })

  it('keeps the card over a lost link, and finds it again after a restart', async () => {
    const { model, line, seen, cards, start } = await bench()
    await using _line = line
    {
      await using reader = start()
      model.placeCard({ text: zhang })
      await until(() => cards.length === 1)
      line.cut()
      await until(() => reader.view().counters.reconnects > 0 && reader.view().state === 'online')
      const frames = reader.view().counters.frames_in
      await until(() => reader.view().counters.frames_in > frames + 5)
      expect(seen).toEqual(['card'])
    }
    await using _second = start()
    await until(() => cards.length === 2)
    expect(cards[1]!.text).toEqual(zhang)
  })

  it('does not bring a forgotten card back when the link was lost, but reads it laid again', async () => {
    const { model, line, seen, cards, start } = await bench()
    await using _line = line
    await using reader = start()
    model.placeCard({ text: zhang })
    await until(() => cards.length === 1)
    reader.forget()
    line.cut()
    await until(() => reader.view().counters.reconnects > 0 && reader.view().state === 'online')
    const frames = reader.view().counters.frames_in
    await until(() => reader.view().counters.frames_in > frames + 5)
    expect(reader.card()).toBeNull()
    model.placeCard({ text: zhang })
    await until(() => cards.length === 2)
    expect(seen).toEqual(['card', 'card'])
  })

  it('says when a card cannot be read, and reads it when it is laid again', async () => {
    const { model, line, seen, cards, start } = await bench()
    await using _line = line
    await using _reader = start()
    model.placeCard({ text: zhang, unreadable: true })
    await until(() => seen.length === 1)
    model.placeCard({ text: zhang })
    await until(() => cards.length === 1)
    expect(seen).toEqual(['read_failed', 'card'])
  })

  it('holds the card back at a place that belongs to another reader', async () => {
    const { model, line, cards, start } = await bench()
    await using _line = line
    await using reader = start({ sam_id: '05.01-20200101-0000000001-0000000001' })
    model.placeCard({ text: zhang })
    await until(() => reader.view().state === 'not_configured')
    const frames = reader.view().frames.length
    expect(reader.view().frames.map((frame) => frame.command)).not.toContain('find')
    expect(frames).toBeGreaterThan(0)
    expect(cards).toEqual([])
  })

  it('names a module that fails its self test or is not authorised', async () => {
    const states = { self_test_failed: 'hardware_error', not_authorised: 'not_configured' }
    for (const fault of ['self_test_failed', 'not_authorised'] as const) {
      const { model, line, start } = await bench()
      await using _line = line
      model.setFault(fault)
      await using reader = start()
      await until(() => reader.view().state === states[fault])
      expect(reader.view().reason).toBe(fault)
    }
  })

  it('keeps the card of a reader that cannot tell presence, for a while or until the next', async () => {
    const { model, line, seen, cards, start } = await bench({ model: { knows_new_address: false } })
    await using _line = line
    {
      await using reader = start()
      model.placeCard({ text: zhang })
      await until(() => cards.length === 1)
      model.removeCard()
      const frames = reader.view().counters.frames_in
      await until(() => reader.view().counters.frames_in > frames + 10)
      expect(reader.card()).toBe(cards[0])
      model.placeCard({ text: { ...zhang, name: '李四' } })
      await until(() => cards.length === 2)
      expect(seen).toEqual(['card', 'removed', 'card'])
      expect(reader.card()?.reading).toBe(2)
    }
    model.removeCard()
    await using _brief = start({ hold_ms: 1 })
    model.placeCard({ text: zhang })
    await until(() => seen.filter((one) => one === 'removed').length === 2)
  })

  it('does not complete half a card with the beginning of the next answer', async () => {
    // With this photo the half and five bytes of the next answer keep the checksum.
    const photo = new Uint8Array(1024)
    photo[0] = 0x98 ^ xor8(encodeCardText(zhang)) ^ 0x55
    const inner = new IdCardReaderModel()
    let reads = 0
    const model: DeviceModel = {
      attach: (send) =>
        inner.attach((bytes) => {
          if (bytes.length === 1295) reads += 1
          send(bytes.length === 1295 && reads === 1 ? bytes.subarray(0, 1290) : bytes)
        }),
      detach: () => inner.detach(),
      receive: (bytes) => inner.receive(bytes),
    }
    await using line = await lineFor(model)
    const cards: Card[] = []
    await using reader = createReader('reader', partsFor(line.port), {
      handlers: handlersInto([], cards),
      options: { ...fast, read_reply_ms: 60 },
    })
    inner.placeCard({ text: zhang, photo })
    reader.start()
    await until(() => cards.length === 1)
    expect(cards[0]!.text).toEqual(zhang)
    expect(reader.view().counters.discarded_bytes).toBe(1290)
  })

  it('waits for a slow module', async () => {
    const { model, line, cards, start } = await bench({ model: { sam_delay_ms: 30, pace } })
    await using _line = line
    await using reader = start()
    model.placeCard({ text: zhang })
    await until(() => cards.length === 1)
    expect(reader.view().counters.timeouts).toBe(0)
  })

  it('reads whole cards or none on a bad cable', async () => {
    for (const seed of [1, 2, 3]) {
      const faults = {
        split: 0.3,
        noise: 0.1,
        corrupt: 0.15,
        delay: 0.2,
        unplug: 0.03,
        delay_ms: 3,
      }
      const { model, line, cards, start } = await bench({ line: { faults }, seed })
      await using _line = line
      await using _reader = start({ reply_ms: 25, read_reply_ms: 25 })
      for (let i = 0; i < 10; i++) {
        const before = cards.length
        model.placeCard({ text: { ...zhang, name: `测试${i}` } })
        await until(() => cards.length > before && nameOf(cards.at(-1)!) === `测试${i}`)
        model.removeCard()
      }
      for (const card of cards) expect(card.text).toEqual({ ...zhang, name: nameOf(card) })
      expect(line.counts.corrupt).toBeGreaterThan(0)
    }
  })

  it('reads whole cards or none in reports on a bad cable', async () => {
    // A card comes in 24 pieces here, each with these shares of its own.
    const faults = { split: 0.3, noise: 0.01, corrupt: 0.01, delay: 0.02, unplug: 0.002 }
    const model = new IdCardReaderModel()
    await using line = await lineFor(new MiaxisReports(model), {
      faults: { ...faults, delay_ms: 2 },
    })
    const cards: Card[] = []
    await using reader = createReader('reader', partsFor(line.port), {
      handlers: handlersInto([], cards),
      options: { ...fast, wrapping: 'miaxis_hid', reply_ms: 60, read_reply_ms: 60 },
    })
    reader.start()
    for (let i = 0; i < 10; i++) {
      const before = cards.length
      model.placeCard({ text: { ...zhang, name: `测试${i}` } })
      await until(() => cards.length > before && nameOf(cards.at(-1)!) === `测试${i}`)
      model.removeCard()
    }
    for (const card of cards) expect(card.text).toEqual({ ...zhang, name: nameOf(card) })
    expect(line.counts.corrupt).toBeGreaterThan(0)
  })

  it('never shows a card in a view, a log or an error', async () => {
    const { model, line, cards, start } = await bench()
    await using _line = line
    await using reader = start()
    model.placeCard({ text: zhang })
    await until(() => cards.length === 1)
    const card = cards[0]!
    const shown = [
      JSON.stringify({ card, view: reader.view() }),
      inspect({ card, reader, view: reader.view() }, { depth: 10, showHidden: true }),
      `${card}`,
    ].join()
    for (const field of ['张三', '11010519491231002X', '19491231', '测试路']) {
      expect(shown).not.toContain(field)
    }
    const read = reader.view().frames.find((frame) => frame.length === 1295)
    expect(read).toEqual({
      at_ms: 0,
      direction: 'in',
      command: 'reply',
      length: 1295,
      status: 'success',
    })
    reader.forget()
    expect(reader.card()).toBeNull()
  })
})

function nameOf(card: Card): string {
  return 'name' in card.text ? card.text.name : ''
}
