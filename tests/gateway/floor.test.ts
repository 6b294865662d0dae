/**
 * The floor with the real engine over real TCP: who may say something to the hall, by what a device
 * calls itself, and what a person decides about it.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { createCallPadModel } from '../../firmware-sim/models/call-pad.ts'
import { PjlinkDisplayModel } from '../../firmware-sim/models/hall-display.ts'
import { IdCardReaderModel, samIdOf } from '../../firmware-sim/models/id-card-reader.ts'
import { cardOf } from '../../firmware-sim/people/cards.ts'
import { pace, seeded, until } from '../drivers/helpers.ts'
import { closeFloors, openFloor } from './floor-fixture.ts'

afterEach(closeFloors)

function reader(name: string, counter: string) {
  const model = new IdCardReaderModel({ sam_id: samIdOf(name) })
  return { place: { device: name, type: 'id_card_reader', counter, model }, model }
}

describe('a card that lies there', () => {
  it('is handed over once more when it is asked for, forgotten or not', async () => {
    const one = reader('reader-1', '1')
    const hall = await openFloor([one.place])
    const floor = await hall.start()
    await until(() => hall.bindingOf('reader-1') === 'bound')
    await until(() => floor.views()[0]!.state === 'online')
    expect(await floor.readCard('1')).toBe(false)
    one.model.placeCard({ text: cardOf('test', 1) })
    await until(() => hall.cards.length === 1)
    expect(await floor.readCard('1')).toBe(true)
    expect(hall.cards).toHaveLength(2)
    floor.forgetCards('1')
    expect(await floor.readCard('1')).toBe(true)
    expect(hall.cards).toHaveLength(3)
    await expect(floor.readCard('2')).rejects.toThrow(/no card reader/)
  })
})

describe('a device with a name of its own', () => {
  it('is bound to the place where it was first seen, on record and once', async () => {
    const one = reader('reader-1', '1')
    const hall = await openFloor([one.place])
    await hall.start()
    await until(() => hall.bindingOf('reader-1') === 'bound')
    expect(hall.desk.state.devices['reader-1']?.identity).toBe(one.model.sam_id)
    await hall.start()
    await until(() => hall.bindingOf('reader-1') === 'bound')
    expect(hall.kinds().filter((kind) => kind === 'device.bound')).toHaveLength(1)
    one.model.placeCard({ text: cardOf('test', 1) })
    await until(() => hall.cards.length > 0)
    expect(hall.cards).toEqual([{ counter: '1', device: 'reader-1' }])
  })

  it('at the wrong place is held back: no card of it reaches a counter, page and counter are told', async () => {
    const [one, two] = [reader('reader-1', '1'), reader('reader-2', '2')]
    const hall = await openFloor([one.place, two.place])
    await hall.start()
    await until(() => hall.bindingOf('reader-1') === 'bound')
    await until(() => hall.bindingOf('reader-2') === 'bound')
    const floor = await hall.start({ 'reader-1': 'reader-2', 'reader-2': 'reader-1' })
    await until(() => hall.bindingOf('reader-1') === 'wrong_place')
    two.model.placeCard({ text: cardOf('test', 2) })
    await until(() => hall.held.length > 0)
    expect(hall.held[0]).toBe('reader-1 1 wrong_place')
    expect(hall.cards).toEqual([])
    const view = floor.views().find(({ device }) => device === 'reader-1')
    expect(view).toMatchObject({ state: 'not_configured', reason: 'wrong_place' })
    expect(view?.advice?.zh).toContain('另一位置')
    // Cables put right: everything works again without a decision.
    two.model.removeCard()
    await hall.start()
    await until(() => hall.bindingOf('reader-2') === 'bound')
    two.model.placeCard({ text: cardOf('test', 3) })
    await until(() => hall.cards.length > 0)
    expect(hall.cards).toEqual([{ counter: '2', device: 'reader-2' }])
  })

  it('that nobody knows is a stranger until a person records the replacement', async () => {
    const [one, other] = [reader('reader-1', '1'), reader('spare', '2')]
    const hall = await openFloor([one.place, other.place])
    await hall.desk.submit({
      ...{ type: 'device.bind', device: 'reader-1', device_type: 'id_card_reader' },
      ...{ identity: 'the old one', place: 'tcp://127.0.0.1:1', counter: '1', by: 'installer' },
    })
    const floor = await hall.start()
    await until(() => hall.bindingOf('reader-1') === 'stranger')
    one.model.placeCard({ text: cardOf('test', 4) })
    await until(() => hall.held.length > 0)
    expect(hall.cards).toEqual([])
    const wrong = floor.confirm('reader-1', 'somebody else', 'installer')
    await expect(wrong).rejects.toMatchObject({ code: 'wrong_state' })
    const answer = await floor.confirm('reader-1', one.model.sam_id, 'installer')
    expect(answer.outcome).toBe('recorded')
    expect(hall.kinds()).toContain('device.replaced')
    await until(() => hall.bindingOf('reader-1') === 'bound')
    one.model.removeCard()
    one.model.placeCard({ text: cardOf('test', 5) })
    await until(() => hall.cards.length > 0)
  })

  it('that is a stranger and never stops pressing is told of now and then, not at each press', async () => {
    const model = createCallPadModel(seeded(5), { serial: 'PAD-NEW' })
    const place = { device: 'pad-1', type: 'call_pad', counter: '1', model }
    const hall = await openFloor([place])
    await hall.desk.submit({
      ...{ type: 'device.bind', device: 'pad-1', device_type: 'call_pad' },
      ...{ identity: 'PAD-OLD', place: 'tcp://127.0.0.1:1', counter: '1', by: 'installer' },
    })
    await hall.start()
    await until(() => hall.bindingOf('pad-1') === 'stranger')
    const pressed = 20
    for (let i = 0; i < pressed; i++) expect((await model.press('next')).outcome).toBe('refused')
    expect(hall.held[0]).toBe('pad-1 1 stranger')
    expect(hall.held.length).toBeLessThan(pressed)
    expect(hall.kinds().filter((kind) => kind.startsWith('ticket'))).toEqual([])
  })

  it('that is expected where one without a name answers: shown as not confirmed, and well once it says it', async () => {
    const panel = (serial: string, unknown: string[]) => {
      return new PjlinkDisplayModel({ pace, random: seeded(6), class: 2, serial, unknown })
    }
    const [mute, named] = [panel('', ['SNUM']), panel('PANEL-7', [])]
    const hall = await openFloor([
      { device: 'wall', type: 'hall_display', counter: '1', model: mute },
      { device: 'other', type: 'hall_display', counter: '2', model: named },
    ])
    await hall.desk.submit({
      ...{ type: 'device.bind', device: 'wall', device_type: 'hall_display' },
      ...{ identity: 'PANEL-7', place: 'tcp://127.0.0.1:1', counter: '1', by: 'installer' },
    })
    const wallOf = (floor: Awaited<ReturnType<typeof hall.start>>) =>
      floor.views().find(({ device }) => device === 'wall')!
    const floor = await hall.start()
    await until(() => wallOf(floor).state === 'online')
    expect(wallOf(floor).binding).toEqual({ state: 'unconfirmed', expected: 'PANEL-7' })
    expect(wallOf(floor).reason).toBe('unconfirmed')
    expect(wallOf(floor).advice?.zh).toContain('看不到设备编号')
    await expect(floor.confirm('wall', '', 'installer')).rejects.toMatchObject({
      code: 'not_found',
    })
    const right = await hall.start({ wall: 'other', other: 'wall' })
    await until(() => hall.bindingOf('wall') === 'bound')
    await until(() => wallOf(right).state === 'online' && wallOf(right).reason !== 'unconfirmed')
  })

  it('that says it late, or whose word was lost once, is heard as ever', async () => {
    const model = createCallPadModel(seeded(7), { serial: 'PAD-7', pace })
    let lost = 0
    const slow = {
      attach: (send: (bytes: Uint8Array) => void) => model.attach(send),
      detach: () => model.detach(),
      receive(bytes: Uint8Array) {
        // The first questions are who it is: one never arrives, the next one late.
        lost += 1
        if (lost > 2) model.receive(bytes)
        else if (lost === 2) pace.after(150, 'late', () => model.receive(bytes))
      },
    }
    const hall = await openFloor([
      { device: 'pad-1', type: 'call_pad', counter: '1', model: slow, options: { reply_ms: 400 } },
    ])
    await hall.desk.submit({
      ...{ type: 'device.bind', device: 'pad-1', device_type: 'call_pad' },
      ...{ identity: 'PAD-7', place: 'tcp://127.0.0.1:1', counter: '1', by: 'installer' },
    })
    await hall.desk.submit({ type: 'counter.sign_in', counter: '1', clerk: 'ann', services: [] })
    await hall.desk.submit({ type: 'ticket.press', service: 'cash' })
    await hall.start()
    expect((await model.press('next')).outcome).toBe('recorded')
    expect(hall.held).toEqual([])
  })

  it('that was moved is bound to its new place by a person, and to the old one no more', async () => {
    const [one, two] = [reader('reader-1', '1'), reader('reader-2', '2')]
    const hall = await openFloor([one.place, two.place])
    await hall.start()
    await until(() => hall.bindingOf('reader-1') === 'bound')
    await until(() => hall.bindingOf('reader-2') === 'bound')
    const floor = await hall.start({ 'reader-1': 'reader-2', 'reader-2': 'reader-1' })
    await until(() => hall.bindingOf('reader-1') === 'wrong_place')
    await until(() => hall.bindingOf('reader-2') === 'wrong_place')
    const moved = await floor.confirm('reader-1', two.model.sam_id, 'installer')
    expect(moved.outcome).toBe('recorded')
    // The other one has no place left, so the one that answers at its place is simply seen there.
    await until(() => hall.bindingOf('reader-2') === 'bound')
    expect(hall.desk.state.devices['reader-1']?.identity).toBe(two.model.sam_id)
    expect(hall.desk.state.devices['reader-2']?.identity).toBe(one.model.sam_id)
  })
})

describe('identify by touch', () => {
  it('tells which pad was pressed and asks nothing of the hall; a counter with a clerk goes on', async () => {
    const pads = ['1', '2'].map((counter, i) => {
      const model = createCallPadModel(seeded(i), { serial: `PAD${counter}`, pace })
      return { place: { device: `pad-${counter}`, type: 'call_pad', counter, model }, model }
    })
    const hall = await openFloor(pads.map(({ place }) => place))
    const floor = await hall.start()
    await until(() => hall.bindingOf('pad-1') === 'bound' && hall.bindingOf('pad-2') === 'bound')
    await hall.desk.submit({ type: 'counter.sign_in', counter: '2', clerk: 'ann', services: [] })
    await hall.desk.submit({ type: 'ticket.press', service: 'cash' })
    floor.touch.begin(5)
    await until(() => pads[0]!.model.displayed.mode === 'number')
    expect(pads[0]!.model.displayed).toEqual({ mode: 'number', number: '01' })
    expect((await pads[0]!.model.press('next')).outcome).toBe('refused')
    expect(floor.touch.view().touched.map(({ device }) => device)).toEqual(['pad-1'])
    expect((await pads[1]!.model.press('next')).outcome).toBe('recorded')
    expect(floor.touch.view().touched).toHaveLength(1)
    floor.touch.end()
    await until(() => pads[0]!.model.displayed.mode === 'paused')
  })
})
