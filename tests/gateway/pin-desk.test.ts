/** From a screen to the record: the real engine, the real driver, the simulated pad over real TCP. */
import { describe, expect, it } from 'vitest'
import type { Draft, Stamp } from '#devices/contract/record.ts'
import { Fault } from '#devices/std/fault.ts'
import { PinPadModel } from '../../firmware-sim/models/pin-pad.ts'
import { ServicePasswordPadModel } from '../../firmware-sim/models/service-password-pad.ts'
import { type PinDesk, pinDesk } from '../../gateway/compose/pin-desk.ts'
import { createPinPad } from '../../gateway/drivers/pin-pad-driver.ts'
import { sealPinBy } from '../../gateway/drivers/pin-prompt.ts'
import { createServicePasswordPad } from '../../gateway/drivers/service-password-driver.ts'
import { type HallDesk, openDesk } from '../../gateway/hall/desk.ts'
import { copyState } from '../../gateway/hall/state.ts'
import { lineFor, partsFor, quick, until } from '../drivers/helpers.ts'
import { HASH_A, HASH_B, order, staffedHall, stamp } from './hall/fixtures.ts'

const account = '6222020200012345678'

/** A hall with a pad at counter 1. `failing` answers an append with a fault. */
async function hallWithPad(given: { failing?: () => boolean; model?: PinPadModel } = {}) {
  const model = given.model ?? new PinPadModel()
  const line = await lineFor(model)
  const driver = createPinPad('pin-1', partsFor(line.port), {
    options: { poll_ms: 5, reply_ms: 10_000, session: quick },
  })
  return { model, ...(await hallAround(driver, line, given.failing)) }
}

/** The same with a pad that sends clear digits. */
async function hallWithPasswords() {
  const model = new ServicePasswordPadModel()
  const line = await lineFor(model)
  const driver = createServicePasswordPad('pin-1', partsFor(line.port), {
    options: { clear_digits: 'accepted', session: quick },
  })
  return { model, ...(await hallAround(driver, line)) }
}

type Line = Awaited<ReturnType<typeof lineFor>>
type Driver = ReturnType<typeof createPinPad> | ReturnType<typeof createServicePasswordPad>

async function hallAround(driver: Driver, line: Line, failing: () => boolean = () => false) {
  driver.start()
  await until(() => driver.view().state === 'online' && line.counts.links > 0)
  const disk: { draft: Draft; at: Stamp }[] = []
  let fresh = 0
  const freshId = () => (++fresh).toString(16).padStart(16, '0')
  const start = staffedHall().state
  let pins: PinDesk | null = null
  const desk: HallDesk = openDesk({
    log: {
      async append(records) {
        if (failing()) throw new Fault('commit_failed', 'simulated')
        disk.push(...records)
        return { epoch: 'e'.repeat(32), first: 1, last: records.length }
      },
    },
    stamps: () => stamp(0),
    fresh: freshId,
    state: copyState(start),
    rebuild: async () => {
      const { apply } = await import('../../gateway/hall/apply.ts')
      return disk.reduce((state, { draft, at }) => apply(state, { ...draft, at }), copyState(start))
    },
    onEffects: (effects, state) => pins?.act(effects, state),
  })
  const { pace, random } = partsFor(line.port)
  pins = pinDesk({
    ...{ desk, state: () => desk.state, fresh: freshId, boot: 'a1', pace, random },
    pads: (counter) =>
      counter !== '1'
        ? []
        : [{ ...driver, device: 'pin-1', online: driver.view().state === 'online' }],
  })
  const sealed: unknown[] = []
  const seal = sealPinBy(async (value) => `jwe-${sealed.push(value)}`)
  const wanted = { order: 'order-1', content_hash: HASH_A, counter: '1', screen: 'screen-1' }
  return {
    ...{ line, driver, desk, disk, sealed, pins },
    begin: (changes: Partial<typeof wanted> = {}, digits = 6) =>
      (pins as PinDesk).begin({ ...wanted, ...changes, account, digits, seal }),
    confirm: (content_hash = HASH_A) =>
      desk.submit({ type: 'order.confirm', order: 'order-1', content_hash }),
    kinds: () => disk.map(({ draft }) => draft.kind),
    [Symbol.asyncDispose]: async () => {
      await driver[Symbol.asyncDispose]()
      await line[Symbol.asyncDispose]()
    },
  }
}

