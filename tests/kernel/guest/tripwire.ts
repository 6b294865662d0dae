/**
 * Between a plug and its model: falls silent at a chosen moment, so that the cable can be pulled in
 * the middle of a command. Silent until it is armed anew or attached again.
 */
import type { DeviceModel } from '../../../firmware-sim/models/model.ts'

export type Moment = {
  /** Looks at what the host sent; true: now. */
  at(bytes: Uint8Array): boolean
  /** `asked`: the model never hears it. `answering`: half of its first answer leaves. */
  when: 'asked' | 'answering'
}

export class Tripwire implements DeviceModel {
  readonly #inner: DeviceModel
  #armed: { moment: Moment; tripped: () => void } | null = null
  #halving = false
  #silent = false

  constructor(inner: DeviceModel) {
    this.#inner = inner
  }

  /** Resolves when the moment has come. */
  arm(moment: Moment): Promise<void> {
    return new Promise((resolve) => {
      this.#armed = { moment, tripped: resolve }
    })
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#silent = false
    this.#inner.attach((bytes) => {
      if (this.#silent) return
      if (!this.#halving) send(bytes)
      else {
        send(bytes.subarray(0, bytes.length >> 1))
        this.#trip()
      }
    })
  }

  detach(): void {
    this.#inner.detach()
  }

  receive(bytes: Uint8Array): void {
    if (this.#silent) return
    if (this.#armed?.moment.at(bytes)) {
      if (this.#armed.moment.when === 'asked') {
        this.#trip()
        return
      }
      this.#halving = true
    }
    this.#inner.receive(bytes)
  }

  #trip(): void {
    this.#silent = true
    this.#halving = false
    const { tripped } = this.#armed!
    this.#armed = null
    tripped()
  }
}
