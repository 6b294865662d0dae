/**
 * The far end of a hall display, over PJLink or Samsung MDC: a panel that warms up and cools down, with
 * what it does not know and what it refuses.
 * PJLink: a salt for each link; a proof over another salt is refused and nothing else is answered on
 * that link. Warm-up is reported as 3 before 1, and set commands during it get ERR3.
 * MDC: a broadcast is carried out and not answered; a wrong sum is answered by silence.
 */
import { createHash } from 'node:crypto'
import type { Cancel, Pace } from '#devices/std/clock.ts'
import type { Random } from '#devices/std/random.ts'
import {
  createMdcRequestDeframer,
  encodeMdcReply,
  type MdcRequest,
  mdc_broadcast,
  mdcCommands,
} from '#devices/wire/mdc.ts'
import {
  createPjlinkRequestDeframer,
  encodePjlinkReply,
  md5Proof,
  type PjlinkRequest,
  sha256Proof,
} from '#devices/wire/pjlink.ts'
import type { SimKind } from '../sim-kind.ts'
import { displayFaults, displaySettings, mdcOnWire } from '../wrongs/display.ts'
import type { DeviceModel } from './model.ts'

export type DisplayModelOptions = {
  pace: Pace
  random: Random
  /** From power on to a picture, and from power off to standby; 0 is at once. */
  warm_ms?: number
  serial?: string
  /** What this one does not know: PJLink commands (`INPT`) or MDC commands in hex (`14`). */
  unknown?: readonly string[]
}

type Power = 'off' | 'on' | 'cooling' | 'warming'

/** What both protocols control. */
export class Panel {
  power: Power = 'off'
  readonly serial: string
  readonly #options: DisplayModelOptions
  #timer: Cancel | null = null

  constructor(options: DisplayModelOptions) {
    this.#options = options
    this.serial = options.serial ?? 'PANEL-0001'
  }

  knows(command: string): boolean {
    return !(this.#options.unknown ?? []).includes(command)
  }

  get busy(): boolean {
    return this.power === 'warming' || this.power === 'cooling'
  }

  switch(on: boolean): void {
    const end: Power = on ? 'on' : 'off'
    const { warm_ms = 0, pace } = this.#options
    if (this.power === end) return
    this.#timer?.()
    if (warm_ms === 0) {
      this.power = end
      return
    }
    this.power = on ? 'warming' : 'cooling'
    this.#timer = pace.after(warm_ms, 'panel warms up', () => {
      this.power = end
    })
  }
}

export type PjlinkModelOptions = DisplayModelOptions & {
  class?: 1 | 2
  password?: string
  /** Whether `PJLINK 2` is understood. */
  sha256?: boolean
  /** A wrong panel: whether it checks the digest with the salt of the link before. */
  checks_salt_before?: () => boolean
}

export class PjlinkDisplayModel implements DeviceModel {
  /** Six digits of ERST. */
  troubles = '000000'
  input = '31'
  /** Proofs that were refused. */
  refused = 0
  readonly panel: Panel
  readonly #options: PjlinkModelOptions
  readonly #deframer = createPjlinkRequestDeframer()
  #send: ((bytes: Uint8Array) => void) | null = null
  #salt = ''
  #saltSent = '00000000'
  #longSalt = ''
  #gate: 'open' | 'proof' | 'shut' = 'open'

  constructor(options: PjlinkModelOptions) {
    this.#options = options
    this.panel = new Panel(options)
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#deframer.flush()
    this.#send = send
    this.#longSalt = ''
    if (this.#options.password === undefined) {
      this.#gate = 'open'
      this.#say('PJLINK 0')
    } else {
      this.#gate = 'proof'
      const salt = this.#digits(8)
      this.#salt = this.#options.checks_salt_before?.() ? this.#saltSent : salt
      this.#saltSent = salt
      this.#say(`PJLINK 1 ${salt}`)
    }
  }

  detach(): void {
    this.#send = null
  }

