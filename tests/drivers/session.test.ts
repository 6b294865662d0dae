/** What the shell does for every machine, under virtual time: silence, re-plugging, half frames. */
import { describe, expect, it } from 'vitest'
import { concat } from '#devices/std/bytes.ts'
import type { DeviceType } from '#devices/types/machine.ts'
import { createDeframer, frameOf } from '#devices/wire/deframer.ts'
import type { ResidentText } from '#devices/wire/id-card-text.ts'
import { createCallPadModel } from '../../firmware-sim/models/call-pad.ts'
import { createCounterDisplayModel } from '../../firmware-sim/models/counter-display.ts'
import { Ff68PadModel } from '../../firmware-sim/models/ff68-pad.ts'
import { IdCardReaderModel } from '../../firmware-sim/models/id-card-reader.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import { createFf68Pad } from '../../gateway/drivers/ff68-driver.ts'
import { createReader } from '../../gateway/drivers/reader-driver.ts'
import { Session } from '../../gateway/drivers/session.ts'
import {
  createCallPad,
  createCounterDisplay,
  type UnitDriverOptions,
} from '../../gateway/drivers/unit-driver.ts'
import {
  Cable,
  type CableOptions,
  pass,
  reach,
  Scheduler,
  seeded,
  virtualParts,
} from './virtual.ts'

const handlers = { onPress: async () => 'recorded' as const }

/** A device whose power can be cut while its serial server stays. */
class Powered implements DeviceModel {
  readonly #inner: DeviceModel
  on = true

  constructor(inner: DeviceModel) {
    this.#inner = inner
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#inner.attach((bytes) => this.on && send(bytes))
  }

  detach(): void {
    this.#inner.detach()
  }

  receive(bytes: Uint8Array): void {
    if (this.on) this.#inner.receive(bytes)
  }
}

async function padOn(cableOptions: CableOptions = {}, options: UnitDriverOptions = {}) {
  const pace = new Scheduler()
  const inner = createCallPadModel(seeded(3), { serial: 'PAD-1' })
  const model = new Powered(inner)
  const cable = new Cable(pace, model, cableOptions)
  const pad = createCallPad('pad1', virtualParts(pace, cable), {
    handlers,
    wanted: () => 'A001',
    options,
  })
  pad.start()
  await reach(pace, 2000, () => pad.view().state === 'online')
  return { pace, inner, model, cable, pad }
}

describe('a device without power behind a link that stays up', () => {
  for (const [open, most_ms] of [
    [true, 5000],
    [false, 30_000],
  ] as const) {
    it(`is noticed within ${most_ms} ms while its counter is ${open ? 'open' : 'closed'}`, async () => {
      const { pace, model, cable, pad } = await padOn()
      pad.attention(open)
      await pass(pace, 60_000)
      const links = cable.links
      model.on = false
      await reach(pace, most_ms, () => pad.view().state === 'offline')
      expect(pad.view().reason).toBe('silent')
      // The link itself can be opened again, so it is the device that somebody should look at.
      await reach(pace, 5000, () => pad.view().state === 'power_off')
      expect(pad.view().reason).toBe('silent')
      expect(cable.links).toBeGreaterThan(links)
      model.on = true
      await reach(pace, 9000, () => pad.view().state === 'online')
      await pad[Symbol.asyncDispose]()
    })
  }

  it('is noticed on a display too, which nobody presses', async () => {
    const pace = new Scheduler()
    const model = new Powered(createCounterDisplayModel(seeded(1), { serial: 'SHOW-1' }))
    const display = createCounterDisplay('show1', virtualParts(pace, new Cable(pace, model)))
    display.start()
    await reach(pace, 2000, () => display.view().state === 'online')
    model.on = false
    await reach(pace, 5000, () => display.view().reason === 'silent')
    display.attention(false)
    model.on = true
    await reach(pace, 9000, () => display.view().state === 'online')
    model.on = false
    await reach(pace, 30_000, () => display.view().reason === 'silent')
    await display[Symbol.asyncDispose]()
  })

  it('is asked less often while its counter is closed, and at once when it opens', async () => {
    const { pace, cable, pad } = await padOn()
    const asked = async (ms: number) => {
      const before = cable.sent.length
      await pass(pace, ms)
      return cable.sent.length - before
    }
    const open = await asked(10_000)
    pad.attention(false)
    await pass(pace, 100)
    const closed = await asked(10_000)
    expect(closed).toBeLessThan(open / 10)
    pad.attention(true)
    expect(await asked(60)).toBeGreaterThan(0)
    expect(await asked(10_000)).toBeGreaterThan(open * 0.9)
    await pad[Symbol.asyncDispose]()
  })

  it('is plain offline when the link itself is gone', async () => {
    const { pace, cable, pad } = await padOn()
    cable.unplug()
    await pass(pace, 20_000)
    expect(pad.view()).toMatchObject({ state: 'offline', reason: 'device_gone' })
    await pad[Symbol.asyncDispose]()
  })
})

