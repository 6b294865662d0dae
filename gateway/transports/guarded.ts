/**
 * What every link keeps, whatever carries it: `onClose` once, no `onData` after it, a bound on what
 * waits to be written. Raises nothing.
 */
import type { LinkHandlers } from './transport.ts'

export const most_queued_bytes = 64 * 1024

export type Guarded = {
  readonly closed: boolean
  data(bytes: Uint8Array): void
  /** Releases what the link holds, then tells. Later calls do nothing. */
  end(reason: string): void
}

/** `release` frees the descriptor, timers and watches; it is called once. */
export function guarded(handlers: LinkHandlers, release: () => void): Guarded {
  let closed = false
  return {
    get closed() {
      return closed
    },
    data(bytes) {
      if (!closed) handlers.onData(bytes)
    },
    end(reason) {
      if (closed) return
      closed = true
      release()
      handlers.onClose(reason)
    },
  }
}

/** Bytes on their way through something that takes them one call at a time. */
export type SendQueue = { push(bytes: Uint8Array): void }

/**
 * Sends in order, one at a time. More than `most_bytes` waiting ends the link with `stalled`; a
 * send that fails ends it with what `reasonOf` makes of the error.
 */
export function sendQueue(
  link: Guarded,
  send: (bytes: Uint8Array) => Promise<void>,
  options: { reasonOf: (error: unknown) => string; most_bytes?: number },
): SendQueue {
  const { reasonOf, most_bytes = most_queued_bytes } = options
  const waiting: Uint8Array[] = []
  let waiting_bytes = 0
  let sending = false
  const drain = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await send(next)
      waiting_bytes -= next.length
      if (link.closed) return
    }
    sending = false
  }
  return {
    push(bytes) {
      if (link.closed) return
      waiting.push(bytes.slice())
      waiting_bytes += bytes.length
      if (waiting_bytes > most_bytes) link.end('stalled')
      else if (!sending) {
        sending = true
        void drain().catch((error: unknown) => link.end(reasonOf(error)))
      }
    },
  }
}
