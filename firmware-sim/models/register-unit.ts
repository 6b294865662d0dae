/**
 * Units as the register map describes them: presses are numbered, held and latched until
 * acknowledged; display, prompt and lamp are what the gateway wrote. A unit has the blocks of its
 * class. A new address is taken from a broadcast while a key is held.
 * A press that finds no room is not taken, as the data sheet says: its promise rejects with Fault
 * `overloaded`. Presses held at a power loss reject with `device_gone`: no lamp, so the person knows.
 */
import type { Cancel, Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Random } from '#devices/std/random.ts'
import {
  broadcast,
  createModbusRequestDeframer,
  encodeModbusReply,
  type ModbusRequest,
} from '#devices/wire/modbus-rtu.ts'
import {
  type Acknowledgement,
  type Display,
  decodeAcknowledgement,
  decodeDisplay,
  decodeNewAddress,
  decodePrompt,
  type EventCode,
  encodeEventBlock,
  encodeIdentity,
  encodeLatch,
  eventCodes,
  type PressOutcome,
  type Prompt,
  places,
  type ReadPlace,
  type UnitClass,
} from '#devices/wire/register-map.ts'
import type { DeviceModel } from './model.ts'

/** What the lamp told the person who pressed. */
export type PressAnswer = { outcome: PressOutcome; boot: string; event: number }

export type UnitModelOptions = {
  serial: string
  address?: number
  firmware?: string
  /** Room for events; the data sheet asks for at least 8. */
  room?: number
  /**
   * Keeps the answer to a poll back until a press comes, at most this long (needs `pace`). Within a
   * unit's turnaround time it is ordinary behaviour; in a replay it saves polling in a tight loop.
   */
  answer_hold_ms?: number
  pace?: Pace
  /** A wrong unit: whether this read of a latched press releases it. */
  clears_early?: () => boolean
}

type Held = {
  event: number
  code: EventCode
  argument: number
  text: string
  answer: PromiseWithResolvers<PressAnswer>
}

export class RegisterUnitModel implements DeviceModel {
  /** Called after each acknowledgement that released a press. */
  onAcknowledged: ((acknowledgement: Acknowledgement) => void) | null = null
  /** Called when what the display shows changes. */
  onDisplay: ((display: Display) => void) | null = null
  /** Somebody keeps a key down long enough: the unit would take a new address now. */
  keyHeld = false
  readonly serial: string
  readonly #class: UnitClass
  #address: number
  readonly #firmware: string
  readonly #room: number
  readonly #hold: { ms: number; pace: Pace } | null
  readonly #pace: Pace | null
  readonly #clearsEarly: () => boolean
  readonly #random: Random
  readonly #deframer = createModbusRequestDeframer()
  #send: ((bytes: Uint8Array) => void) | null = null
  #boot = ''
  #events = 0
  #notTaken = 0
  #held: Held[] = []
  #last: Acknowledgement | null = null
  #display: Display = { mode: 'blank' }
  #prompt: Prompt = { mode: 'idle' }
  /** The request that was answered or ran out: written again it opens nothing. */
  #closed = ''
  #promptEnds: Cancel | null = null
  #withheld: { request: ModbusRequest; cancel: Cancel } | null = null

  constructor(unitClass: UnitClass, random: Random, options: UnitModelOptions) {
    this.#class = unitClass
    this.#random = random
    this.serial = options.serial
    this.#address = options.address ?? 1
    this.#firmware = options.firmware ?? '1.0'
    this.#room = options.room ?? 32
    const { answer_hold_ms: ms = 0, pace } = options
    this.#pace = pace ?? null
    this.#clearsEarly = options.clears_early ?? (() => false)
    this.#hold = ms > 0 && pace !== undefined ? { ms, pace } : null
    this.powerUp()
  }

  get boot(): string {
    return this.#boot
  }

  get displayed(): Display {
    return this.#display
  }

