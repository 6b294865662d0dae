/**
 * The far end of a service-password pad: somebody types six digits, and they go out in the clear at
 * the last one. A clear key forgets what was typed. It hears nothing and says nothing else.
 */
import { asciiBytes, concat } from '#devices/std/bytes.ts'
import { type SimKind, speaksWrongly } from '../sim-kind.ts'
import type { DeviceModel } from './model.ts'

const digit_count = 6

export class ServicePasswordPadModel implements DeviceModel {
  #send: ((bytes: Uint8Array) => void) | null = null
  #typed = ''

  type(digits: string): void {
    for (const digit of digits) {
      this.#typed += digit
      if (this.#typed.length === digit_count) this.#say()
    }
  }

  clear(): void {
    this.#typed = ''
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#typed = ''
    this.#send = send
  }

  detach(): void {
    this.#send = null
  }

  receive(): void {}

  #say(): void {
    const digits = asciiBytes(this.#typed)
    this.#typed = ''
    this.#send?.(concat([0x82], digits, [0x83]))
  }
}

export const sim: SimKind = {
  type: 'service_password_pad',
  faults: {
    short: { zh: '少送一位数字', en: 'one digit is missing' },
    no_end: { zh: '缺少结束字节 83', en: 'the closing byte 83 is missing' },
  },
  make: ({ wrong }) => {
    const model = new ServicePasswordPadModel()
    const use = async () => {
      model.type('135790')
      return 'password typed'
    }
    const hands = {
      type_password: (digits: string) => model.type(/^\d{6}$/.test(digits) ? digits : '135790'),
    }
    const onWire = speaksWrongly(model, (bytes) => {
      if (wrong('short')) return [concat(bytes.subarray(0, 6), bytes.subarray(7))]
      return [wrong('no_end') ? bytes.subarray(0, -1) : bytes]
    })
    return { model: onWire, use, hands }
  },
}
