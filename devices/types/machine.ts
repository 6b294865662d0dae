/**
 * What a device type is: a protocol's deframer and a pure machine. The machine takes one event and
 * the state before and answers with the state after and what to do; it never waits, sends or reads
 * a clock. One shell runs all machines, so a new type brings no I/O of its own.
 *
 * Rules between machine and shell
 * - One timer a machine; setting it replaces the one before. `reply` says the line is held until
 *   an answer or the timer comes; `rest` says the line is free meanwhile (units sharing a bus take
 *   turns there).
 * - `send` forgets half-received bytes first: an answer can only follow its question. Not so of a
 *   type that speaks first.
 * - On a shared line whatever may make a machine send waits for its turn, and a question asked again
 *   waits for a new one. Holding ends with `rest`.
 * - After `drop` the shell closes the link, gives `disconnected`, and connects again after a back-off.
 * - Every `command` is answered by exactly one `finish`, also when the link is gone.
 */
import type { DeviceState } from '../contract/presence.ts'
import type { Deframer } from '../wire/deframer.ts'
import type { EventCode } from '../wire/register-map.ts'
import type { OptionRules } from './options.ts'

export type MachineEvent<Frame, Command> =
  | { type: 'connected' }
  | { type: 'disconnected' }
  | { type: 'frame'; frame: Frame }
  | { type: 'timer' }
  | { type: 'command'; id: number; command: Command }
  /** The answer to an emitted press. `failed`: nothing was decided, ask again later. */
  | { type: 'settled'; boot: string; event: number; outcome: 'recorded' | 'refused' | 'failed' }

/** Numbers a machine or its shell counts; they only grow while the program runs. */
export type CounterName =
  | 'frames_in'
  | 'frames_out'
  | 'discarded_bytes'
  | 'bad_checksums'
  | 'timeouts'
  | 'reconnects'
  | 'floods'
  | 'unasked_frames'
  | 'wrong_answers'
  | 'unknown_events'
  | 'repeats'

/** Who the device says it is. `key` never changes with the place it is plugged into. */
export type DeviceIdentity = { key: string; firmware: string | null }

/**
 * What any hall understands, so that a type that says no more needs no driver of its own: presses in
 * the words of every pad, and readings, of which the last is shown and sent as telemetry.
 */
export type PlainInput =
  | {
      type: 'press'
      /** Eight hex digits, new at each power-up; with `event` the same press is known again. */
      boot: string
      event: number
      code: EventCode
      argument: number
      text: string
    }
  | { type: 'reading'; name: string; value: number }

export type Action<Input, Result> =
  | { do: 'send'; bytes: Uint8Array; label: string }
  | { do: 'timer'; kind: 'reply' | 'rest'; ms: number }
  | { do: 'emit'; input: Input }
  /**
   * `online`: it can work. `user_error`: it needs somebody at hand (paper, cover). `hardware_error`:
   * it needs repair. `not_configured`: it is not what belongs here. `reason` is a code, at most 64
   * characters.
   */
  | { do: 'state'; state: DeviceState; reason: string }
  | { do: 'identity'; identity: DeviceIdentity }
  | { do: 'count'; counter: CounterName }
  | { do: 'drop'; reason: string }
  | { do: 'finish'; id: number; result: Result }

export type Step<State, Input, Result> = { state: State; actions: Action<Input, Result>[] }

/** What a frame view may show: never the bytes, so that no card can be in it. */
export type FrameLabel = { command: string; length: number; status: string }

export type DeviceLimits = {
  /** Bytes the device may send after one question before it counts as flooding. */
  most_bytes_per_send: number
}

/** What is believed of a device without a second source: shown to whoever plugs one in. */
export type Assumption = { code: string; zh: string; en: string }

/** One kind of device. Every option has a default and a range. */
export interface DeviceType<State, Frame, Command, Input, Result, Options> {
  readonly name: string
  readonly title: { zh: string; en: string }
  readonly protocol: string
  /** Its frames carry cards in clear: the configuration must accept a link that leaves the machine. */
  readonly carries_cards: boolean
  /** Its protocol has no word for who it is: its place is all that is ever known of it. */
  readonly nameless?: true
  readonly assumptions?: readonly Assumption[]
  /** What its serial line is set to where an address says nothing else; absent: 9600 8N1. */
  readonly line?: { baud?: number; parity?: 'none' | 'even' | 'odd'; stop?: 1 | 2 }
  readonly limits: DeviceLimits
  /**
   * Its frames come by themselves, so a half one may stand before ours: it is kept when we send, and
   * forgotten when nothing came for so long in the middle of it.
   */
  readonly speaks_first?: { half_frame_ms: number }
  readonly defaults: Options
  readonly rules: OptionRules<Options>
  deframer(): Deframer<Frame>
  label(frame: Frame): FrameLabel
  begin(options: Options): State
  step(
    state: State,
    event: MachineEvent<Frame, Command>,
    now_ms: number,
  ): Step<State, Input, Result>
  /**
   * Whether somebody works with it now (its counter is open): how often to ask may follow from that.
   * Sends nothing; may set the timer while it rests.
   */
  attend?(state: State, open: boolean, now_ms: number): Step<State, Input, Result>
}
