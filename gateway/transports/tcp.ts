/**
 * Devices behind TCP: printers on port 9100, serial servers, simulated hardware.
 * Raises Fault `device_gone` (refused, unreachable) and `timed_out` (no connection in time).
 * Refuses to queue more than `most_queued_bytes` for a far end that reads nothing.
 */
import net from 'node:net'
import type { Pace } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import type { Link, LinkHandlers, Transport } from './transport.ts'

export type TcpOptions = {
  host: string
  port: number
  connect_ms?: number
  /** First keep-alive probe after this much silence. */
  keep_alive_ms?: number
  most_queued_bytes?: number
}

export function tcpTransport(pace: Pace, options: TcpOptions): Transport {
  const { host, port, connect_ms = 3000, keep_alive_ms = 5000 } = options
  const most_queued = options.most_queued_bytes ?? 64 * 1024
  const address = `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`
  return {
    address,
    open(handlers) {
      return new Promise((resolve, reject) => {
        const socket = net.connect({ host, port, noDelay: true })
        const giveUp = pace.after(connect_ms, 'tcp connect', () => {
          socket.destroy()
          reject(new Fault('timed_out', address))
        })
        const refused = (cause: NodeJS.ErrnoException) => {
          giveUp()
          socket.destroy()
          reject(new Fault('device_gone', `${address} ${cause.code ?? 'error'}`, { cause }))
        }
        socket.once('error', refused)
        socket.once('connect', () => {
          giveUp()
          socket.off('error', refused)
          socket.setKeepAlive(true, keep_alive_ms)
          resolve(linkOver(socket, handlers, most_queued))
        })
      })
    },
  }
}

function linkOver(socket: net.Socket, handlers: LinkHandlers, most_queued: number): Link {
  let reason = 'ended'
  let closed = false
  const finish = () => {
    if (closed) return
    closed = true
    handlers.onClose(reason)
  }
  const end = (why: string) => {
    if (closed) return
    reason = why
    socket.destroy()
    finish()
  }
  socket.on('data', (bytes: Uint8Array) => {
    if (!closed) handlers.onData(bytes)
  })
  socket.on('error', (cause: NodeJS.ErrnoException) => {
    reason = cause.code === 'ECONNRESET' ? 'reset' : (cause.code ?? 'error').toLowerCase()
  })
  // The far end hung up: nothing more can be asked of it.
  socket.on('end', () => end('ended'))
  socket.on('close', finish)
  return {
    write(bytes) {
      if (closed) return
      socket.write(bytes)
      if (socket.writableLength > most_queued) end('stalled')
    },
    close: () => end('closed'),
  }
}