describe('a PIN for an order', () => {
  it('is asked after the record, recorded before it is told, and bound by the confirmation', async () => {
    await using hall = await hallWithPad()
    await hall.desk.submit(order({ pin: 'required' }))
    hall.model.onPrompt = () => {
      expect(hall.kinds()).toContain('pin.asked')
      setImmediate(() => hall.model.type('135790'))
    }
    const done = await hall.begin()
    expect(done).toMatchObject({ outcome: 'entered', sealed: 'jwe-1' })
    expect(hall.sealed).toMatchObject([{ kind: 'block', digits: 6 }])
    expect(hall.disk.at(-1)!.draft).toMatchObject({
      ...{ kind: 'pin.ended', source: { device: 'pin-1', boot: 'a1', event: 1 } },
      data: { outcome: 'entered', device: 'pin-1', pad: 'ZT588 1208-0042', key: '64' },
    })
    expect((await hall.confirm()).outcome).toBe('recorded')
    expect(hall.disk.at(-1)!.draft.data).toMatchObject({
      pin: { content_hash: HASH_A, screen: 'screen-1', device: 'pin-1', pad: 'ZT588 1208-0042' },
    })
    const { block } = hall.sealed[0] as { block: string }
    const held = JSON.stringify([hall.disk, hall.desk.state, hall.driver.view(), done])
    for (const secret of [block, account, '135790']) expect(held).not.toContain(secret)
  })

  it('for content that changed meanwhile ends at the pad and confirms nothing', async () => {
    await using hall = await hallWithPad()
    await hall.desk.submit(order())
    const open = hall.begin()
    await until(() => hall.model.waiting)
    await hall.desk.submit(order({ content_hash: HASH_B }))
    const done = await open
    expect(done).toMatchObject({ outcome: 'cancelled', reason: 'replaced', sealed: null })
    await until(() => !hall.model.waiting)
    expect(await hall.confirm(HASH_A)).toMatchObject({ fault: { code: 'hash_mismatch' } })
    expect(hall.kinds().slice(-3)).toEqual(['pin.asked', 'pin.ended', 'order.entered'])
  })

  it('asked for again replaces the first prompt, which hears that it was cancelled', async () => {
    await using hall = await hallWithPad()
    await hall.desk.submit(order())
    const first = hall.begin()
    await until(() => hall.model.waiting)
    hall.model.onPrompt = () => setImmediate(() => hall.model.type('135790'))
    const second = hall.begin()
    expect((await first).outcome).toBe('cancelled')
    expect((await second).outcome).toBe('entered')
    expect((await hall.confirm()).outcome).toBe('recorded')
  })

  it('asked for again is asked on a pad of clear digits too', async () => {
    await using hall = await hallWithPasswords()
    await hall.desk.submit(order())
    const first = hall.begin()
    await until(() => hall.kinds().includes('pin.asked'))
    const second = hall.begin()
    expect((await first).outcome).toBe('cancelled')
    hall.model.type('135790')
    expect(await second).toMatchObject({ outcome: 'entered', reason: 'entered' })
    expect(hall.sealed).toHaveLength(1)
  })

  it('whose link is lost is over, and the next one works', async () => {
    await using hall = await hallWithPad()
    await hall.desk.submit(order())
    const open = hall.begin()
    await until(() => hall.model.waiting)
    await hall.line.unplug()
    expect(await open).toMatchObject({ outcome: 'failed', reason: 'link_lost' })
    expect(await hall.begin()).toMatchObject({ outcome: 'refused', fault: { code: 'device_gone' } })
    await hall.line.plug()
    await until(() => hall.driver.view().state === 'online' && !hall.model.waiting)
    hall.model.onPrompt = () => setImmediate(() => hall.model.type('135790'))
    expect((await hall.begin()).outcome).toBe('entered')
  })

  it('is told to nobody before its outcome is on disk, however often the disk refuses', async () => {
    let refusals = 0
    const failing = () => refusals-- > 0
    await using hall = await hallWithPad({ failing })
    await hall.desk.submit(order())
    hall.model.onPrompt = () => {
      refusals = 2
      setImmediate(() => hall.model.type('135790'))
    }
    expect((await hall.begin()).outcome).toBe('entered')
    expect(hall.kinds().filter((kind) => kind === 'pin.ended')).toHaveLength(1)
  })

  it('that no pad can take is refused before anything is recorded', async () => {
    await using hall = await hallWithPad()
    await hall.desk.submit(order())
    expect(await hall.begin({}, 17)).toMatchObject({ fault: { code: 'invalid' } })
    expect(await hall.begin({ counter: '2' })).toMatchObject({ fault: { code: 'device_gone' } })
    expect(await hall.begin({ content_hash: HASH_B })).toMatchObject({
      fault: { code: 'hash_mismatch' },
    })
    expect(hall.kinds()).toEqual(['order.entered'])
  })
})
