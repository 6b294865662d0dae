/**
 * A WebSocket as a transport: each text message comes as one record and goes as one. Owns the
 * package ws on the client's side. Refuses binary messages, messages over the limit, compression
 * (a small message may unpack to anything) and redirects. Faults of `open`: `device_gone`, `timed_out`,
 * `unauthorised` (its certificate is not trusted, has expired or is another host's), and those of `ca`.
 */
import { WebSocket } from 'ws'
import type { Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import { recordOf, textsOf, xfs_message_most } from '#devices/wire/xfs4iot.ts'
import type { Link, LinkHandlers, Transport } from '../transports/transport.ts'

export type WebSocketOptions = {
  /** `ws://host:port/xfs4iot/v1.0/CardReader`, or `wss:`. */
  url: string
  /** Certificates to trust in place of the machine's own, PEM; asked for at each connect. */
  ca?: string | (() => Promise<string>)
  connect_ms?: number
  /** Handed over and not yet gone, in bytes. */
  unsent_bytes?: number
}

const defaults = { connect_ms: 5_000, unsent_bytes: 1024 * 1024 }

export function webSocketTransport(pace: Pace, given: WebSocketOptions): Transport {
  const options = { ...defaults, ...given }
  const { ca } = given
  return {
    address: options.url,
    open: async (handlers) => {
      const trusted = typeof ca === 'function' ? await ca() : ca
      const { url, connect_ms, unsent_bytes } = options
      return open(pace, { url, connect_ms, unsent_bytes, ca: trusted }, handlers)
    },
  }
}

/** What Node and OpenSSL call a certificate that was not taken. */
const untrusted = /CERT|INVALID_(CA|PURPOSE)|UNABLE_TO_(GET|VERIFY)|HOSTNAME_MISMATCH/

type Opening = { url: string; ca: string | undefined; connect_ms: number; unsent_bytes: number }

function open(
  pace: Pace,
  { url, ca, connect_ms, unsent_bytes }: Opening,
  handlers: LinkHandlers,
): Promise<Link> {
  const ws = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: xfs_message_most,
    followRedirects: false,
    ...(ca === undefined ? {} : { ca }),
  })
  return new Promise((resolve, reject) => {
    let opened = false
    let ended = false
    const end = (reason: string) => {
      cancel()
      ws.terminate()
      if (!opened) reject(new Fault(faultOf(reason), url))
      else if (!ended) handlers.onClose(reason)
      opened = true
      ended = true
    }
    const cancel = pace.after(connect_ms, 'WebSocket', () => end('timed_out'))
    ws.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
      end(untrusted.test(code) ? 'unauthorised' : 'reset')
    })
    ws.on('close', () => end('ended'))
    ws.on('message', (data: Buffer, binary) => {
      if (ended) return
      if (binary) end('binary')
      else handlers.onData(recordOf(data.toString('utf8')))
    })
    ws.once('open', () => {
      cancel()
      opened = true
      resolve({
        write(bytes) {
          if (ended) return
          for (const text of textsOf(bytes)) ws.send(text)
          if (ws.bufferedAmount > unsent_bytes) end('stalled')
        },
        close: () => end('closed'),
      })
    })
  })
}

function faultOf(reason: string): 'timed_out' | 'unauthorised' | 'device_gone' {
  return reason === 'timed_out' || reason === 'unauthorised' ? reason : 'device_gone'
}
