/** First seen, first bound: what happens while the hall cannot be asked. */
import { describe, expect, it } from 'vitest'
import { Fault } from '#devices/std/fault.ts'
import { knownDeviceTypes } from '../../gateway/drivers/known-types.ts'
import { bindingOf, isHeldBack } from '../../gateway/floor/binding.ts'
import { Identities } from '../../gateway/floor/identities.ts'
import type { Ask } from '../../gateway/hall/input.ts'
import { emptyState } from '../../gateway/hall/state.ts'
import { pass, Scheduler, seeded } from '../drivers/virtual.ts'

const config = { device: 'pad1', type: 'call_pad', at: 'tcp://127.0.0.1:1', options: {} }

describe('a device that says no name', () => {
  const bound = { 'pad-1': { type: 'call_pad', identity: 'PAD-1' } }
  const nameless = (place: string, type: string, identity: string | null = null) =>
    bindingOf(place, { type, identity, nameless: false }, bound)

  it('where one of its type with a name belongs is not taken for that one', () => {
    const binding = nameless('pad-1', 'call_pad')
    expect(binding).toEqual({ state: 'unconfirmed', expected: 'PAD-1' })
    expect(isHeldBack(binding)).toBe(true)
  })

  it('is nameless and goes on where no name is expected, or another type was bound before', () => {
    for (const binding of [nameless('pad-2', 'call_pad'), nameless('pad-1', 'ff68_pad')]) {
      expect(binding).toEqual({ state: 'nameless' })
      expect(isHeldBack(binding)).toBe(false)
    }
  })

  it('whose kind never says one is nameless, whatever somebody wrote about its place', () => {
    const kinds = [...knownDeviceTypes].filter(([, { nameless }]) => nameless).map(([name]) => name)
    const pads = ['ff68_pad', 'ff68_rater', 'service_password_pad']
    expect(kinds.sort()).toEqual([...pads, 'ticket_printer'].sort())
    const written = { 'rater-1': { type: 'ff68_rater', identity: 'pad' } }
    const rater = { type: 'ff68_rater', identity: null, nameless: true }
    expect(bindingOf('rater-1', rater, written)).toEqual({ state: 'nameless' })
  })

  it('says none with an empty one: two of those are not one device', () => {
    for (const empty of ['', '  ']) {
      expect(nameless('panel-1', 'hall_display', empty)).toEqual({ state: 'nameless' })
      expect(nameless('pad-1', 'call_pad', empty)).toMatchObject({ state: 'unconfirmed' })
    }
  })
})

describe('a device that is exchanged while nothing can be recorded', () => {
  it('is not bound in the place of the one that answers there by then', async () => {
    const pace = new Scheduler()
    const asked: Ask[] = []
    let answers: string | null = 'PAD-1'
    let well = false
    const identities = new Identities({
      pace,
      random: seeded(1),
      state: emptyState,
      identity: () => answers,
      desk: {
        submit: async (ask) => {
          asked.push(ask)
          return well
            ? { outcome: 'recorded', repeat: false, subject: {} }
            : { outcome: 'refused', fault: new Fault('commit_failed') }
        },
      },
    })
    identities.noticed(config)
    await pass(pace, 30_000)
    expect(new Set(asked.map((ask) => 'identity' in ask && ask.identity))).toEqual(
      new Set(['PAD-1']),
    )
    answers = null
    await pass(pace, 30_000)
    const before = asked.length
    await pass(pace, 30_000)
    expect(asked.length).toBe(before)
    answers = 'PAD-2'
    well = true
    identities.noticed(config)
    await pass(pace, 30_000)
    expect(asked.slice(before)).toMatchObject([{ type: 'device.bind', identity: 'PAD-2' }])
  })
})
