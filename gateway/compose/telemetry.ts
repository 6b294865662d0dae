/** Keeps telemetry going: devices at every change and once a minute, the gateway once a minute. */
import type { Point } from '#devices/contract/telemetry.ts'
import type { Cancel, Pace } from '#devices/std/clock.ts'
import type { DeviceView, GatewayStatus } from '../local/ports.ts'
import { devicePoints, gatewayPoint } from '../telemetry/points.ts'
import { type SenderParts, TelemetrySender } from '../telemetry/sender.ts'

const every_ms = 60_000
/** A burst of changes of one device is told once. */
const settle_ms = 1_000

export type TelemetryParts = SenderParts & {
  pace: Pace
  wall_ms: () => number
  views: () => readonly DeviceView[]
  status: () => Promise<GatewayStatus>
}

export type Telemetry = {
  /** A device changed. */
  changed(): void
  /** The link is there again. */
  connected(): void
  stop(): void
}

export function keepTelemetry(parts: TelemetryParts): Telemetry {
  const { pace, wall_ms, views, status } = parts
  const sender = new TelemetrySender(parts)
  const started_ms = wall_ms()
  /** Per device, what was told last: only what changed is told again in between. */
  const told = new Map<string, string>()
  let settling: Cancel | null = null
  let minute = pace.after(every_ms, 'telemetry', whole)

  function changedOnly(): void {
    settling = null
    const fresh = views().filter((view) => told.get(view.device) !== keyOf(view))
    send(fresh)
  }

  function whole(): void {
    minute = pace.after(every_ms, 'telemetry', whole)
    send(views())
    void status().then(
      (now) => sender.add([gatewayPoint(now, vitals(), wall_ms())]),
      // Before the log is open there is nothing to say of it.
      () => {},
    )
  }

  function send(fresh: readonly DeviceView[]): void {
    for (const view of fresh) told.set(view.device, keyOf(view))
    const points: Point[] = devicePoints(fresh, wall_ms())
    if (points.length > 0) sender.add(points)
  }

  function vitals() {
    return {
      memory_bytes: process.memoryUsage.rss(),
      uptime_s: Math.round((wall_ms() - started_ms) / 1000),
      telemetry_lost: sender.lost,
    }
  }

  return {
    changed: () => {
      settling ??= pace.after(settle_ms, 'telemetry', changedOnly)
    },
    connected: () => sender.flush(),
    stop: () => {
      settling?.()
      minute()
      sender.stop()
    },
  }
}

function keyOf({ state, reason, identity, binding, consumables, readings }: DeviceView): string {
  return JSON.stringify([state, reason, identity, binding.state, consumables, readings])
}
