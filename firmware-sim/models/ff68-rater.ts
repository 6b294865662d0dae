/**
 * The far end of a rating pad of the `FF 68` protocol: a rating is sent again every `repeat_ms`
 * (assumed) until its answer comes, which is command 01 with the same data.
 */
import { createFf68Deframer, encodeFf68, ratingAnswer, ratingFrame } from '#devices/wire/ff68.ts'
import { below } from '../people/seeded.ts'
import { type SimKind, unheeded } from '../sim-kind.ts'
import { ff68Options, ff68RaterFaults, ff68Settings, raterOnWire } from '../wrongs/ff68.ts'
import { type Ff68ModelOptions, Ff68Queue } from './ff68-pad.ts'
import type { DeviceModel } from './model.ts'

export class Ff68RaterModel implements DeviceModel {
  /** Whole frames that came and answered nothing. */
  unexpected = 0
  readonly #options: Required<Ff68ModelOptions>
  readonly #deframer = createFf68Deframer()
  readonly #queue: Ff68Queue

  constructor(options: Ff68ModelOptions) {
    this.#options = { address: 1, repeat_ms: 1000, reflects: false, ...options }
    this.#queue = new Ff68Queue(this.#options, (sent) => {
      const [frame] = createFf68Deframer().push(sent).frames
      return encodeFf68(ratingAnswer(frame!))
    })
  }

  /** Resolves when the answer came. */
  rate(key: number): Promise<void> {
    return this.#queue.push(ratingFrame(this.#options.address, key))
  }

  powerUp(): void {
    this.#queue.lose()
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#deframer.flush()
    this.#queue.attach(send)
  }

  detach(): void {
    this.#queue.attach(null)
  }

  receive(bytes: Uint8Array): void {
    for (const frame of this.#deframer.push(bytes).frames) {
      if (!this.#queue.take(encodeFf68(frame))) this.unexpected += 1
    }
  }
}

export const sim: SimKind = {
  type: 'ff68_rater',
  faults: ff68RaterFaults,
  settings: ff68Settings,
  make: ({ pace, random, wrong, settings }) => {
    const model = new Ff68RaterModel({ pace, ...ff68Options(settings) })
    const use = async () => {
      const key = 1 + below(random, 5)
      await model.rate(key)
      return `key ${key} answered`
    }
    const rate = (key: string) => unheeded(model.rate(/^[1-9]$/.test(key) ? Number(key) : 1))
    return { model: raterOnWire(model, wrong), use, hands: { rate } }
  },
}
