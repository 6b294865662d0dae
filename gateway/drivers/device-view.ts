/**
 * What a page, the log and telemetry may know of a device. Whatever a device can choose the words of
 * is cut to a length and freed of what no line of text holds; never bytes, never card text.
 */
import type { DeviceState } from '#devices/contract/presence.ts'
import type { CounterName, FrameLabel } from '#devices/types/machine.ts'

export type FrameView = {
  at_ms: number
  direction: 'in' | 'out'
  command: string
  length: number
  status: string
}

/** All a page may know of a device. Never holds bytes or card text. */
export type DeviceView = {
  device: string
  type: string
  /** Where it is, as the transport says it. */
  at: string
  /** What it says it is: SAM id or serial number. */
  identity: string | null
  firmware: string | null
  state: DeviceState
  reason: string
  since_ms: number
  counters: Record<CounterName, number>
  frames: FrameView[]
}

export function firstView(
  device: string,
  type: string,
  { at, since_ms }: { at: string; since_ms: number },
): DeviceView {
  const counters: Record<CounterName, number> = {
    frames_in: 0,
    frames_out: 0,
    discarded_bytes: 0,
    bad_checksums: 0,
    timeouts: 0,
    reconnects: 0,
    floods: 0,
    unasked_frames: 0,
    wrong_answers: 0,
    unknown_events: 0,
    repeats: 0,
  }
  return {
    device,
    type,
    at,
    identity: null,
    firmware: null,
    state: 'starting',
    reason: 'not yet connected',
    since_ms,
    counters,
    frames: [],
  }
}

/** Characters that steer a terminal, a page or a line of text: controls, directions, half pairs. */
const steering = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

function plain(text: string, most: number): string {
  return text.slice(0, most).replaceAll(steering, '?')
}

/** As long as an identity in the hall's log may be. */
export const plainIdentity = (key: string): string => plain(key, 128)
export const plainFirmware = (firmware: string): string => plain(firmware, 64)
export const plainReason = (reason: string): string => plain(reason, 64)

export function plainLabel({ command, length, status }: FrameLabel): FrameLabel {
  return { command: plain(command, 64), length, status: plain(status, 64) }
}
