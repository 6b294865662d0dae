/**
 * The shell around a device type's pure machine: opens the link, cuts bytes into frames, keeps the
 * one timer, counts, and connects again after a back-off. Knows no protocol.
 * A press is given to `onInput`; its answer goes back into the machine, which acknowledges on the
 * device. A rejected promise means nothing was decided.
 * On a line shared with other units it asks for its turn before the machine may send (`Turn`).
 * A lost device is tried again after a back-off, and at once when the transport says it is back. One
 * that stays silent behind a link that opens is `power_off`: somebody should look at it.
 * Refuses flooding devices (the type's byte limit after one question), more than
 * `most_commands` commands waiting, and keeps only the last frames by command, length and status.
 * Raises Fault `overloaded` from `command`, `unavailable` after it was closed.
 */
import type { DeviceState } from '#devices/contract/presence.ts'
import { Bug } from '#devices/std/assert.ts'
import type { Cancel, Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'
import { backOff, type Random } from '#devices/std/random.ts'
import type {
  Action,
  CounterName,
  DeviceIdentity,
  DeviceType,
  FrameLabel,
  MachineEvent,
} from '#devices/types/machine.ts'
import type { Deframer, Discarded } from '#devices/wire/deframer.ts'
import { PacedLines } from '../paced-lines.ts'
import type { Link, Transport } from '../transports/transport.ts'
import { Turn } from './bus-turn.ts'
import {
  type DeviceView,
  firstView,
  plainFirmware,
  plainIdentity,
  plainLabel,
  plainReason,
} from './device-view.ts'

export type { DeviceView, FrameView } from './device-view.ts'

export type PressOutcome = 'recorded' | 'refused'

/** What every driver needs. `wall_ms` stamps what a page shows, nothing else. */
export type DriverParts = {
  transport: Transport
  pace: Pace
  random: Random
  log: Log
  wall_ms: () => number
  /** Hears the link from right below the session, whatever a driver puts in between. */
  tap?: (transport: Transport) => Transport
}

export type SessionOptions = {
  /** Back-off between attempts to connect: first and longest. */
  first_retry_ms: number
  most_retry_ms: number
}

export const sessionDefaults: SessionOptions = { first_retry_ms: 100, most_retry_ms: 5000 }

export type SessionHandlers<Input> = {
  onInput(input: Input): Promise<PressOutcome> | undefined
  onState?(view: DeviceView): void
  /** After each connect, before the first question. */
  onConnect?(): void
}

const most_frames_kept = 50
const most_commands = 32
/** A device that flooded has to be on line this long before its back-off starts anew. */
const calm_ms = 10_000
/** What a device that speaks first may send unasked is counted anew so often. */
const unasked_window_ms = 1000
/** Reasons that say: the link is fine, the device does not answer. */
const silences: ReadonlySet<string> = new Set(['silent', 'no_answer'])

type Numbered = { boot: string; event: number }
type Fed<Frame, Command> = MachineEvent<Frame, Command> | { type: 'attention'; open: boolean }

export class Session<State, Frame, Command, Input extends object, Result, Options> {
  readonly device: string
  readonly #type: DeviceType<State, Frame, Command, Input, Result, Options>
  readonly #parts: DriverParts
  readonly #handlers: SessionHandlers<Input>
  readonly #delays: () => number
  readonly #resetDelays: () => void
  readonly #deframer: Deframer<Frame>
  /** What a device can make happen as often as it likes. */
  readonly #lines: PacedLines
  readonly #waiting = new Map<number, PromiseWithResolvers<Result>>()
  /** Events that came while one was being dealt with: a handler may call back at once. */
  #events: Fed<Frame, Command>[] = []
  #feeding = false
  #state: State
  #link: Link | null = null
  #timer: Cancel | null = null
  /** The timer that runs bounds the wait for an answer. */
  #asking = false
  readonly #turn = new Turn<Fed<Frame, Command>>()
  /** Ends the wait for the next attempt to connect. */
  #stopWaiting: Cancel | null = null
  /** The last link ended because the device said nothing. */
  #silent = false
  #bytesSinceSend = 0
  #countedFrom_ms = 0
  #heard_ms = 0
  #commands = 0
  #closed = false
  /** Grows with each attempt, so that a late callback of an old link is known as one. */
  #attempt = 0
  /** The last link ended in a flood: coming back on line is no reason to hurry then. */
  #flooded = false
  #onlineAt_ms = Number.POSITIVE_INFINITY
  #view: DeviceView

  constructor(
    device: string,
    type: DeviceType<State, Frame, Command, Input, Result, Options>,
    parts: DriverParts,
    given: {
      handlers: SessionHandlers<Input>
      options?: Partial<Options> | undefined
      session?: Partial<SessionOptions> | undefined
    },
  ) {
    this.device = device
    this.#type = type
    this.#parts = { ...parts, transport: parts.tap?.(parts.transport) ?? parts.transport }
    this.#handlers = given.handlers
    const retry = { ...sessionDefaults, ...given.session }
    let delays = backOff(parts.random, retry.first_retry_ms, retry.most_retry_ms)
    this.#delays = () => delays.next().value
    this.#resetDelays = () => {
      delays = backOff(parts.random, retry.first_retry_ms, retry.most_retry_ms)
    }
    this.#deframer = type.deframer()
    this.#lines = new PacedLines(parts)
    this.#state = type.begin({ ...type.defaults, ...given.options })
    this.#view = firstView(device, type.name, {
      at: parts.transport.address,
      since_ms: parts.wall_ms(),
    })
  }

  start(): void {
    void this.#connect()
  }

  view(): DeviceView {
    return { ...this.#view, counters: { ...this.#view.counters }, frames: [...this.#view.frames] }
  }

  /** The machine's state, for a driver that shows part of it (the card that lies there). */
  get state(): State {
    return this.#state
  }

  /** Whether somebody works with the device now: how often it is asked may follow. */
  attention(open: boolean): void {
    this.#feed({ type: 'attention', open })
  }

  /** Resolves with the machine's answer, which comes whatever happens to the link. */
  command(command: Command): Promise<Result> {
    if (this.#closed) return Promise.reject(new Fault('unavailable', this.device))
    if (this.#waiting.size >= most_commands) {
      return Promise.reject(new Fault('overloaded', this.device))
    }
    this.#commands += 1
    const id = this.#commands
    const answer = Promise.withResolvers<Result>()
    this.#waiting.set(id, answer)
    this.#feed({ type: 'command', id, command })
    return answer.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#feed({ type: 'disconnected' })
    this.#closed = true
    this.#attempt += 1
    this.#timer?.()
    this.#stopWaiting?.()
    this.#turn.end()
    this.#link?.close()
    this.#link = null
    this.#lines.end()
    // What the machine kept for a better moment has none any more.
    for (const answer of this.#waiting.values())
      answer.reject(new Fault('unavailable', this.device))
    this.#waiting.clear()
  }

  async #connect(): Promise<void> {
    this.#attempt += 1
    const attempt = this.#attempt
    const current = () => attempt === this.#attempt && !this.#closed
    const opened = await this.#parts.transport
      .open({
        onData: (bytes) => current() && this.#onData(bytes),
        onClose: (reason) => current() && this.#onLost(reason),
        onTurn: () => current() && this.#onTurn(),
      })
      .catch(asFault)
    if (opened instanceof Fault) {
      if (current()) this.#onLost(opened.code)
      return
    }
    if (!current()) {
      opened.close()
      return
    }
    this.#link = opened
    // Another device may answer there by now: nobody is taken for the one before.
    this.#view = { ...this.#view, identity: null, firmware: null }
    this.#turn.begin(opened.turns)
    this.#bytesSinceSend = 0
    this.#deframer.flush()
    this.#handlers.onConnect?.()
    this.#feed({ type: 'connected' })
  }

  #onLost(reason: string): void {
    const had = this.#link !== null
    if (reason !== 'flooding' && this.#parts.pace.now_ms() - this.#onlineAt_ms > calm_ms) {
      this.#flooded = false
    }
    this.#onlineAt_ms = Number.POSITIVE_INFINITY
    this.#link = null
    this.#attempt += 1
    this.#countNoise(this.#deframer.flush())
    const untold = this.#turn.end()
    const silent = silences.has(reason)
    this.#setState(lostState(reason, { again: silent && this.#silent }), reason)
    this.#silent = silent
    if (had) {
      // Only a lost link ends the machine's wait: one that waits for a link goes on waiting.
      this.#timer?.()
      this.#timer = null
      this.#asking = false
      this.#feed({ type: 'disconnected' })
    }
    for (const event of untold) this.#feed(event)
    this.#waitToConnect(reason)
  }

  #waitToConnect(reason: string): void {
    const { pace, transport, log } = this.#parts
    const wait_ms = this.#delays()
    log('debug', 'device.lost', { device: this.device, reason, wait_ms })
    const attempt = this.#attempt
    const again = () => {
      if (this.#closed || attempt !== this.#attempt) return
      this.#stopWaiting?.()
      this.#stopWaiting = null
      this.#count('reconnects')
      void this.#connect()
    }
    const late = pace.after(wait_ms, 'device reconnect', again)
    // Coming back is no reason to hurry for one that was cut off because it never stops talking.
    const back = reason === 'flooding' ? undefined : transport.watch?.(() => this.#onBack(again))
    this.#stopWaiting = () => {
      late()
      back?.()
    }
  }

  /** It may take a few tries until the node that has come back can be opened. */
  #onBack(again: () => void): void {
    if (!this.#flooded) this.#resetDelays()
    again()
  }

  #onData(bytes: Uint8Array): void {
    this.#noteUnasked()
    this.#bytesSinceSend += bytes.length
    if (this.#bytesSinceSend > this.#type.limits.most_bytes_per_send) {
      this.#flooded = true
      this.#count('floods')
      this.#drop('flooding')
      return
    }
    const { frames, discarded } = this.#deframer.push(bytes)
    this.#countNoise(discarded)
    const attempt = this.#attempt
    for (const frame of frames) {
      this.#count('frames_in')
      this.#show('in', this.#type.label(frame))
      this.#turn.heard()
      this.#feed({ type: 'frame', frame })
      // A frame may have ended the link: what came behind it belongs to nobody.
      if (attempt !== this.#attempt) return
    }
  }

  /** Nothing is asked of a device that speaks first, so time bounds what asking bounds elsewhere. */
  #noteUnasked(): void {
    const { speaks_first } = this.#type
    if (speaks_first === undefined) return
    const now_ms = this.#parts.pace.now_ms()
    if (now_ms - this.#heard_ms > speaks_first.half_frame_ms) {
      this.#countNoise(this.#deframer.flush())
    }
    this.#heard_ms = now_ms
    if (now_ms - this.#countedFrom_ms <= unasked_window_ms) return
    this.#countedFrom_ms = now_ms
    this.#bytesSinceSend = 0
  }

  #countNoise(discarded: readonly Discarded[]): void {
    for (const { reason, bytes } of discarded) {
      this.#view.counters.discarded_bytes += bytes.length
      if (reason === 'bad_checksum') this.#count('bad_checksums')
    }
  }

  #drop(reason: string): void {
    const link = this.#link
    if (link === null) return
    this.#onLost(reason)
    link.close()
  }

  #feed(event: Fed<Frame, Command>): void {
    if (this.#closed || this.#turn.keep(event)) return
    this.#run([event])
  }

  /** The line is ours: what waited for it goes to the machine. */
  #onTurn(): void {
    this.#run(this.#turn.take())
  }

  #run(events: readonly Fed<Frame, Command>[]): void {
    this.#events.push(...events)
    if (this.#feeding) return
    this.#feeding = true
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        this.#step(next)
      }
    } finally {
      this.#feeding = false
    }
    if (!this.#asking) this.#turn.free()
  }

  #step(event: Fed<Frame, Command>): void {
    const now_ms = this.#parts.pace.now_ms()
    const step =
      event.type === 'attention'
        ? this.#type.attend?.(this.#state, event.open, now_ms)
        : this.#type.step(this.#state, event, now_ms)
    if (step === undefined) return
    this.#state = step.state
    for (const action of step.actions) this.#act(action)
  }

  #act(action: Action<Input, Result>): void {
    switch (action.do) {
      case 'send':
        this.#send(action.bytes, action.label)
        break
      case 'timer':
        this.#setTimer(action.ms, action.kind === 'reply')
        break
      case 'emit':
        this.#emit(action.input)
        break
      case 'state':
        this.#setState(action.state, action.reason)
        break
      case 'identity':
        this.#setIdentity(action.identity)
        break
      case 'count':
        this.#count(action.counter)
        break
      case 'drop':
        this.#drop(action.reason)
        break
      case 'finish': {
        this.#waiting.get(action.id)?.resolve(action.result)
        this.#waiting.delete(action.id)
      }
    }
  }

  #send(bytes: Uint8Array, label: string): void {
    if (this.#type.speaks_first === undefined) this.#countNoise(this.#deframer.flush())
    this.#bytesSinceSend = 0
    this.#count('frames_out')
    this.#show('out', { command: label, length: bytes.length, status: '' })
    this.#link?.write(bytes)
  }

  #setTimer(ms: number, asking: boolean): void {
    this.#timer?.()
    this.#asking = asking
    // One that ran out and still waits for its turn is replaced too.
    this.#events = this.#events.filter(({ type }) => type !== 'timer')
    this.#turn.forgetTimer()
    this.#timer = this.#parts.pace.after(ms, this.#type.name, () => {
      this.#timer = null
      if (this.#asking) this.#turn.missed()
      this.#asking = false
      this.#feed({ type: 'timer' })
    })
  }

  #emit(input: Input): void {
    // In a function of its own, so that a handler that throws is one that rejects.
    const ask = async () => this.#handlers.onInput(input)
    const decided = ask().catch((error: unknown) => this.#handlerFailed(error))
    if (!isNumbered(input)) return
    const { boot, event } = input
    void decided.then((outcome) =>
      this.#feed({ type: 'settled', boot, event, outcome: outcome ?? 'failed' }),
    )
  }

  /** Nothing of the error is logged but its kind: it may speak of what the input held. */
  #handlerFailed(error: unknown): undefined {
    if (error instanceof Bug) throw error
    const code = error instanceof Fault ? error.code : 'unexpected'
    this.#lines.say('error', 'device.input_failed', { device: this.device, code })
  }

  #count(counter: CounterName): void {
    this.#view.counters[counter] += 1
  }

  #show(direction: 'in' | 'out', label: FrameLabel): void {
    const { frames } = this.#view
    if (frames.length === most_frames_kept) frames.shift()
    frames.push({ at_ms: this.#parts.wall_ms(), direction, ...plainLabel(label) })
  }

  /** Who it is may be known only after it is on line: whoever follows the view is told again. */
  #setIdentity(said: DeviceIdentity): void {
    const identity = plainIdentity(said.key)
    const firmware = said.firmware === null ? null : plainFirmware(said.firmware)
    if (this.#view.identity === identity && this.#view.firmware === firmware) return
    this.#view = { ...this.#view, identity, firmware }
    this.#handlers.onState?.(this.view())
  }

  #setState(state: DeviceState, why: string): void {
    const reason = plainReason(why)
    if (state === 'online') {
      this.#silent = false
      this.#onlineAt_ms = Math.min(this.#onlineAt_ms, this.#parts.pace.now_ms())
      if (!this.#flooded) this.#resetDelays()
    }
    if (this.#view.state === state && this.#view.reason === reason) return
    this.#view = { ...this.#view, state, reason, since_ms: this.#parts.wall_ms() }
    this.#lines.say('info', 'device.state', { device: this.device, state, reason })
    this.#handlers.onState?.(this.view())
  }
}

/** Without its library nothing here can reach a device: no plugging in mends that. */
function lostState(reason: string, { again }: { again: boolean }): DeviceState {
  if (reason === 'unsupported') return 'unsupported'
  return again ? 'power_off' : 'offline'
}

/** A transport rejects with faults; anything else is a mistake of ours and goes on up. */
function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  throw error
}

function isNumbered(input: object): input is Numbered {
  return 'boot' in input && 'event' in input
}
