/** Hall displays: the real driver against simulated panels over real TCP. */
import { describe, expect, it } from 'vitest'
import { concat, fromHex, toHex } from '#devices/std/bytes.ts'
import type { Pace } from '#devices/std/clock.ts'
import { encodeMdcRequest, mdc_broadcast, mdcRequest } from '#devices/wire/mdc.ts'
import { MdcDisplayModel, PjlinkDisplayModel } from '../../firmware-sim/models/hall-display.ts'
import { createHallDisplay } from '../../gateway/drivers/display-driver.ts'
import { lineFor, pace, partsFor, quick, seeded, until } from './helpers.ts'

const fast = { poll_ms: 3, reply_ms: 10_000, settle_ms: 20, session: quick }
const wish = { power: 'on', input: '32' } as const

/** Nothing of a panel is over before it was seen: on a busy machine a poll may be late. */
function onceSeen(seen: () => boolean): Pace {
  return {
    now_ms: () => pace.now_ms(),
    after(ms, what, run) {
      const look = () => {
        if (seen()) run()
        else cancel = pace.after(ms, what, look)
      }
      let cancel = pace.after(ms, what, look)
      return () => cancel()
    },
  }
}

describe('a PJLink display', () => {
  for (const security of ['md5', 'sha256'] as const) {
    it(`is switched on through its warm-up, with a ${security} proof on every link`, async () => {
      const powers: (string | null)[] = []
      const model = new PjlinkDisplayModel({
        pace: onceSeen(() => powers.includes('warming')),
        random: seeded(3),
        warm_ms: 40,
        password: 'open-sesame',
        sha256: security === 'sha256',
        class: 2,
      })
      await using line = await lineFor(model)
      await using display = createHallDisplay('wall1', partsFor(line.port), {
        handlers: { onCondition: ({ power }) => powers.push(power) },
        wanted: () => wish,
        options: { ...fast, password: 'open-sesame', security },
      })
      display.start()
      await until(() => model.input === '32')
      expect(powers.indexOf('warming')).toBeGreaterThanOrEqual(0)
      expect(powers.indexOf('on')).toBeGreaterThan(powers.indexOf('warming'))
      await until(() => display.condition().input === '32')
      expect(display.view()).toMatchObject({ state: 'online', identity: 'PANEL-0001' })
      await line.unplug()
      model.panel.switch(false)
      await line.plug()
      // Asserted again on the new link, under a new salt.
      await until(() => model.panel.power === 'on' && display.view().state === 'online')
      expect(model.refused).toBe(0)
      expect(JSON.stringify(display.view())).not.toContain('sesame')
    })
  }

  it('names a wrong password and does not hammer', async () => {
    const model = new PjlinkDisplayModel({ pace, random: seeded(3), password: 'right' })
    await using line = await lineFor(model)
    await using display = createHallDisplay('wall1', partsFor(line.port), {
      options: { ...fast, password: 'wrong' },
    })
    display.start()
    await until(() => display.view().reason === 'password_refused')
    expect(display.view().state).toBe('not_configured')
    expect(model.refused).toBe(1)
    expect(model.panel.power).toBe('off')
  })

  it('says what is missing where a password is asked for and none is there', async () => {
    const model = new PjlinkDisplayModel({ pace, random: seeded(3), password: 'right' })
    await using line = await lineFor(model)
    await using display = createHallDisplay('wall1', partsFor(line.port), { options: fast })
    display.start()
    await until(() => display.view().reason === 'password_needed')
    expect(model.refused).toBe(0)
  })

  it('refuses the proof over another link’s salt', () => {
    const model = new PjlinkDisplayModel({
      pace,
      random: seeded(3),
      password: 'JBMIAProjectorLink',
    })
    let said = ''
    model.attach((bytes) => {
      said += String.fromCharCode(...bytes)
    })
    // The published proof, good for the salt 498e4a67 only.
    model.receive(Buffer.from('5d8409bc1c3fa39749434aa3a5c38682%1POWR 1\r'))
    expect(said).toMatch(/^PJLINK 1 [0-9a-f]{8}\rPJLINK ERRA\r$/)
    model.receive(Buffer.from('%1POWR 1\r'))
    expect(model.panel.power).toBe('off')
  })

  it('tells trouble and unsupported things', async () => {
    const model = new PjlinkDisplayModel({ pace, random: seeded(3), unknown: ['INPT'] })
    await using line = await lineFor(model)
    await using display = createHallDisplay('wall1', partsFor(line.port), {
      wanted: () => wish,
      options: fast,
    })
    display.start()
    await until(() => display.condition().unsupported.includes('input'))
    model.troubles = '020000'
    await until(() => display.view().state === 'hardware_error')
    expect(display.view().reason).toBe('lamp error')
    model.troubles = '000000'
    await until(() => display.view().state === 'online')
    await expect(display.want({ power: null, input: 'hdmi1' })).rejects.toMatchObject({
      code: 'invalid',
    })
  })
})

describe('a Samsung display', () => {
  it('is switched on and to its input, also on a bad line', async () => {
    const model = new MdcDisplayModel({ pace, random: seeded(5), warm_ms: 10 })
    const faults = { split: 0.3, noise: 0.2, corrupt: 0.1, unplug: 0.03 }
    await using line = await lineFor(model, { faults }, 21)
    await using display = createHallDisplay('wall2', partsFor(line.port), {
      wanted: () => ({ power: 'on', input: 'hdmi2' }),
      options: { ...fast, reply_ms: 30, protocol: 'mdc' },
    })
    display.start()
    await until(() => model.input === 0x23 && display.condition().input === 'hdmi2')
    expect(line.counts.corrupt + line.counts.noise).toBeGreaterThan(0)
    await until(() => display.view().identity === 'PANEL-0001')
  })

  it('says which wish it does not know', async () => {
    const model = new MdcDisplayModel({ pace, random: seeded(5), unknown: ['14'] })
    await using line = await lineFor(model)
    await using display = createHallDisplay('wall2', partsFor(line.port), {
      options: { ...fast, protocol: 'mdc' },
    })
    display.start()
    await until(() => display.condition().unsupported.includes('input'))
    await display.want({ power: 'on', input: null })
    await until(() => display.condition().power === 'on')
  })
})

describe('the simulated panel', () => {
  it('carries a broadcast out without a word, and is silent to others and to damage', () => {
    const model = new MdcDisplayModel({ pace, random: seeded(5) })
    const sent: Uint8Array[] = []
    model.attach((bytes) => sent.push(bytes))
    model.receive(encodeMdcRequest(mdcRequest(mdc_broadcast, 'power', 1)))
    expect(model.panel.power).toBe('on')
    model.receive(encodeMdcRequest(mdcRequest(2, 'power', 0)))
    model.receive(fromHex('AA 11 01 01 00 14'))
    expect(model.panel.power).toBe('on')
    expect(sent).toEqual([])
    model.receive(fromHex('AA 11 01 00 12'))
    model.receive(fromHex('AA 12 01 00 13'))
    expect(toHex(concat(...sent))).toBe(toHex(fromHex('AAFF0103411101 56 AAFF01034E1201 64')))
  })
})
