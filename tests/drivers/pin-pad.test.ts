/** PIN pads: the real driver against the simulated pad over real TCP. */
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '#devices/std/bytes.ts'
import { encrypt, format0 } from '../../firmware-sim/models/pin-block.ts'
import { PinPadModel } from '../../firmware-sim/models/pin-pad.ts'
import { createPinPad } from '../../gateway/drivers/pin-pad-driver.ts'
import { lineFor, partsFor, quick, until } from './helpers.ts'

// Long enough for a busy machine: only the test of a bad line waits for a time-out.
const fast = { poll_ms: 5, reply_ms: 10_000, session: quick }
const account = '6222020200012345678'
const request = { account, digits: 6, content_hash: 'c0ffee' }
const key = '0123456789ABCDEFFEDCBA9876543210'

describe('a PIN pad', () => {
  it('hands back the block of the PIN that was typed, and neither is in any view', async () => {
    const model = new PinPadModel({ key })
    await using line = await lineFor(model)
    await using pad = createPinPad('pin1', partsFor(line.port), { options: fast })
    pad.start()
    await until(() => pad.view().state === 'online')
    model.onPrompt = () => setImmediate(() => model.type('135790'))
    const result = await pad.prompt(request)
    const expected = toHex(encrypt('des-ede-ecb', fromHex(key), format0('135790', account)))
    expect(result).toMatchObject({ outcome: 'entered', content_hash: 'c0ffee', digits: 6 })
    expect(result.outcome === 'entered' && result.block.reveal()).toBe(expected.toUpperCase())
    const shown = JSON.stringify([pad.view(), result])
    for (const secret of [expected, expected.toUpperCase(), account, '135790']) {
      expect(shown).not.toContain(secret)
    }
    expect(pad.view()).toMatchObject({ identity: 'ZT588 1208-0042', firmware: '1.2-3.4' })
  })

  it('takes a shorter PIN closed by enter, a cancel on the pad and one of ours', async () => {
    const model = new PinPadModel()
    await using line = await lineFor(model)
    await using pad = createPinPad('pin1', partsFor(line.port), { options: fast })
    pad.start()
    await until(() => pad.view().state === 'online')
    model.onPrompt = () =>
      setImmediate(() => {
        model.type('1234')
        model.enter()
      })
    expect(await pad.prompt(request)).toMatchObject({ outcome: 'entered', digits: 4 })
    model.onPrompt = () => setImmediate(() => model.pressCancel())
    expect(await pad.prompt(request)).toEqual({ outcome: 'cancelled', content_hash: 'c0ffee' })
    const waiting = new Promise<void>((resolve) => {
      model.onPrompt = resolve
    })
    const open = pad.prompt(request)
    await waiting
    expect(await pad.prompt(request)).toMatchObject({ outcome: 'busy' })
    pad.cancel()
    expect((await open).outcome).toBe('cancelled')
    await until(() => !model.waiting)
  })

  it('ends a prompt with the link, switches the pad off after it and works again', async () => {
    const model = new PinPadModel()
    await using line = await lineFor(model)
    await using pad = createPinPad('pin1', partsFor(line.port), { options: fast })
    pad.start()
    await until(() => pad.view().state === 'online')
    const open = pad.prompt(request)
    await until(() => model.waiting)
    model.type('12')
    await line.unplug()
    expect((await open).outcome).toBe('link_lost')
    expect(model.waiting).toBe(true)
    await line.plug()
    await until(() => !model.waiting && pad.view().state === 'online')
    model.onPrompt = () => setImmediate(() => model.type('654321'))
    expect((await pad.prompt(request)).outcome).toBe('entered')
  })

  it('says what went wrong', async () => {
    const model = new PinPadModel()
    await using line = await lineFor(model)
    await using pad = createPinPad('pin1', partsFor(line.port), {
      options: { ...fast, poll_ms: 600_000 },
    })
    pad.start()
    await until(() => pad.view().state === 'online')
    model.failNext(0xe1)
    expect((await pad.prompt(request)).outcome).toBe('master_key_needed')
    model.onPrompt = () => setImmediate(() => model.expire())
    expect((await pad.prompt(request)).outcome).toBe('timed_out')
    await expect(pad.prompt({ ...request, account: 'x' })).rejects.toMatchObject({
      code: 'invalid',
    })
    await expect(pad.prompt({ ...request, digits: 17 })).rejects.toMatchObject({ code: 'invalid' })
  })

  it('does not use a pad that sends digits in the clear, nor one without keys', async () => {
    const model = new PinPadModel({ sends_digits: true })
    await using line = await lineFor(model)
    await using pad = createPinPad('pin1', partsFor(line.port), { options: fast })
    pad.start()
    await until(() => pad.view().state === 'online')
    model.onPrompt = () => setImmediate(() => model.type('1'))
    expect((await pad.prompt(request)).outcome).toBe('clear_digits')
    const blank = new PinPadModel({ blank: true })
    await using second = await lineFor(blank)
    await using other = createPinPad('pin2', partsFor(second.port), { options: fast })
    other.start()
    await until(() => other.view().state === 'not_configured')
    expect(other.view().reason).toBe('no key loaded')
  })

  it('gives each prompt one outcome on a bad line', async () => {
    const model = new PinPadModel()
    const faults = { split: 0.3, noise: 0.1, corrupt: 0.05, unplug: 0.02 }
    await using line = await lineFor(model, { faults }, 31)
    await using pad = createPinPad('pin1', partsFor(line.port), {
      options: { ...fast, reply_ms: 30, input_s: 1 },
    })
    pad.start()
    model.onPrompt = () => setImmediate(() => model.type('111111'))
    let entered = 0
    for (let i = 0; entered < 5; i++) {
      await until(() => pad.view().state === 'online')
      const content_hash = `order-${i}`
      // A lost key leaves the pad waiting: the clerk ends that, ever more patient on a slow machine.
      const open = pad.prompt({ ...request, content_hash })
      const late = setTimeout(() => pad.cancel(), 150 + 10 * i)
      const result = await open
      clearTimeout(late)
      expect(result).toMatchObject({ content_hash })
      if (result.outcome === 'entered') entered += 1
    }
  })
})
