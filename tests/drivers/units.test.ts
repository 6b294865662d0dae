/** Call pads and panels: the real driver against the simulated unit over real TCP. */
import { describe, expect, it } from 'vitest'
import { createCallPadModel } from '../../firmware-sim/models/call-pad.ts'
import { createTicketPanelModel } from '../../firmware-sim/models/ticket-panel.ts'
import type { PressOutcome } from '../../gateway/drivers/session.ts'
import { createCallPad, createTicketPanel, type Press } from '../../gateway/drivers/unit-driver.ts'
import { lineFor, pace, partsFor, quick, seeded, until } from './helpers.ts'

const fast = { poll_ms: 1, reply_ms: 60, session: quick }

describe('a call pad', () => {
  it('hands a press over and tells the pad the outcome only when it is decided', async () => {
    const model = createCallPadModel(seeded(7), { serial: 'PAD-1' })
    await using line = await lineFor(model)
    const decide = Promise.withResolvers<PressOutcome>()
    const presses: Press[] = []
    await using pad = createCallPad('pad1', partsFor(line.port), {
      handlers: {
        onPress: (press) => {
          presses.push(press)
          return decide.promise
        },
      },
      options: fast,
    })
    pad.start()
    let answered = false
    const answer = model.press('next').finally(() => {
      answered = true
    })
    await until(() => presses.length > 0)
    const frames = pad.view().counters.frames_in
    await until(() => pad.view().counters.frames_in > frames + 5)
    expect(answered).toBe(false)
    decide.resolve('recorded')
    expect(await answer).toEqual({ outcome: 'recorded', boot: model.boot, event: 1 })
    expect(presses).toEqual([
      {
        type: 'press',
        device: 'pad1',
        boot: model.boot,
        event: 1,
        code: 'next',
        argument: 0,
        text: '',
      },
    ])
    expect(pad.view()).toMatchObject({ state: 'online', identity: 'PAD-1' })
  })

  it('keeps the order of many presses and gives each its own outcome', async () => {
    const model = createCallPadModel(seeded(7), { serial: 'PAD-1' })
    await using line = await lineFor(model)
    await using pad = createCallPad('pad1', partsFor(line.port), {
      handlers: { onPress: async (press) => (press.event % 2 === 0 ? 'refused' : 'recorded') },
      options: fast,
    })
    pad.start()
    const answers = await Promise.all(Array.from({ length: 20 }, () => model.press('recall')))
    expect(answers.map(({ event }) => event)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(answers.map(({ outcome }) => outcome)).toEqual(
      answers.map(({ event }) => (event % 2 === 0 ? 'refused' : 'recorded')),
    )
  })

  it('asks again about a press that could not be decided', async () => {
    const model = createCallPadModel(seeded(7), { serial: 'PAD-1' })
    await using line = await lineFor(model)
    let times = 0
    await using pad = createCallPad('pad1', partsFor(line.port), {
      handlers: {
        onPress: async () => {
          times += 1
          if (times < 3) throw new Error('the disk is away')
          return 'recorded'
        },
      },
      options: { ...fast, retry_ms: 2 },
    })
    pad.start()
    expect((await model.press('done')).outcome).toBe('recorded')
    expect(times).toBe(3)
  })

  it('shows what is wanted after every connect and every power-up', async () => {
    const model = createCallPadModel(seeded(7), { serial: 'PAD-1' })
    await using line = await lineFor(model)
    let wanted = 'A001'
    await using pad = createCallPad('pad1', partsFor(line.port), {
      handlers: { onPress: async () => 'recorded' },
      wanted: () => wanted,
      options: fast,
    })
    pad.start()
    await until(() => model.displayed.mode === 'number')
    expect(model.displayed).toEqual({ mode: 'number', number: 'A001' })
    pad.show('B017')
    await until(() => 'number' in model.displayed && model.displayed.number === 'B017')
    await line.unplug()
    wanted = 'paused'
    await line.plug()
    await until(() => model.displayed.mode === 'paused')
    // Power lost behind a cable that stays up.
    model.powerUp()
    expect(model.displayed.mode).toBe('blank')
    await until(() => model.displayed.mode === 'paused')
  })

  it('refuses a key it does not know, on the pad, and takes the next one', async () => {
    const model = createCallPadModel(seeded(7), { serial: 'PAD-1' })
    await using line = await lineFor(model)
    const presses: Press[] = []
    await using pad = createCallPad('pad1', partsFor(line.port), {
      handlers: {
        onPress: async (press) => {
          presses.push(press)
          return 'recorded'
        },
      },
      options: fast,
    })
    pad.start()
    const [stray, good] = await Promise.all([model.press('ticket', 1), model.press('next')])
    expect([stray.outcome, good.outcome]).toEqual(['refused', 'recorded'])
    expect(presses.map((press) => press.event)).toEqual([2])
    expect(pad.view().counters.unknown_events).toBe(1)
  })

  it('is not polled for presses when it is another unit than the one that belongs here', async () => {
    const model = createCallPadModel(seeded(7), { serial: 'PAD-2' })
    await using line = await lineFor(model)
    await using pad = createCallPad('pad1', partsFor(line.port), {
      handlers: { onPress: () => expect.unreachable() },
      options: { ...fast, serial: 'PAD-1' },
    })
    pad.start()
    void model.press('next').catch(() => {})
    await until(() => pad.view().state === 'not_configured')
    expect(pad.view()).toMatchObject({ reason: 'wrong device: serial PAD-2', identity: 'PAD-2' })
    expect(model.held).toBe(1)
  })
})

describe('a ticket panel on a bad cable', () => {
  for (const seed of [1, 2, 3]) {
    it(`loses no press and has none decided twice (seed ${seed})`, async () => {
      const model = createTicketPanelModel(seeded(seed), { serial: 'PANEL-1' })
      const faults = { split: 0.2, noise: 0.1, corrupt: 0.1, delay: 0.1, unplug: 0.05, delay_ms: 5 }
      await using line = await lineFor(model, { faults }, seed)
      // The log behind the driver: a repeat gets the first outcome.
      const book = new Map<string, Press>()
      let handed = 0
      await using panel = createTicketPanel('panel', partsFor(line.port, seed), {
        handlers: {
          onPress: async (press) => {
            handed += 1
            const key = `${press.boot}/${press.event}`
            const before = book.get(key)
            expect(before ?? press).toEqual(press)
            book.set(key, press)
            return 'recorded'
          },
        },
        options: { ...fast, reply_ms: 20, most_misses: 2 },
      })
      panel.start()
      for (let i = 1; i <= 60; i++) {
        const answer = await model.press('ticket', i)
        expect(answer).toEqual({ outcome: 'recorded', boot: model.boot, event: i })
        expect(book.get(`${answer.boot}/${i}`)).toMatchObject({ argument: i })
      }
      expect(book.size).toBe(60)
      expect(handed).toBe(60)
      expect(line.counts.unplug + line.counts.corrupt).toBeGreaterThan(0)
      await panel[Symbol.asyncDispose]()
    })
  }

  it('gives a press held over a restart of the gateway the same number again', async () => {
    const model = createTicketPanelModel(seeded(9), { serial: 'PANEL-1' })
    await using line = await lineFor(model)
    const seen: Press[] = []
    const answer = model.press('ticket', 2)
    {
      await using first = createTicketPanel('panel', partsFor(line.port), {
        handlers: {
          onPress: (press) => {
            seen.push(press)
            // This gateway dies before it decides.
            return new Promise(() => {})
          },
        },
        options: fast,
      })
      first.start()
      await until(() => seen.length === 1)
    }
    await using second = createTicketPanel('panel', partsFor(line.port), {
      handlers: {
        onPress: async (press) => {
          seen.push(press)
          return 'recorded'
        },
      },
      options: fast,
    })
    second.start()
    expect((await answer).outcome).toBe('recorded')
    expect(seen).toHaveLength(2)
    expect(seen[1]).toEqual(seen[0])
  })

  it('answers within a few round trips while its polls are held back', async () => {
    const model = createTicketPanelModel(seeded(9), { serial: 'P', answer_hold_ms: 300, pace })
    await using line = await lineFor(model)
    await using panel = createTicketPanel('panel', partsFor(line.port), {
      handlers: { onPress: async () => 'recorded' },
      options: { ...fast, reply_ms: 10_000 },
    })
    panel.start()
    await until(() => panel.view().state === 'online')
    for (let i = 0; i < 50; i++) await model.press('ticket', 1)
    // Held polls: far fewer questions than a tight loop of the same length would ask.
    expect(panel.view().counters.frames_out).toBeLessThan(50 * 5)
    expect(panel.view().counters.timeouts).toBe(0)
  })
})
