/**
 * The port suite over the adapters that need no device: TCP, and over pseudo-terminals the serial
 * and the printer transport. HID, USB pipes and the kernel's own printers are in tests/kernel.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { lstatSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'vitest'
import { silent } from '#devices/std/log.ts'
import { freePorts } from '../../firmware-sim/people/ports.ts'
import { realPace as pace } from '../../gateway/pace.ts'
import { transportFor } from '../../gateway/transports/open.ts'
import type { Transport } from '../../gateway/transports/transport.ts'
import { type FarEnd, transportSuite, turns, until } from '../ports/transport.suite.ts'

/** One peer at a time, the newest. */
class TcpFarEnd implements FarEnd {
  readonly transport: Transport
  readonly #port: number
  #server: net.Server
  #socket: net.Socket | null = null
  #received: number[] = []
  /** For a peer that is through on its side and not yet here. */
  #unsent: Uint8Array[] = []
  #stopped = false

  private constructor(server: net.Server, port: number) {
    this.#server = this.#serve(server)
    this.#port = port
    this.transport = transportFor(`tcp://127.0.0.1:${port}`, { pace, log: silent })
  }

  static async listen(): Promise<TcpFarEnd> {
    for (;;) {
      const server = net.createServer()
      const [port] = await freePorts(1)
      if (await listening(server, port!)) return new TcpFarEnd(server, port!)
    }
  }

  get port(): number {
    return this.#port
  }

  get linked(): boolean {
    return this.#socket !== null
  }

  send(bytes: Uint8Array): void {
    if (this.#socket === null) this.#unsent.push(bytes)
    else this.#socket.write(bytes)
  }

  received(): Uint8Array {
    return Uint8Array.from(this.#received)
  }

  stop(): void {
    this.#stopped = true
    this.#socket?.pause()
  }

  async pull(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#unsent = []
    this.#socket?.destroy()
    this.#socket = null
    await closed
  }

  async plug(): Promise<void> {
    this.#received = []
    this.#server = this.#serve(net.createServer())
    while (!(await listening(this.#server, this.#port))) await turns(10)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.pull()
  }

  #serve(server: net.Server): net.Server {
    return server.on('connection', (socket) => {
      this.#socket = socket
      socket.on('error', () => {})
      if (this.#stopped) socket.pause()
      else socket.on('data', (bytes: Uint8Array) => this.#received.push(...bytes))
      for (const bytes of this.#unsent.splice(0)) socket.write(bytes)
    })
  }
}

/** Whether it listens there now; somebody else may have been quicker. */
function listening(server: net.Server, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => resolve(true))
  })
}

/** A pseudo-terminal at a path, held by socat, whose other side is a TCP far end. */
class PtyFarEnd implements FarEnd {
  readonly transport: Transport
  readonly #folder: string
  readonly #tcp: TcpFarEnd
  #socat: ChildProcess | null = null

  private constructor(folder: string, tcp: TcpFarEnd, at: (path: string) => string) {
    this.#folder = folder
    this.#tcp = tcp
    this.transport = transportFor(at(this.#path), { pace, log: silent })
  }

  static async plugged(at: (path: string) => string): Promise<PtyFarEnd> {
    const folder = await mkdtemp(join(tmpdir(), 'hallway-pty-'))
    const far = new PtyFarEnd(folder, await TcpFarEnd.listen(), at)
    await far.#start()
    return far
  }

  get #path(): string {
    return join(this.#folder, 'port')
  }

  send(bytes: Uint8Array): void {
    this.#tcp.send(bytes)
  }

  received(): Uint8Array {
    return this.#tcp.received()
  }

  stop(): void {
    this.#socat?.kill('SIGSTOP')
  }

  async pull(): Promise<void> {
    const socat = this.#socat
    this.#socat = null
    if (socat === null) return
    const closed = new Promise((resolve) => socat.once('close', resolve))
    socat.kill('SIGKILL')
    await closed
    await this.#tcp.pull()
    await rm(this.#path, { force: true })
  }

  async plug(): Promise<void> {
    await this.#tcp.plug()
    await this.#start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pull()
    await this.#tcp[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #start(): Promise<void> {
    const pty = `PTY,link=${this.#path},rawer`
    this.#socat = spawn('socat', [pty, `TCP:127.0.0.1:${this.#tcp.port}`], { stdio: 'ignore' })
    await until(() => this.#tcp.linked && isThere(this.#path))
  }
}

function isThere(link: string): boolean {
  return (
    lstatSync(link, { throwIfNoEntry: false }) !== undefined &&
    statSync(link, { throwIfNoEntry: false }) !== undefined
  )
}

transportSuite({ name: 'tcp', watches: false, farEnd: () => TcpFarEnd.listen() })

const hasSocat = spawnSync('socat', ['-V']).status === 0
describe.skipIf(!hasSocat && process.env.CI !== 'true')('over a pseudo-terminal', () => {
  transportSuite({
    name: 'serial',
    watches: true,
    farEnd: () => PtyFarEnd.plugged((path) => `serial:${path}?baud=115200`),
  })
  transportSuite({
    name: 'lp',
    watches: true,
    farEnd: () => PtyFarEnd.plugged((path) => `lp:${path}`),
  })
})
