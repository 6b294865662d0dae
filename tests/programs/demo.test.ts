/** The halls of the demonstration: what stands there, as a gateway's configuration takes it. */
import { afterEach, describe, expect, it } from 'vitest'
import { HallRules } from '../../devices/contract/hall-rules.ts'
import { demoHalls } from '../../firmware-sim/demo/halls.ts'
import { realPace } from '../../firmware-sim/pace.ts'
import {
  deviceConfigs,
  type Hardware,
  type HardwareOptions,
  openHardware,
} from '../../firmware-sim/people/hardware.ts'
import { drawRating } from '../../firmware-sim/people/ratings.ts'
import { seeded } from '../../firmware-sim/people/seeded.ts'
import { checkConfig } from '../../gateway/config.ts'
import { knownDeviceTypes } from '../../gateway/drivers/known-types.ts'

const open: Hardware[] = []
afterEach(async () => {
  for (const hardware of open.splice(0)) await hardware[Symbol.asyncDispose]()
})

async function hardwareOf(options: Pick<HardwareOptions, 'counters' | 'more'>) {
  const parts = { pace: realPace, random: seeded('demo') }
  const hardware = await openHardware(parts, { ...options, port: 0, answer_hold_ms: 0 })
  open.push(hardware)
  return hardware
}

describe('the demonstration halls', () => {
  it.each(demoHalls.map((hall) => [hall.hall, hall] as const))(
    '%s: a gateway takes all its devices as they are named, and its rules',
    async (_, { rules, more }) => {
      const hardware = await hardwareOf({ counters: rules.counters, more })
      const devices = deviceConfigs(hardware)
      const controller = { url: 'http://127.0.0.1:1' }
      const checked = checkConfig(JSON.stringify({ controller, devices }), knownDeviceTypes)
      expect(checked).toMatchObject({ ok: true })
      expect(HallRules.safeParse(rules).error).toBeUndefined()
      const rated = devices.filter(({ device }) => device.startsWith('rater-'))
      const asked = (rules.raters ?? []).map(({ counter }) => `rater-${counter}`)
      expect(rated.map(({ device }) => device)).toEqual(asked)
    },
  )

  it('have both kinds of rating pads, PIN pad, displays and a shared line between them', async () => {
    const halls = await Promise.all(
      demoHalls.map(async ({ rules, more }) =>
        deviceConfigs(await hardwareOf({ counters: rules.counters, more })),
      ),
    )
    const types = new Set(halls.flat().map(({ type }) => type))
    for (const type of ['rating_pad', 'ff68_rater', 'pin_pad', 'counter_display', 'hall_display']) {
      expect(types).toContain(type)
    }
    const pads = halls.map((devices) => devices.filter(({ type }) => type === 'call_pad'))
    const shared = pads.find((hall) => new Set(hall.map(({ at }) => at)).size === 1)
    expect(shared?.map(({ options }) => (options as { unit: number }).unit)).toEqual([1, 2, 3, 4])
  })

  it('add nothing to the hardware of a replay', async () => {
    const { placed, counters } = await hardwareOf({ counters: ['c1'] })
    const known = ['panel', 'printer', 'pad-c1', 'reader-c1']
    expect(placed.map(({ device }) => device)).toEqual(known)
    expect(counters.get('c1')).toMatchObject({ rater: null, pin_pad: null })
  })
})

describe('customers who are asked', () => {
  it('press nothing three times of ten, and the same again from the same seed', () => {
    const draw = () => {
      const random = seeded('ratings', 'test')
      return Array.from({ length: 2_000 }, () => drawRating(random))
    }
    const wishes = draw()
    expect(wishes).toEqual(draw())
    const silent = wishes.filter(({ key }) => key === null).length
    expect(silent / wishes.length).toBeCloseTo(0.3, 1)
    const keys = new Set(wishes.map(({ key }) => key))
    expect([...keys].toSorted()).toEqual([1, 2, 3, 4, 5, null])
  })
})
