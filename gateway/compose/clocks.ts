/** The clocks of a running gateway: fact time as configured, real time, and the skew between. */
import type { Stamp } from '#devices/contract/record.ts'
import type { FactClock } from '#devices/std/clock.ts'
import {
  realFactClock,
  type SkewMeter,
  type SteppedFactClock,
  skewMeter,
  steppedFactClock,
} from '../clock.ts'
import type { GatewayConfig } from '../config.ts'

export type Clocks = {
  /** Null where fact time is real. */
  stepped: SteppedFactClock | null
  real: FactClock
  skew: SkewMeter
  /** Fact time now, with the skew as measured. */
  stamp: () => Stamp
}

export function makeClocks(config: Pick<GatewayConfig, 'fact_time'>, boot: string): Clocks {
  const stepped = config.fact_time === 'stepped' ? steppedFactClock(boot) : null
  const real = realFactClock(boot)
  const skew = skewMeter()
  const fact: FactClock = stepped ?? real
  return {
    stepped,
    real,
    skew,
    stamp() {
      const { skew_ms, skew_error_ms } = skew.skew ?? { skew_ms: null, skew_error_ms: null }
      return { ...fact.read(), skew_ms, skew_error_ms }
    },
  }
}
