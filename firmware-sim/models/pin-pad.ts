/**
 * The far end of a ZT588 PIN pad. A person types, enters or cancels; each digit shows on the wire as the
 * mask that was set, or as itself before that. The block is format 0 under two-key 3DES.
 * Assumed: accepted commands are answered by their own first character, a pad that nobody uses in time
 * says EE by itself, and a cleared mask lasts until power-up.
 */
import { fromHex, toHex } from '#devices/std/bytes.ts'
import {
  blockText,
  createZt588Deframer,
  encodeZt588,
  informationText,
  readPrompt,
  type Zt588Prompt,
  zt588Commands,
} from '#devices/wire/zt588.ts'
import type { SimKind } from '../sim-kind.ts'
import { pinPadFaults, pinPadOnWire } from '../wrongs/zt588.ts'
import type { DeviceModel } from './model.ts'
import { encrypt, format0 } from './pin-block.ts'

export type PinPadModelOptions = {
  serial?: string
  /** Two-key 3DES in hex, 32 digits. */
  key?: string
  /** Never had a key loaded. */
  blank?: boolean
  /** Ignores the mask: a pad nobody should use. */
  sends_digits?: boolean
}

export class PinPadModel implements DeviceModel {
  /** Called when the pad begins to wait for a PIN. */
  onPrompt: (() => void) | null = null
  readonly #options: Required<PinPadModelOptions>
  readonly #deframer = createZt588Deframer()
  #send: ((bytes: Uint8Array) => void) | null = null
  #mask: number | null = null
  #prompt: Zt588Prompt | null = null
  #typed = ''
  #fault: string | null = null
  #done: { digits: number; block: string } | null = null

  constructor(options: PinPadModelOptions = {}) {
    this.#options = {
      serial: '0042',
      key: '0123456789ABCDEFFEDCBA9876543210',
      blank: false,
      sends_digits: false,
      ...options,
    }
  }

  /** Whether the pad waits for keys. */
  get waiting(): boolean {
    return this.#prompt !== null
  }

  type(pin: string): void {
    for (const digit of pin) this.#key(digit)
  }

  enter(): void {
    if (this.#prompt === null) return
    this.#finish()
    this.#say('\r')
  }

  pressCancel(): void {
    this.#stop()
    this.#say('\x1b')
  }

  /** Nobody came in time: the pad says so by itself. */
  expire(): void {
    this.#stop()
    this.#answer('\xee')
  }

  /** The next command is answered with this error, E0 to EF. */
  failNext(code: number): void {
    this.#fault = String.fromCharCode(code)
  }

  powerUp(): void {
    this.#stop()
    this.#mask = null
    this.#fault = null
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#deframer.flush()
    this.#send = send
  }

  detach(): void {
    this.#send = null
  }

  receive(bytes: Uint8Array): void {
    for (const frame of this.#deframer.push(bytes).frames) {
      if (frame.kind !== 'frame') continue
      const fault = this.#fault
      this.#fault = null
      this.#answer(fault ?? this.#carryOut(frame.text))
    }
  }

  #carryOut(text: string): string {
    const code = text[0] ?? ''
    if (text === zt588Commands.status) return this.#information(code)
    if (text === zt588Commands.get_block) return this.#block(code)
    if (text === zt588Commands.input_off) this.#stop()
    if (text.startsWith('53')) this.#mask = Number.parseInt(text.slice(2), 16)
    if (code === '5' || text === zt588Commands.scan_codes) return code
    return code === '6' ? this.#begin(text) : '\xe9'
  }

  #begin(text: string): string {
    const prompt = readPrompt(text)
    if (prompt === null) return '\xe9'
    if (this.#options.blank) return '\xe4'
    this.#stop()
    this.#prompt = prompt
    this.onPrompt?.()
    return '6'
  }

  #key(digit: string): void {
    const prompt = this.#prompt
    if (prompt === null) return
    this.#typed += digit
    const shown =
      this.#mask === null || this.#options.sends_digits ? digit.charCodeAt(0) : this.#mask
    if (this.#typed.length >= prompt.digits) this.#finish()
    this.#send?.(Uint8Array.of(shown))
  }

  #finish(): void {
    const prompt = this.#prompt!
    const field = format0(this.#typed, prompt.account)
    const block = toHex(encrypt('des-ede-ecb', fromHex(this.#options.key), field)).toUpperCase()
    const digits = this.#typed.length
    this.#stop()
    this.#done = { digits, block }
  }

  #stop(): void {
    this.#prompt = null
    this.#typed = ''
    this.#done = null
  }

  #block(code: string): string {
    const done = this.#done
    return done === null ? '\xef' : blockText(code, { track: 0, ...done })
  }

  #information(code: string): string {
    const { serial, blank } = this.#options
    const model = 'ZT588'
    return informationText(code, {
      blank,
      model,
      hardware: '1.2',
      software: '3.4',
      production: '1208',
      serial,
    })
  }

  #answer(text: string): void {
    this.#send?.(encodeZt588(text))
  }

  #say(character: string): void {
    this.#send?.(Uint8Array.of(character.charCodeAt(0)))
  }
}

export const sim: SimKind = {
  type: 'pin_pad',
  faults: pinPadFaults,
  make: ({ wrong }) => {
    const model = new PinPadModel({ sends_digits: wrong('clear_digits') })
    const use = async () => {
      if (!model.waiting) return 'nobody asked for a PIN'
      model.type('123456')
      model.enter()
      return 'PIN typed'
    }
    const hands = {
      type_pin: (pin: string) => {
        model.type(/^\d{1,16}$/.test(pin) ? pin : '123456')
        model.enter()
      },
      cancel: () => model.pressCancel(),
    }
    return { model: pinPadOnWire(model, wrong), use, hands }
  },
}
