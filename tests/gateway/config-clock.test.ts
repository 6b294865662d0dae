/** Fact time that stands until told and never goes back, and how far it is from the cloud. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Bug } from '#devices/std/assert.ts'
import { realFactClock, skewMeter, steppedFactClock } from '../../gateway/clock.ts'

const boot = '00000000000000aa'

describe('the stepped clock', () => {
  test('waits to be told, and nobody can read it before', async () => {
    const clock = steppedFactClock(boot)
    let told = false
    const waiting = clock.waitUntilSet().then(() => {
      told = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(told).toBe(false)
    expect(() => clock.read()).toThrow(Bug)
    clock.set(1_000)
    await waiting
    expect(clock.read()).toEqual({ wall_ms: 1_000, boot, mono_ms: 0 })
  })

  test('never goes back, whatever it is told', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1e12, max: 4e12 }), { minLength: 1 }), (steps) => {
        const clock = steppedFactClock(boot)
        let highest = Number.NEGATIVE_INFINITY
        for (const step of steps) {
          expect(clock.set(step)).toBe(step < highest ? 'behind' : 'moved')
          highest = Math.max(highest, step)
          expect(clock.read()).toMatchObject({ wall_ms: highest, mono_ms: highest - steps[0]! })
        }
      }),
    )
  })
})

test('the real clock gives whole milliseconds that a record can hold', () => {
  const reading = realFactClock(boot).read()
  expect(Number.isInteger(reading.wall_ms) && Number.isInteger(reading.mono_ms)).toBe(true)
})

describe('skew', () => {
  /** A cloud `ahead_ms` ahead of us, with the time a message takes there and back. */
  function measured(ahead_ms: number, there_ms: number, back_ms: number) {
    const meter = skewMeter()
    const sent = { wall_ms: 5_000_000, mono_ms: 100 }
    const cloud_time_ms = sent.wall_ms + there_ms + ahead_ms
    const trip_ms = there_ms + back_ms
    const now = { wall_ms: sent.wall_ms + trip_ms, boot, mono_ms: sent.mono_ms + trip_ms }
    meter.take({ boot, mono_ms: sent.mono_ms }, cloud_time_ms, now)
    return meter
  }

  test('the true skew is within the error stated, however lopsided the way', () => {
    const trip = fc.integer({ min: 0, max: 1_000 })
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), trip, trip, (ahead, there, back) => {
        const { skew_ms, skew_error_ms } = measured(ahead, there, back).skew!
        // Half a millisecond goes to rounding.
        expect(Math.abs(skew_ms - ahead)).toBeLessThanOrEqual(skew_error_ms + 0.5)
      }),
    )
  })

  test('above two seconds, of another boot or from the future it says nothing', () => {
    expect(measured(0, 1_000, 1_000).skew).not.toBeNull()
    expect(measured(0, 1_000, 1_001)).toMatchObject({ skew: null, discarded: 1 })
    const meter = skewMeter()
    const now = { wall_ms: 0, boot, mono_ms: 100 }
    meter.take({ boot: '00000000000000bb', mono_ms: 90 }, 0, now)
    meter.take({ boot, mono_ms: 101 }, 0, now)
    meter.take({ boot, mono_ms: Number.NaN }, 0, now)
    expect(meter).toMatchObject({ skew: null, discarded: 3 })
  })

  test('a useless answer does not put out the last good one', () => {
    const meter = measured(50, 10, 10)
    meter.take({ boot, mono_ms: 0 }, 0, { wall_ms: 0, boot, mono_ms: 9_999 })
    expect(meter.skew).toEqual({ skew_ms: 50, skew_error_ms: 10 })
  })
})
