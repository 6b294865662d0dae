/** The machine of a service-password pad: golden bytes, windows, and one end for every prompt. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asciiBytes, byteText, concat, fromHex, toHex } from '#devices/std/bytes.ts'
import { servicePasswordPad, servicePasswordPadWith } from '#devices/types/service-password-pad.ts'
import { createServicePasswordDeframer } from '#devices/wire/service-password.ts'
import { ServicePasswordPadModel } from '../../firmware-sim/models/service-password-pad.ts'
import { stepper } from './stepper.ts'
import { golden } from './support.ts'

const { frames } = golden<{ frames: { digits: string; hex: string }[] }>(
  'service-password-pad.json',
)
const prompt = (content_hash = 'abc') => ({ command: 'prompt', content_hash }) as const
const accepted = { clear_digits: 'accepted' }
const sealed = { kind: 'sealed', sealed: 'jwe' } as const
const sealing = servicePasswordPadWith<string>(() => 'jwe')

describe('the bytes', () => {
  for (const { digits, hex } of frames) {
    it(`of ${digits} are read, and sent by the simulated pad`, () => {
      const seen: string[] = []
      const deframer = createServicePasswordDeframer((bytes) => seen.push(byteText(bytes)))
      deframer.push(fromHex(hex))
      expect(seen).toEqual([digits])
      const out: string[] = []
      const model = new ServicePasswordPadModel()
      model.attach((bytes) => out.push(toHex(bytes)))
      model.type(digits)
      expect(out).toEqual([toHex(fromHex(hex))])
    })
  }

  it('are dropped where nobody wants them now', () => {
    const deframer = createServicePasswordDeframer(() => null)
    const bytes = concat([0x82], asciiBytes('135790'), [0x83])
    expect(deframer.push(bytes).frames).toEqual([{ kind: 'refused' }])
  })
})

describe('the machine', () => {
  it('takes the first password within the window, and none outside it', () => {
    const machine = stepper(sealing, accepted)
    expect(machine.connect(0).states).toEqual(['online: connected'])
    expect(machine.frame(sealed, 1).counted).toEqual(['unasked_frames'])
    machine.command(1, prompt(), 2)
    expect(machine.frame(sealed, 3).finished).toEqual([
      [1, { outcome: 'entered', content_hash: 'abc', sealed: 'jwe' }],
    ])
    expect(machine.frame(sealed, 4)).toMatchObject({ finished: [], counted: ['unasked_frames'] })
    expect(JSON.stringify(machine.state)).not.toContain('jwe')
  })

  it('accepts nothing unless told to, and the registered type has no seal at all', () => {
    const machine = stepper(sealing)
    expect(machine.connect(0).states).toEqual(['not_configured: clear_digits not accepted'])
    expect(machine.command(1, prompt(), 1).finished).toEqual([
      [1, { outcome: 'not_accepted', content_hash: 'abc' }],
    ])
    const { frames } = servicePasswordPad.deframer().push(fromHex('82313335373930 83'))
    expect(frames).toEqual([{ kind: 'refused' }])
  })

  it('gives every prompt one end, whatever comes', () => {
    const event = fc.constantFrom('frame', 'refused', 'timer', 'up', 'down', 'prompt', 'cancel')
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const machine = stepper(sealing, accepted)
        const ended: number[] = []
        let ids = 0
        let up = false
        const take = (done: { finished: [number, unknown][] }) =>
          ended.push(...done.finished.map(([id]) => id))
        for (const one of events) {
          if (one === 'frame' && up) take(machine.frame(sealed, 0))
          if (one === 'refused' && up) take(machine.frame({ kind: 'refused' }, 0))
          if (one === 'timer') take(machine.timer(0))
          if (one === 'prompt') take(machine.command(++ids, prompt(`${ids}`), 0))
          if (one === 'cancel') take(machine.command(++ids, { command: 'cancel' }, 0))
          if (one === 'up' && !up) take(machine.connect(0))
          if (one === 'down' && up) take(machine.disconnect(0))
          up = one === 'up' || (one !== 'down' && up)
        }
        if (up) take(machine.disconnect(0))
        expect(ended.toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: ids }, (_, i) => i + 1),
        )
      }),
      { numRuns: 500 },
    )
  })
})