  get prompted(): Prompt {
    return this.#prompt
  }

  get address(): number {
    return this.#address
  }

  /** Presses taken and not yet acknowledged. */
  get held(): number {
    return this.#held.length
  }

  /**
   * Presses a key, after typing `text` (at most 8 ASCII characters). Resolves when the gateway
   * acknowledged this press on the unit.
   */
  press(code: EventCode, argument = 0, text = ''): Promise<PressAnswer> {
    if (this.#held.length >= this.#room) {
      this.#notTaken = Math.min(this.#notTaken + 1, 0xffff)
      return Promise.reject(new Fault('overloaded', `${this.serial} holds ${this.#room} presses`))
    }
    this.#events += 1
    const answer = Promise.withResolvers<PressAnswer>()
    this.#held.push({ event: this.#events, code, argument, text, answer })
    this.#answerWithheld()
    return answer.promise
  }

  /** Presses a key of a rating pad: the first while it asks answers the question. */
  rate(key: number): Promise<PressAnswer> {
    const asking = this.#prompt.mode === 'asking' ? this.#prompt.request : ''
    const answer = this.press('rating', key, asking)
    this.#idle()
    return answer
  }

  /** Off and on again: a new boot; what was held is gone. */
  powerUp(): void {
    const lost = this.#held
    this.#held = []
    this.#events = 0
    this.#notTaken = 0
    this.#last = null
    this.#forgetWithheld()
    this.#boot = (1 + Math.floor(this.#random() * 0xfffffffe)).toString(16).padStart(8, '0')
    this.#show({ mode: 'blank' })
    this.#idle()
    this.#closed = ''
    for (const { answer } of lost) answer.reject(new Fault('device_gone', 'power lost'))
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#deframer.flush()
    this.#send = send
  }

  detach(): void {
    this.#send = null
    this.#forgetWithheld()
  }

  receive(bytes: Uint8Array): void {
    for (const request of this.#deframer.push(bytes).frames) {
      if (request.address === broadcast) this.#onBroadcast(request)
      if (request.address !== this.#address) continue
      this.#answerWithheld()
      if (this.#withholds(request)) continue
      this.#answer(request)
    }
  }

  /** Nobody answers a broadcast. */
  #onBroadcast(request: ModbusRequest): void {
    if (request.function !== 'write_many' || request.start !== places.address.start) return
    const address = decodeNewAddress(request.values)
    if (this.keyHeld && address !== null) this.#address = address
  }

  #answer(request: ModbusRequest): void {
    const { address } = request
    const values = this.#valuesOf(request)
    if (values !== null) this.#reply({ address, function: 'read_input', values })
    else if (request.function === 'write_many') this.#onWrite(address, request)
    else this.#refuse(address, request.function, 'illegal_address')
  }

