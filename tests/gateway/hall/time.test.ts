import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Stamp } from '#devices/contract/record.ts'
import { emptyState } from '../../../gateway/hall/state.ts'
import { lineTime, notBehind, noteStamp } from '../../../gateway/hall/time.ts'
import { stamp } from './fixtures.ts'

const stamps = fc.array(
  fc.record({ ms: fc.nat(1_000_000), wall_ms: fc.nat(1_000_000), boot: fc.nat(2) }),
  { minLength: 1, maxLength: 30 },
)
const at = ({ ms, wall_ms, boot }: { ms: number; wall_ms: number; boot: number }): Stamp => ({
  ...stamp(ms, `b000000${boot}`),
  wall_ms,
})

describe('the clock of a hall', () => {
  it('never stands behind a record, whatever the order they come in', () => {
    fc.assert(
      fc.property(stamps, (drawn) => {
        const state = emptyState()
        for (const one of drawn.map(at)) {
          const stamped = notBehind(state, one)
          const { last } = state.clock
          expect(stamped.wall_ms).toBeGreaterThanOrEqual(last?.wall_ms ?? stamped.wall_ms)
          if (last?.boot === stamped.boot) {
            expect(stamped.mono_ms).toBeGreaterThanOrEqual(last.mono_ms)
          }
          // Records appended again carry their old stamps.
          const walls = [last?.wall_ms ?? one.wall_ms, one.wall_ms]
          noteStamp(state.clock, one)
          expect(state.clock.last?.wall_ms).toBe(Math.max(...walls))
        }
      }),
    )
  })

  it('measures within a boot by the monotonic reading alone', () => {
    fc.assert(
      fc.property(stamps, (drawn) => {
        const { clock } = emptyState()
        for (const one of drawn.map(at)) noteStamp(clock, one)
        const [a, b] = [drawn[0]!, drawn.at(-1)!]
        fc.pre(a.boot === b.boot)
        expect(lineTime(clock, at(b)) - lineTime(clock, at(a))).toBe(b.ms - a.ms)
      }),
    )
  })

  it('measures over a restart by the wall', () => {
    const { clock } = emptyState()
    noteStamp(clock, at({ ms: 500, wall_ms: 10_000, boot: 1 }))
    const after = at({ ms: 3, wall_ms: 17_000, boot: 2 })
    expect(lineTime(clock, after) - lineTime(clock, clock.last!)).toBe(7_000)
  })
})
