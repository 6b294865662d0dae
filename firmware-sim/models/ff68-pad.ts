/**
 * The far end of a call pad of the `FF 68` protocol: keys wait in a queue, the first is sent again
 * every `repeat_ms` until its echo comes. That it repeats, and that presses wait for each other, is
 * assumed. Presses in the queue at a power loss reject with Fault `device_gone`.
 */

import { equalBytes } from '#devices/std/bytes.ts'
import type { Cancel, Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import {
  createFf68Deframer,
  encodeFf68,
  type Ff68Frame,
  type Ff68Key,
  type Ff68Shows,
  ff68Commands,
  keyFrame,
  showsOf,
} from '#devices/wire/ff68.ts'
import { below } from '../people/seeded.ts'
import { type SimKind, unheeded } from '../sim-kind.ts'
import { ff68Options, ff68PadFaults, ff68Settings, padOnWire } from '../wrongs/ff68.ts'
import type { DeviceModel } from './model.ts'

export type Ff68ModelOptions = {
  pace: Pace
  address?: number
  repeat_ms?: number
  /** The wire gives back what is sent on it, as some RS-485 adapters do. */
  reflects?: boolean
}

type Waiting = { frame: Uint8Array; answer: PromiseWithResolvers<void> }

/** What both pads do: send the first of the queue until the answer that belongs to it comes. */
export class Ff68Queue {
  readonly #options: Required<Ff68ModelOptions>
  readonly #answerTo: (frame: Uint8Array) => Uint8Array
  #queue: Waiting[] = []
  #send: ((bytes: Uint8Array) => void) | null = null
  #repeat: Cancel | null = null

  constructor(options: Required<Ff68ModelOptions>, answerTo: (frame: Uint8Array) => Uint8Array) {
    this.#options = options
    this.#answerTo = answerTo
  }

  attach(send: ((bytes: Uint8Array) => void) | null): void {
    this.#send = send
    this.#speak()
  }

  push(frame: Ff68Frame): Promise<void> {
    const answer = Promise.withResolvers<void>()
    this.#queue.push({ frame: encodeFf68(frame), answer })
    if (this.#queue.length === 1) this.#speak()
    return answer.promise
  }

  /** Whether these bytes answer what is being sent. */
  take(bytes: Uint8Array): boolean {
    const [first] = this.#queue
    if (first === undefined || !equalBytes(this.#answerTo(first.frame), bytes)) return false
    this.#queue.shift()
    first.answer.resolve()
    this.#speak()
    return true
  }

  lose(): void {
    const lost = this.#queue
    this.#queue = []
    this.#speak()
    for (const { answer } of lost) answer.reject(new Fault('device_gone', 'power lost'))
  }

  #speak(): void {
    this.#repeat?.()
    this.#repeat = null
    const [first] = this.#queue
    if (first === undefined || this.#send === null) return
    this.#repeat = this.#options.pace.after(this.#options.repeat_ms, 'pad repeats', () =>
      this.#speak(),
    )
    this.#send(first.frame)
  }
}

export class Ff68PadModel implements DeviceModel {
  /** Beeps heard since power-up. */
  beeps = 0
  readonly #options: Required<Ff68ModelOptions>
  readonly #deframer = createFf68Deframer()
  readonly #queue: Ff68Queue
  #send: ((bytes: Uint8Array) => void) | null = null
  #shown: Ff68Shows = { waiting: null, ticket: null }

  constructor(options: Ff68ModelOptions) {
    this.#options = { address: 1, repeat_ms: 1000, reflects: false, ...options }
    this.#queue = new Ff68Queue(this.#options, (frame) => frame)
  }

  get shown(): Ff68Shows {
    return this.#shown
  }

  /** Resolves when the echo came. */
  press(key: Ff68Key): Promise<void> {
    return this.#queue.push(keyFrame(this.#options.address, key))
  }

  /** Off and on again: dark, and what was not echoed is gone. */
  powerUp(): void {
    this.#shown = { waiting: null, ticket: null }
    this.beeps = 0
    this.#queue.lose()
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#deframer.flush()
    this.#send = send
    this.#queue.attach(send)
  }

  detach(): void {
    this.#send = null
    this.#queue.attach(null)
  }

  receive(bytes: Uint8Array): void {
    if (this.#options.reflects) this.#send?.(bytes)
    for (const frame of this.#deframer.push(bytes).frames) {
      if (frame.address !== this.#options.address) continue
      if (this.#queue.take(encodeFf68(frame))) continue
      const shows = showsOf(frame)
      if (shows !== null) this.#shown = shows
      else if (frame.command === ff68Commands.beep) this.beeps += 1
    }
  }
}

const pressable = ['next', 'recall', 'rate', 'cancel', 'pause', 'no_show'] as const

export const sim: SimKind = {
  type: 'ff68_pad',
  faults: ff68PadFaults,
  settings: ff68Settings,
  make: ({ pace, random, wrong, settings }) => {
    const model = new Ff68PadModel({ pace, ...ff68Options(settings) })
    const use = async () => {
      const key = pressable[below(random, 3)]!
      await model.press(key)
      return `${key} answered`
    }
    const press = (name: string) =>
      unheeded(model.press(pressable.find((key) => key === name) ?? 'next'))
    return { model: padOnWire(model, wrong), use, hands: { press } }
  },
}
