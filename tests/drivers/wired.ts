/**
 * A driver and a model joined in memory under virtual time: a cable that can be pulled after any number
 * of bytes, with nothing of the machine's own timing in it.
 */
import type { Pace } from '#devices/std/clock.ts'
import {
  type BulkLayout,
  bulkTransfers,
  createBulkReader,
  type Transfer,
} from '#devices/wire/usb-bulk.ts'
import { BulkPipes } from '../../firmware-sim/models/id-card-reader-wrapped.ts'
import type { DeviceModel } from '../../firmware-sim/models/model.ts'
import type { LinkHandlers, Transport } from '../../gateway/transports/transport.ts'

type Timer = { at_ms: number; order: number; run: () => void }

/** Time that stands still until `run` has nothing else to do. */
export class VirtualPace implements Pace {
  #now_ms = 0
  #order = 0
  #timers: Timer[] = []

  now_ms(): number {
    return this.#now_ms
  }

  after(ms: number, _what: string, run: () => void): () => void {
    this.#order += 1
    const timer = { at_ms: this.#now_ms + Math.max(0, ms), order: this.#order, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer)
    }
  }

  /** Until the condition holds; false when `most_ms` of virtual time went by without. */
  async until(condition: () => boolean, most_ms = 600_000): Promise<boolean> {
    const end_ms = this.#now_ms + most_ms
    while (!condition()) {
      // Promises first: what they lead to belongs to this moment.
      for (let i = 0; i < 4; i++) await null
      const next = this.#next()
      if (next === undefined) return condition()
      if (next.at_ms > end_ms) {
        // Its time is yet to come.
        this.#timers.push(next)
        return condition()
      }
      this.#now_ms = next.at_ms
      next.run()
    }
    return true
  }

  #next(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      const earlier =
        first === undefined ||
        timer.at_ms < first.at_ms ||
        (timer.at_ms === first.at_ms && timer.order < first.order)
      if (earlier) first = timer
    }
    this.#timers = this.#timers.filter((timer) => timer !== first)
    return first
  }
}

/** A cable in which so many bytes pass, both ways together, before it is pulled for the first time. */
export type Cable = { left: number; passed: number; pulled: boolean }

export function cable(left = Number.POSITIVE_INFINITY): Cable {
  return { left, passed: 0, pulled: false }
}

/** One model behind one address; the link is back as soon as the driver tries again. */
export function wired(
  model: DeviceModel,
  { pace, cable, address = 'tcp://wired' }: { pace: Pace; cable: Cable; address?: string },
): Transport {
  return {
    address,
    async open(handlers) {
      const ends = linkEnds({ pace, cable, handlers }, () => model.detach())
      model.attach((bytes) => ends.toHost(bytes))
      return {
        write: (bytes) => ends.toDevice(bytes, (piece) => model.receive(piece)),
        close: () => ends.end('closed'),
      }
    },
  }
}

/** The same over the bulk pipes of a USB reader: transfers are whole, or cut where the cable is pulled. */
export function wiredBulk(
  inner: DeviceModel,
  layout: BulkLayout,
  { pace, cable }: { pace: Pace; cable: Cable },
): Transport {
  const model = new BulkPipes(inner, layout)
  return {
    address: 'usb:0400:c35a',
    async open(handlers) {
      const reader = createBulkReader(layout)
      const pipes: number[] = []
      const ends = linkEnds(
        {
          pace,
          cable,
          handlers: {
            ...handlers,
            onData(bytes) {
              const taken = reader.take({ pipe: pipes.shift()!, bytes })
              handlers.onData(taken.refused > 0 ? bytes : taken.bytes)
            },
          },
        },
        () => model.detach(),
      )
      model.attach(({ pipe, bytes }: Transfer) => {
        pipes.push(pipe)
        ends.toHost(bytes)
      })
      return {
        write(frame) {
          reader.reset()
          for (const { pipe, bytes } of bulkTransfers(layout, frame)) {
            ends.toDevice(bytes, (piece) => model.receive({ pipe, bytes: piece }))
          }
        },
        close: () => ends.end('closed'),
      }
    },
  }
}

function linkEnds(
  { pace, cable, handlers }: { pace: Pace; cable: Cable; handlers: LinkHandlers },
  detach: () => void,
) {
  let open = true
  const end = (reason: string) => {
    if (!open) return
    open = false
    detach()
    handlers.onClose(reason)
  }
  const carry = (bytes: Uint8Array, deliver: (piece: Uint8Array) => void) =>
    void pace.after(0, 'wire', () => {
      if (!open) return
      const passes = Math.min(bytes.length, cable.left)
      cable.left -= passes
      cable.passed += passes
      if (passes > 0) deliver(bytes.slice(0, passes))
      if (passes === bytes.length) return
      cable.left = Number.POSITIVE_INFINITY
      cable.pulled = true
      end('gone')
    })
  return {
    end,
    toHost: (bytes: Uint8Array) => carry(bytes, (piece) => open && handlers.onData(piece)),
    toDevice: (bytes: Uint8Array, deliver: (piece: Uint8Array) => void) => carry(bytes, deliver),
  }
}
