/** Real brokers for the uplink's tests, and a wire between that can be cut, held and listened to. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import mqtt, { type MqttClient } from 'mqtt'
import { freePorts } from '../../firmware-sim/people/ports.ts'

export type Broker = { port: number; [Symbol.asyncDispose](): Promise<void> }

export async function aedesBroker(): Promise<Broker & { aedes: Aedes }> {
  const aedes = await Aedes.createBroker()
  aedes.authenticate = (_client, username, password, done) =>
    done(null, username === 'hall-1' && password?.toString() === 'secret')
  const server = createServer(aedes.handle)
  const port = await listen(server)
  return {
    port,
    aedes,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => aedes.close(() => resolve()))
      await closeServer(server)
    },
  }
}

const MOSQUITTO = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto'].find(existsSync)
export const mosquittoHere = MOSQUITTO !== undefined
if (!mosquittoHere) console.warn('SKIPPED: the uplink is not tried on mosquitto, as it is not here')

export async function mosquittoBroker(): Promise<Broker> {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-mosquitto-'))
  const { port, child } = await started(join(folder, 'conf'))
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** It ends at once where somebody else took the port first: then another one. */
async function started(conf: string): Promise<{ port: number; child: ChildProcess }> {
  for (let tries = 0; tries < 5; tries++) {
    const [port] = await freePorts(1)
    const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'set_tcp_nodelay true']
    await writeFile(conf, `${lines.join('\n')}\n`)
    const child = spawn(MOSQUITTO!, ['-c', conf], { stdio: 'ignore' })
    if (await isOpen(port!, child)) return { port: port!, child }
  }
  throw new Error('mosquitto does not start')
}

async function isOpen(port: number, child: ChildProcess): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    const socket = connect(port, '127.0.0.1')
    const open = await new Promise((resolve) =>
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false)),
    )
    socket.destroy()
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (open && child.exitCode === null) return true
  }
  return false
}

/** A client of the controller's kind, to look from the other side. */
export async function watcher(port: number): Promise<MqttClient> {
  const options = { username: 'hall-1', password: 'secret', reconnectPeriod: 0 }
  return mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, options)
}

export type Wire = {
  port: number
  /** Connections open now, and the most there ever were at once. */
  open: number
  most: number
  accepted: number
  /** While true, what the broker says does not arrive. */
  hold(held: boolean): void
  cut(): void
  /** Every byte the client sent, one entry a connection. */
  sent: Buffer[][]
  [Symbol.asyncDispose](): Promise<void>
}

export async function wireTo(port: number): Promise<Wire> {
  const pairs = new Set<[Socket, Socket]>()
  let held = false
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    const pair: [Socket, Socket] = [near, far]
    const sent: Buffer[] = []
    pairs.add(pair)
    wire.sent.push(sent)
    wire.accepted++
    wire.open = pairs.size
    wire.most = Math.max(wire.most, wire.open)
    near.on('data', (bytes: Buffer) => {
      sent.push(bytes)
      far.write(bytes)
    })
    far.on('data', (bytes: Buffer) => near.write(bytes))
    if (held) far.pause()
    for (const socket of pair) {
      socket.on('error', () => {})
      socket.on('close', () => {
        pairs.delete(pair)
        wire.open = pairs.size
        near.destroy()
        far.destroy()
      })
    }
  })
  const wire: Wire = {
    port: await listen(server),
    open: 0,
    most: 0,
    accepted: 0,
    sent: [],
    hold(next) {
      held = next
      for (const [, far] of pairs) held ? far.pause() : far.resume()
    },
    cut() {
      for (const [near] of [...pairs]) near.destroy()
    },
    async [Symbol.asyncDispose]() {
      wire.cut()
      await closeServer(server)
    },
  }
  return wire
}

export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

export async function closeServer(server: Server): Promise<void> {
  server.close()
  await once(server, 'close')
}