describe('a device that was pulled out', () => {
  it('is connected at once when its node is back, not at the end of a back-off', async () => {
    const { pace, cable, pad } = await padOn({ announces: true })
    cable.unplug()
    await pass(pace, 120_000)
    const { reconnects } = pad.view().counters
    cable.plug()
    await reach(pace, 50, () => pad.view().state === 'online')
    expect(pad.view().counters.reconnects).toBe(reconnects + 1)
    // The wait it stood in brings no second link later.
    await pass(pace, 20_000)
    expect(pad.view().counters.reconnects).toBe(reconnects + 1)
    await pad[Symbol.asyncDispose]()
  })

  it('is waited for without anything left running once its driver is closed', async () => {
    const { pace, cable, pad } = await padOn({ announces: true })
    cable.unplug()
    await pad[Symbol.asyncDispose]()
    const { links } = cable
    cable.plug()
    await pass(pace, 60_000)
    expect(cable.links).toBe(links)
  })
})

/** What sits behind a serial server, changed by a hand that is quicker than any time-out. */
class Exchanged implements DeviceModel {
  readonly #send: { now: (bytes: Uint8Array) => void } = { now: () => {} }
  #inner: DeviceModel

  constructor(inner: DeviceModel) {
    this.#inner = inner
  }

  exchange(inner: DeviceModel): void {
    this.#inner.detach()
    this.#inner = inner
    inner.attach((bytes) => this.#send.now(bytes))
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#send.now = send
    this.#inner.attach((bytes) => this.#send.now(bytes))
  }

  detach(): void {
    this.#inner.detach()
  }

  receive(bytes: Uint8Array): void {
    this.#inner.receive(bytes)
  }
}

function resident(name: string, number: string): ResidentText {
  const dates = { birth: number.slice(6, 14), valid_from: '20200101', valid_to: '长期' }
  const rest = {
    sex: '1',
    nation: '01',
    address: '测试路1号',
    issuer: '测试市公安局',
    reserved: '',
  }
  return { kind: 'resident', name, number, ...dates, ...rest }
}

describe('who a device is', () => {
  it('is asked again before a press of a unit that stands in another boot', async () => {
    const pace = new Scheduler()
    const seen: string[] = []
    const other = createCallPadModel(seeded(4), { serial: 'PAD-2' })
    const wire = new Exchanged(createCallPadModel(seeded(3), { serial: 'PAD-1' }))
    const pad = createCallPad('pad1', virtualParts(pace, new Cable(pace, wire)), {
      handlers: {
        onPress: async () => {
          seen.push(String(pad.view().identity))
          return 'recorded'
        },
      },
    })
    pad.start()
    await reach(pace, 2000, () => pad.view().identity === 'PAD-1')
    await pass(pace, 1000)
    void other.press('next')
    wire.exchange(other)
    await reach(pace, 2000, () => seen.length > 0)
    expect(seen).toEqual(['PAD-2'])
    expect(pad.view().counters.reconnects).toBe(0)
    await pad[Symbol.asyncDispose]()
  })

  it('is asked again of a reader that was away for a moment behind its serial server', async () => {
    const pace = new Scheduler()
    const first = '05.01-20101129-0001228293-0296863149'
    const second = '05.01-20101129-0001228294-0296863150'
    const mute: DeviceModel = { attach: () => {}, detach: () => {}, receive: () => {} }
    const [one, other] = [first, second].map(
      (sam_id) => new IdCardReaderModel({ pace, sam_delay_ms: 1, sam_id }),
    ) as [IdCardReaderModel, IdCardReaderModel]
    const wire = new Exchanged(one)
    const seen: string[] = []
    const reader = createReader('reader1', virtualParts(pace, new Cable(pace, wire)), {
      handlers: {
        onCard: ({ text }) => seen.push(`${text.name} ${reader.view().identity}`),
        onRemoved: () => seen.push('lifted'),
      },
    })
    reader.start()
    one.placeCard({ text: resident('欧阳甲', '11010519491231002X') })
    await reach(pace, 5000, () => seen.length > 0)
    wire.exchange(mute)
    await pass(pace, 1000)
    wire.exchange(other)
    await reach(pace, 5000, () => reader.view().identity === second)
    // The card stayed with the reader that was taken away.
    expect(reader.card()).toBeNull()
    other.placeCard({ text: resident('欧阳乙', '11010519900307123X') })
    await reach(pace, 5000, () => seen.length > 2)
    expect(seen).toEqual([`欧阳甲 ${first}`, 'lifted', `欧阳乙 ${second}`])
    expect(reader.view().counters.reconnects).toBe(0)
    await reader[Symbol.asyncDispose]()
  })

  it('is not what the one before said, once another link is open', async () => {
    const pace = new Scheduler()
    const model = new Powered(createCallPadModel(seeded(3), { serial: 'PAD-1' }))
    const cable = new Cable(pace, model)
    const pad = createCallPad('pad1', virtualParts(pace, cable), { handlers })
    pad.start()
    await reach(pace, 2000, () => pad.view().identity === 'PAD-1')
    cable.unplug()
    await pass(pace, 1000)
    expect(pad.view().identity).toBe('PAD-1')
    // Something is there again, and says nothing of itself.
    model.on = false
    cable.plug()
    await reach(pace, 9000, () => cable.links > 1)
    await pass(pace, 20)
    expect(pad.view()).toMatchObject({ identity: null, firmware: null })
    model.on = true
    await reach(pace, 9000, () => pad.view().identity === 'PAD-1')
    await pad[Symbol.asyncDispose]()
  })

  it('and how it is are lines of text, whatever a device calls itself', async () => {
    const pace = new Scheduler()
    const nasty = `a\u0000\n\u001b[2J\u202e\ud800${'x'.repeat(10_000)}`
    const type: DeviceType<null, string, never, never, never, object> = {
      ...{ name: 'nasty', title: { zh: '', en: '' }, protocol: 'none', carries_cards: false },
      ...{ limits: { most_bytes_per_send: 100 }, defaults: {}, rules: {} },
      deframer: () => createDeframer((view) => frameOf(view.length, nasty), 1),
      label: () => ({ command: nasty, length: 1, status: nasty }),
      begin: () => null,
      step: (state, event) => ({
        state,
        actions:
          event.type === 'connected'
            ? [
                { do: 'identity', identity: { key: nasty, firmware: nasty } },
                { do: 'state', state: 'online', reason: nasty },
              ]
            : [],
      }),
    }
    const wire: DeviceModel = {
      attach: (send) => send(Uint8Array.of(1)),
      detach: () => {},
      receive: () => {},
    }
    const logged: object[] = []
    const parts = virtualParts(pace, new Cable(pace, wire))
    const log = (_level: string, event: string, fields = {}) => {
      logged.push({ event, ...fields })
    }
    const session = new Session(
      'd1',
      type,
      { ...parts, log },
      { handlers: { onInput: () => undefined } },
    )
    session.start()
    await reach(pace, 1000, () => session.view().frames.length > 0)
    const { identity, firmware, reason, frames } = session.view()
    const { command, status } = frames[0]!
    for (const text of [identity!, firmware!, reason, command, status]) {
      expect(text.length).toBeLessThanOrEqual(128)
      expect(text).toMatch(/^a\?\?\?\[2J\?\?x+$/)
    }
    expect(JSON.stringify(logged).length).toBeLessThan(1000)
    await session[Symbol.asyncDispose]()
  })
})

describe('a pad that speaks first', () => {
  it('loses no half frame to what is shown meanwhile', async () => {
    const pace = new Scheduler()
    const model = new Ff68PadModel({ pace, repeat_ms: 600_000 })
    // Each piece sent arrives in two halves, with a number shown between them.
    const halves: DeviceModel = {
      attach: (send) =>
        model.attach((bytes) => {
          send(bytes.subarray(0, 6))
          pace.after(10, 'show', () => pad.show(`A${pace.now_ms() % 1000}`))
          pace.after(20, 'rest', () => send(bytes.subarray(6)))
        }),
      detach: () => model.detach(),
      receive: (bytes) => model.receive(bytes),
    }
    const presses: string[] = []
    const pad = createFf68Pad('pad1', virtualParts(pace, new Cable(pace, halves)), {
      handlers: {
        onPress: async ({ code }) => {
          presses.push(code)
          return 'recorded'
        },
      },
    })
    pad.start()
    await pass(pace, 1000)
    let answered = false
    void model.press('next').then(() => {
      answered = true
    })
    await reach(pace, 2000, () => answered)
    expect(presses).toEqual(['next'])
    expect(pad.view().counters.discarded_bytes).toBe(0)
    await pad[Symbol.asyncDispose]()
  })

  it('is not held up by half a frame that never goes on', async () => {
    const pace = new Scheduler()
    const model = new Ff68PadModel({ pace, repeat_ms: 600_000 })
    let send: (bytes: Uint8Array) => void = () => {}
    const wire: DeviceModel = {
      attach: (out) => {
        send = out
        model.attach(out)
      },
      detach: () => model.detach(),
      receive: (bytes) => model.receive(bytes),
    }
    const pad = createFf68Pad('pad1', virtualParts(pace, new Cable(pace, wire)), { handlers })
    pad.start()
    await pass(pace, 1000)
    // The beginning of a long frame, then silence: what is pressed next is taken at once.
    send(concat([0xff, 0x68, 0x12, 0x12, 0x68], [1, 1]))
    await pass(pace, 1000)
    let answered = false
    void model.press('recall').then(() => {
      answered = true
    })
    await reach(pace, 100, () => answered)
    await pad[Symbol.asyncDispose]()
  })

  it('is not flooding because a little noise adds up over days', async () => {
    const pace = new Scheduler()
    const wire: DeviceModel = { attach: (out) => noise(out), detach: () => {}, receive: () => {} }
    const noise = (out: (bytes: Uint8Array) => void) => {
      out(Uint8Array.of(1, 2, 3, 4))
      pace.after(500, 'noise', () => noise(out))
    }
    const pad = createFf68Pad('pad1', virtualParts(pace, new Cable(pace, wire)), {
      handlers,
      options: { assert_ms: 600_000 },
    })
    pad.start()
    await pass(pace, 3_600_000)
    expect(pad.view().counters.floods).toBe(0)
    expect(pad.view().state).toBe('online')
    await pad[Symbol.asyncDispose]()
  })
})
