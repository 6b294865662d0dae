/**
 * What call pad and rating pad of the `FF 68` protocol have in common: they speak first, repeat until
 * they are answered (assumed), and answer nothing themselves. So nothing can be asked of them: while
 * nobody presses a key, a dead pad behind a live link looks like a quiet one, and `online` says
 * `connected` until the first frame and `heard` after it.
 * A wire that gives back what is sent on it (RS-485 adapters do) must not look like a press: a frame
 * equal to one just sent is passed over once within `reflection_ms`.
 */
import { toHex } from '../std/bytes.ts'
import { encodeFf68, type Ff68Frame } from '../wire/ff68.ts'
import type { GuardRules } from './guarded-presses.ts'
import type { Assumption, FrameLabel } from './machine.ts'
import { type OptionRules, waiting } from './options.ts'

export type Ff68Options = GuardRules & {
  /** The pad's address, 0 to 255. */
  address: number
  /** Names this run of the driver, eight hex digits; the driver draws it, no file should. */
  run: string
}

export const ff68Defaults: Ff68Options = {
  address: 1,
  guard_ms: 1500,
  retry_ms: 500,
  give_up_ms: 10_000,
  run: '00000000',
}

export const ff68Rules: OptionRules<Ff68Options> = {
  address: { kind: 'whole', least: 0, most: 255 },
  guard_ms: waiting,
  retry_ms: waiting,
  give_up_ms: waiting,
  run: { kind: 'text', pattern: /^[0-9a-f]{8}$/, form: 'eight hex digits' },
}

/** The longest frame is 25 bytes, 26 ms at 9600 baud; serial servers hold a piece back for less. */
export const speaks_first = { half_frame_ms: 300 }

export const ff68Assumptions: readonly Assumption[] = [
  {
    code: 'repeats_until_answered',
    zh: '假定：按键帧一直重发到主机应答为止',
    en: 'assumed: a frame is sent again until it is answered',
  },
  {
    code: 'silent_when_dead',
    zh: '此协议不能询问设备：无人按键时，断电与空闲看不出区别',
    en: 'nothing can be asked: while nobody presses a key, a dead pad looks like a quiet one',
  },
  {
    code: 'presses_not_numbered',
    zh: '按键没有编号：同一键相隔不到 1.5 秒（guard_ms）的各次算一次；应答丢失后相隔更久才重发的，算作两次',
    en: 'not numbered: presses of one key under 1.5 s apart are one; one repeated later, its answer lost, is two',
  },
]

/** What was sent and may come back, with the time until which it would be our own. */
export type Reflections = readonly { hex: string; until_ms: number }[]

const most_reflections = 8

export function noteSent(
  list: Reflections,
  bytes: Uint8Array,
  given: { now_ms: number; reflection_ms: number },
): Reflections {
  const { now_ms, reflection_ms } = given
  const fresh = list.filter(({ until_ms }) => now_ms < until_ms).slice(1 - most_reflections)
  return [...fresh, { hex: toHex(bytes), until_ms: now_ms + reflection_ms }]
}

/** The list without the reflection this frame is; null when it is none. */
export function takeReflection(
  list: Reflections,
  frame: Ff68Frame,
  now_ms: number,
): Reflections | null {
  const hex = toHex(encodeFf68(frame))
  const at = list.findIndex((sent) => sent.hex === hex && now_ms < sent.until_ms)
  return at < 0 ? null : list.toSpliced(at, 1)
}

export function labelFf68(frame: Ff68Frame): FrameLabel {
  const command = `command ${frame.command.toString(16).padStart(2, '0')}`
  return { command, length: frame.data.length + 9, status: `address ${frame.address}` }
}
