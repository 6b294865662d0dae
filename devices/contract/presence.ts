/**
 * Presence: a retained birth, and a will that says death. A death counts only for its own session,
 * so a late will of an old connection never hides a living gateway.
 */
import { z } from 'zod'
import { SendStamp } from './batch.ts'
import { EpochId, HashHex, Position, Seq } from './position.ts'
import { Name, text, WallMs } from './text.ts'

/** The states of XFS4IoT devices, and three of our own: what an installer or the cloud may see. */
export const DeviceState = z.enum([
  'online',
  'offline',
  'power_off',
  'no_device',
  'hardware_error',
  'user_error',
  'device_busy',
  'fraud_attempt',
  'potential_fraud',
  'starting',
  'not_configured',
  'unsupported',
  'stale',
])
export type DeviceState = z.infer<typeof DeviceState>

export const DevicePresence = z.strictObject({
  device: Name,
  type: Name,
  state: DeviceState,
  reason: text(64),
  since_ms: WallMs,
})
export type DevicePresence = z.infer<typeof DevicePresence>

export const Birth = z.strictObject({
  v: z.literal(1),
  type: z.literal('birth'),
  gateway: text(64),
  fence: z.int().min(0),
  /** Random, one per connection. */
  session: z.string().regex(/^[0-9a-f]{16,32}$/),
  epoch: EpochId,
  epoch_number: z.int().min(1),
  parent: Position.nullable(),
  head: z.strictObject({ seq: Seq, hash: HashHex }),
  /** Records on disk that no receipt covers yet, and the wall time of the oldest; null if none. */
  unbooked: Seq,
  unbooked_since_ms: WallMs.nullable(),
  version: text(32),
  config_version: z.int().min(0),
  devices: z.array(DevicePresence).max(512),
  clock: z.strictObject({ wall_ms: WallMs, skew_ms: z.int().nullable() }),
  sent: SendStamp,
})
export type Birth = z.infer<typeof Birth>

export const Death = z.strictObject({
  v: z.literal(1),
  type: z.literal('death'),
  session: z.string().regex(/^[0-9a-f]{16,32}$/),
})
export type Death = z.infer<typeof Death>

export const Presence = z.discriminatedUnion('type', [Birth, Death])
export type Presence = z.infer<typeof Presence>
