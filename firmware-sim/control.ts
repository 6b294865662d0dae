/**
 * The simulated hands behind a port: each line `DEVICE HAND [ARGUMENT]` is done at once and answered
 * `ok`, or `no DEVICE` and `no HAND`. Loopback only. Raises Fault `port_in_use`.
 * Refuses lines over `most_line` characters: their link is closed.
 */
import net from 'node:net'
import { createInterface } from 'node:readline'
import { Fault } from '#devices/std/fault.ts'
import type { Hands } from './sim-kind.ts'

const most_line = 256

export interface Control extends AsyncDisposable {
  readonly port: number
}

export function openControl(devices: ReadonlyMap<string, Hands>, port: number): Promise<Control> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.on('data', () => socket.readableLength > most_line && socket.destroy())
    createInterface({ input: socket }).on('line', (line) => {
      if (line.length > most_line) socket.destroy()
      else socket.write(`${doneBy(devices, line)}\n`)
    })
  })
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(new Fault(cause.code === 'EADDRINUSE' ? 'port_in_use' : 'unavailable', `${port}`)),
    )
    server.listen({ host: '127.0.0.1', port }, () => {
      resolve({
        port: (server.address() as net.AddressInfo).port,
        async [Symbol.asyncDispose]() {
          for (const socket of sockets) socket.destroy()
          await new Promise((closed) => server.close(closed))
        },
      })
    })
  })
}

function doneBy(devices: ReadonlyMap<string, Hands>, line: string): string {
  const [device = '', hand = '', ...rest] = line.trim().split(/\s+/)
  const hands = devices.get(device)
  if (hands === undefined) return `no ${device}`
  if (!Object.hasOwn(hands, hand)) return `no ${hand}`
  hands[hand]!(rest.join(' '))
  return 'ok'
}