  #valuesOf(request: ModbusRequest): number[] | null {
    if (isPlace(request, 'event')) return this.#eventBlock()
    if (isPlace(request, 'latch')) {
      return encodeLatch({ boot: this.#boot, event: this.#held[0]?.event ?? 0 })
    }
    if (!isPlace(request, 'identity')) return null
    return encodeIdentity({ class: this.#class, serial: this.serial, firmware: this.#firmware })
  }

  #eventBlock(): number[] {
    const first = this.#held[0]
    const block = encodeEventBlock({
      boot: this.#boot,
      latched: first ?? null,
      held: this.#held.length,
      not_taken: this.#notTaken,
    })
    if (first !== undefined && this.#clearsEarly()) {
      this.#held.shift()
      first.answer.reject(new Fault('device_gone', 'released by a read'))
    }
    return block
  }

  #onWrite(address: number, request: Extract<ModbusRequest, { function: 'write_many' }>): void {
    const { start, values } = request
    const done = this.#write(start, values)
    if (done !== 'done') this.#refuse(address, 'write_many', done)
    else this.#reply({ address, function: 'write_many', start, count: values.length })
  }

  #write(start: number, values: number[]): 'done' | 'illegal_address' | 'illegal_value' {
    if (start === places.acknowledge.start) {
      const acknowledgement = decodeAcknowledgement(values)
      if (acknowledgement === null) return 'illegal_value'
      return this.#acknowledge(acknowledgement) ? 'done' : 'illegal_value'
    }
    if (start === places.display.start && hasDisplay(this.#class)) return this.#writeDisplay(values)
    if (start === places.prompt.start && this.#class === 'rater') return this.#writePrompt(values)
    return 'illegal_address'
  }

  #writeDisplay(values: number[]): 'done' | 'illegal_value' {
    const display = decodeDisplay(values)
    if (display === null) return 'illegal_value'
    this.#show(display)
    return 'done'
  }

  #writePrompt(values: number[]): 'done' | 'illegal_value' {
    const prompt = decodePrompt(values)
    if (prompt === null) return 'illegal_value'
    if (prompt.mode === 'idle') this.#idle()
    else if (prompt.request !== this.#closed && !this.#asks(prompt.request)) this.#ask(prompt)
    return 'done'
  }

  #asks(request: string): boolean {
    return this.#prompt.mode === 'asking' && this.#prompt.request === request
  }

  #ask(prompt: Extract<Prompt, { mode: 'asking' }>): void {
    this.#idle()
    this.#prompt = prompt
    const ms = prompt.seconds * 1000
    this.#promptEnds = this.#pace?.after(ms, 'prompt', () => this.#idle()) ?? null
  }

  #idle(): void {
    this.#promptEnds?.()
    this.#promptEnds = null
    if (this.#prompt.mode === 'asking') this.#closed = this.#prompt.request
    this.#prompt = { mode: 'idle' }
  }

  #acknowledge(acknowledgement: Acknowledgement): boolean {
    const { boot, event, outcome } = acknowledgement
    if (boot !== this.#boot) return false
    if (this.#last?.event === event) return this.#last.outcome === outcome
    const first = this.#held[0]
    if (first === undefined || first.event !== event) return false
    this.#held.shift()
    this.#last = acknowledgement
    first.answer.resolve({ outcome, boot, event })
    this.onAcknowledged?.(acknowledgement)
    return true
  }

  #show(display: Display): void {
    this.#display = display
    this.onDisplay?.(display)
  }

  #withholds(request: ModbusRequest): boolean {
    const hold = this.#hold
    if (hold === null || this.#held.length > 0 || !isPlace(request, 'latch')) return false
    const cancel = hold.pace.after(hold.ms, 'unit turnaround', () => this.#answerWithheld())
    this.#withheld = { request, cancel }
    return true
  }

  #answerWithheld(): void {
    const withheld = this.#withheld
    this.#forgetWithheld()
    if (withheld !== null) this.#answer(withheld.request)
  }

  #forgetWithheld(): void {
    this.#withheld?.cancel()
    this.#withheld = null
  }

  #refuse(
    address: number,
    of: ModbusRequest['function'],
    exception: 'illegal_address' | 'illegal_value',
  ): void {
    this.#reply({ address, function: 'exception', of, exception })
  }

  #reply(reply: Parameters<typeof encodeModbusReply>[0]): void {
    this.#send?.(encodeModbusReply(reply))
  }
}

/** The code a key of this name sends; `otherwise` for an empty or unlisted name. */
export function eventCodeOf(name: string, otherwise: EventCode): EventCode {
  return Object.hasOwn(eventCodes, name) ? (name as EventCode) : otherwise
}

function hasDisplay(unitClass: UnitClass): boolean {
  return unitClass === 'call_pad' || unitClass === 'counter_display'
}

function isPlace(request: ModbusRequest, place: ReadPlace): boolean {
  const { start, count } = places[place]
  return request.function === 'read_input' && request.start === start && request.count === count
}
