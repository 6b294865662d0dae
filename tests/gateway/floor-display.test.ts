/** A panel of the hall as it is configured, set and shown. */
import { afterEach, expect, it } from 'vitest'
import { MdcDisplayModel, PjlinkDisplayModel } from '../../firmware-sim/models/hall-display.ts'
import { pace, seeded, until } from '../drivers/helpers.ts'
import { closeFloors, openFloor } from './floor-fixture.ts'

afterEach(closeFloors)

const panel = { pace, random: seeded(1), serial: 'P1' }
const place = (model: PjlinkDisplayModel | MdcDisplayModel, options: Record<string, unknown>) => [
  { device: 'wall', type: 'hall_display', counter: 'c1', model, options },
]

it('is set to what the configuration says and tells what it is', async () => {
  const model = new PjlinkDisplayModel(panel)
  const { start } = await openFloor(place(model, { power: 'on', input: '32', settle_ms: 20 }))
  const floor = await start()
  await until(() => model.panel.power === 'on' && model.input === '32')
  await until(() => floor.views()[0]!.facts.input === '32')
  expect(floor.views()[0]).toMatchObject({ facts: { power: 'on', input: '32' } })
})

it('is set by an installer, and what it does not know is said', async () => {
  const model = new MdcDisplayModel({ ...panel, unknown: ['14'] })
  const { start } = await openFloor(place(model, { protocol: 'mdc', settle_ms: 20 }))
  const floor = await start()
  await until(() => floor.views()[0]!.facts.power === 'off')
  await floor.setPanel('wall', { power: 'on', input: 'hdmi1' })
  await until(() => model.panel.power === 'on')
  await until(() => floor.views()[0]!.facts.unsupported === 'input')
  await expect(floor.setPanel('wall', { power: null, input: '31' })).rejects.toThrow(/no input/)
  await expect(floor.setPanel('nobody', { power: null, input: null })).rejects.toThrow()
})

it('of an input that its protocol does not have says so', async () => {
  const model = new PjlinkDisplayModel(panel)
  const { start } = await openFloor(place(model, { input: 'hdmi1' }))
  const floor = await start()
  await until(() => floor.views()[0]!.reason === 'unsupported: set_input')
})
