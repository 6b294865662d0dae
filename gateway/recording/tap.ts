/**
 * A listener between the link of one device and its session, above whatever wraps its frames (HID
 * reports, USB pipes, turns on a shared line). While nobody listens it only hands on.
 */
import type { Link, LinkHandlers, Transport } from '../transports/transport.ts'

export type TapListener = {
  /** `bytes` belong to the link: to be looked at now and not kept. */
  bytes(dir: 'in' | 'out', bytes: Uint8Array): void
  opened(): void
  closed(reason: string): void
}

export class Tap {
  #listener: TapListener | null = null
  #link: Link | null = null

  /** The same transport, heard. For one session. */
  wrap(below: Transport): Transport {
    const { watch } = below
    return {
      address: below.address,
      open: (handlers) => this.#open(below, handlers),
      ...(watch === undefined ? {} : { watch: (onBack) => watch.call(below, onBack) }),
    }
  }

  get up(): boolean {
    return this.#link !== null
  }

  /** One at a time; null ends it. */
  listen(listener: TapListener | null): void {
    this.#listener = listener
  }

  /** Ends the link, so that the session connects anew and asks everything from the beginning. */
  reconnect(): void {
    this.#link?.close()
  }

  async #open(below: Transport, handlers: LinkHandlers): Promise<Link> {
    const { onTurn } = handlers
    let lost = false
    const link = await below.open({
      onData: (bytes) => {
        this.#listener?.bytes('in', bytes)
        handlers.onData(bytes)
      },
      onClose: (reason) => {
        lost = true
        this.#link = null
        this.#listener?.closed(reason)
        handlers.onClose(reason)
      },
      ...(onTurn === undefined ? {} : { onTurn }),
    })
    if (!lost) {
      this.#link = link
      this.#listener?.opened()
    }
    const { turns } = link
    return {
      ...(turns === undefined ? {} : { turns }),
      write: (bytes) => {
        this.#listener?.bytes('out', bytes)
        link.write(bytes)
      },
      close: () => link.close(),
    }
  }
}