  receive(bytes: Uint8Array): void {
    for (const request of this.#deframer.push(bytes).frames) {
      if (this.#gate === 'shut') return
      if (request.request === 'security') this.#onSecurity()
      else if (this.#passes(request)) this.#onCommand(request)
    }
  }

  #onSecurity(): void {
    if (this.#options.sha256) {
      this.#longSalt = this.#digits(32)
      this.#say(`PJLINK 2 ${this.#longSalt}`)
    } else this.#shut()
  }

  #passes({ proof }: Extract<PjlinkRequest, { request: 'command' }>): boolean {
    if (this.#gate === 'open') return true
    const { password = '' } = this.#options
    const hash = (name: string) => (text: string) => createHash(name).update(text).digest('hex')
    const long = this.#longSalt !== ''
    const numbers = { salt: this.#longSalt, own: proof.slice(0, 32) }
    const good = long
      ? proof.length === 96 && proof === sha256Proof(hash('sha256'), numbers, password)
      : proof === md5Proof(hash('md5'), this.#salt, password)
    if (good) this.#gate = 'open'
    else this.#shut()
    return good
  }

  #shut(): void {
    this.#gate = 'shut'
    this.refused += 1
    this.#say('PJLINK ERRA')
  }

  #onCommand({ class: kind, command, parameter }: Extract<PjlinkRequest, { request: 'command' }>) {
    const known = kind === '1' || this.#options.class === 2
    const answer = known && this.panel.knows(command) ? this.#answer(command, parameter) : 'ERR1'
    this.#send?.(encodePjlinkReply({ reply: 'answer', class: kind, command, parameter: answer }))
  }

  #answer(command: string, parameter: string): string {
    const query = parameter === '?'
    switch (command) {
      case 'POWR':
        if (query) return String(['off', 'on', 'cooling', 'warming'].indexOf(this.panel.power))
        if (!/^[01]$/.test(parameter)) return 'ERR2'
        if (this.panel.busy) return 'ERR3'
        this.panel.switch(parameter === '1')
        return 'OK'
      case 'INPT':
        if (this.panel.power !== 'on') return 'ERR3'
        if (query) return this.input
        if (!/^[1-5][1-9]$/.test(parameter)) return 'ERR2'
        this.input = parameter
        return 'OK'
      case 'ERST':
        return this.troubles
      case 'CLSS':
        return String(this.#options.class ?? 1)
      case 'SNUM':
        return this.panel.serial
      default:
        return 'ERR1'
    }
  }

  #say(line: string): void {
    this.#send?.(Uint8Array.from(`${line}\r`, (letter) => letter.charCodeAt(0)))
  }

  #digits(count: number): string {
    const digit = () => Math.floor(this.#options.random() * 16).toString(16)
    return Array.from({ length: count }, digit).join('')
  }
}

export type MdcModelOptions = DisplayModelOptions & {
  id?: number
  /** A wrong panel: whether it acknowledges a broadcast. */
  answers_broadcast?: () => boolean
}

export class MdcDisplayModel implements DeviceModel {
  /** The six bytes of the error status. */
  troubles: readonly number[] = [0, 0, 0, 0, 30, 0]
  input = 0x14
  readonly panel: Panel
  readonly #id: number
  readonly #answersBroadcast: () => boolean
  readonly #deframer = createMdcRequestDeframer()
  #send: ((bytes: Uint8Array) => void) | null = null

  constructor(options: MdcModelOptions) {
    this.#id = options.id ?? 1
    this.#answersBroadcast = options.answers_broadcast ?? (() => false)
    this.panel = new Panel(options)
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#deframer.flush()
    this.#send = send
  }

  detach(): void {
    this.#send = null
  }

  receive(bytes: Uint8Array): void {
    for (const request of this.#deframer.push(bytes).frames) {
      if (request.id !== this.#id && request.id !== mdc_broadcast) continue
      const { command } = request
      const known = this.panel.knows(command.toString(16).padStart(2, '0'))
      const data = known ? this.#carryOut(request) : null
      if (request.id === mdc_broadcast && !this.#answersBroadcast()) continue
      const accepted = data !== null
      const answer = Uint8Array.from(data ?? [1])
      this.#send?.(encodeMdcReply({ id: this.#id, accepted, command, data: answer }))
    }
  }

  /** The answer's data; null refuses. */
  #carryOut({ command, data }: MdcRequest): readonly number[] | null {
    const { power, input, status, serial_number, error_status } = mdcCommands
    const [value] = data
    const on = this.panel.power === 'on' || this.panel.power === 'warming'
    switch (command) {
      case power:
        if (value !== undefined && value > 1) return null
        if (value !== undefined) this.panel.switch(value === 1)
        return [value ?? (on ? 1 : 0)]
      case input:
        if (value !== undefined) this.input = value
        return [this.input]
      case status:
        return [on ? 1 : 0, 20, 0, this.input, 1, 0, 0]
      case serial_number:
        return Array.from(this.panel.serial, (letter) => letter.charCodeAt(0))
      case error_status:
        return this.troubles
      default:
        return null
    }
  }
}

export const sim: SimKind = {
  type: 'hall_display',
  transports: ['tcp', 'serial (mdc)'],
  faults: displayFaults,
  settings: displaySettings,
  make: ({ pace, random, serial, settings, wrong }) => {
    const panel = { pace, random, serial, warm_ms: Number(settings.warm_ms ?? 8_000) }
    if (settings.protocol === 'mdc') {
      const answers_broadcast = () => wrong('broadcast_answered')
      return {
        model: mdcOnWire(new MdcDisplayModel({ ...panel, answers_broadcast }), wrong),
        use: null,
      }
    }
    const { password } = settings
    const model = new PjlinkDisplayModel({
      ...panel,
      ...(password === undefined ? {} : { password }),
      class: settings.class === '2' ? 2 : 1,
      sha256: settings.security === 'sha256',
      checks_salt_before: () => wrong('digest_of_wrong_salt'),
    })
    return { model, use: null }
  },
}
