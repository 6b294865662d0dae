/** A fair slice of the campaign of mutated frames, and proof that it would notice. */
import { describe, expect, it } from 'vitest'
import { seeded } from '../drivers/helpers.ts'
import { codecs, withoutCheck } from './campaign-codecs.ts'
import { damages, runCampaign } from './campaign-run.ts'

describe('mutated frames', () => {
  for (const codec of codecs) {
    it(`${codec.name}: no crash, no growth, no damage taken that can be told`, () => {
      // Long frames take their time, and most of what can happen to them happens in short ones too.
      const frames = codec.samples[0]!.length > 1000 ? 1600 : 4000
      const result = runCampaign(codec, frames, seeded(1999))
      expect(result.broken).toEqual([])
      for (const damage of damages) {
        expect(result.tallies[damage].tried).toBeGreaterThan(frames / 10)
      }
    })
  }

  it('are noticed by the campaign where a check is missing', () => {
    const broken = runCampaign(withoutCheck(codecs[0]!), 400, seeded(1))
    expect(broken.broken.length).toBeGreaterThan(0)
  })

  it('are noticed where a codec crashes or keeps what it should have dropped', () => {
    const [codec] = codecs
    let pending = 0
    const leaking = {
      ...codec!,
      create: () => ({
        ...codec!.create(),
        push: (bytes: Uint8Array) => {
          pending += bytes.length
          return { frames: [], discarded: [] }
        },
        flush: () => [],
        get pending() {
          return pending
        },
      }),
    }
    expect(runCampaign(leaking, 100, seeded(1)).broken[0]).toContain('growing')
    const falling = {
      ...codec!,
      create: () => ({
        ...codec!.create(),
        push: (bytes: Uint8Array) => {
          if (bytes.length < 5) throw new RangeError('beyond the end')
          return { frames: [], discarded: [] }
        },
      }),
    }
    expect(runCampaign(falling, 100, seeded(1)).broken[0]).toContain('crashed')
  })
})
