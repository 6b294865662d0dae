/** What a gateway measures, as points of the catalogue. Pure. */
import { type Point, stateCode } from '#devices/contract/telemetry.ts'
import type { DeviceView, GatewayStatus } from '../local/ports.ts'

export function devicePoints(views: readonly DeviceView[], at_ms: number): Point[] {
  return views.flatMap((view) => {
    const tags = { device: view.device, type: view.type, counter: view.counter }
    const { state, reason, since_ms, identity, firmware } = view
    const fields = {
      ...{ state, state_code: stateCode(state), reason, since_ms: Math.round(since_ms) },
      ...{ identity, firmware, binding: view.binding.state },
      ...view.counters,
    }
    const named = (name: string) => ({ ...tags, name })
    return [
      { measurement: 'device', tags, fields, at_ms },
      ...Object.entries(view.consumables).map(
        ([name, level]): Point => ({
          ...{ measurement: 'consumable', tags: named(name), fields: { level }, at_ms },
        }),
      ),
      ...Object.entries(view.readings).map(
        ([name, value]): Point => ({
          ...{ measurement: 'reading', tags: named(name), fields: { value }, at_ms },
        }),
      ),
    ]
  })
}

export type Vitals = { memory_bytes: number; uptime_s: number; telemetry_lost: number }

export function gatewayPoint(
  { log, skew }: Pick<GatewayStatus, 'log' | 'skew'>,
  vitals: Vitals,
  at_ms: number,
): Point {
  const fields = {
    ...vitals,
    ...{ log_seq: log.head.seq, unbooked: log.unbooked, log_bytes: log.bytes },
    skew_ms: skew?.skew_ms,
  }
  return { measurement: 'gateway', tags: {}, fields, at_ms }
}
