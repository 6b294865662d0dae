/**
 * Whoever listens in a hall while a day is replayed: a page, a kiosk's program over a WebSocket and over
 * the gateway's own broker, and an installer who records every reader. For a gateway whose
 * configuration is changed before people come.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { type HttpClient, httpClient } from '../../firmware-sim/people/http.ts'
import { freePorts } from '../../firmware-sim/people/ports.ts'
import type { World } from '../../firmware-sim/replay/world.ts'
import { greeted, type KioskClient } from '../gateway/kiosk/client.ts'

const again_ms = 50

/** `screen` is a program of that counter. */
const tokens = (counter: string) => [
  { name: 'installer', role: 'installer' },
  { name: 'screen', role: 'clerk', counter },
]

export class Listeners implements AsyncDisposable {
  readonly #world: World
  readonly #mqtt: Promise<number[]>
  readonly #heard: { page: Buffer[]; broker: Buffer[] } = { page: [], broker: [] }
  readonly #undo: (() => Promise<unknown> | unknown)[] = []
  #installer: HttpClient | null = null
  #kiosk: KioskClient | null = null
  /** Resolves when all of them listen and readers are recorded. */
  readonly ready: Promise<void>

  /** Changes the gateway's configuration and starts it again; nobody is in the hall yet. */
  constructor(world: World) {
    this.#world = world
    this.#mqtt = freePorts(1)
    this.ready = this.#begin()
    this.ready.catch(() => {})
  }

  get installer(): HttpClient {
    return this.#installer!
  }

  /** All that was heard, by way. */
  heard(): Record<'page' | 'socket' | 'broker', Buffer> {
    const socket = Buffer.from(
      (this.#kiosk?.heard ?? []).map((one) => JSON.stringify(one)).join('\n'),
    )
    const { page, broker } = this.#heard
    return { page: Buffer.concat(page), socket, broker: Buffer.concat(broker) }
  }

  async #begin(): Promise<void> {
    const world = this.#world
    const [port] = await this.#mqtt
    const [counter] = [...world.hardware.counters.keys()]
    const path = join(world.folder, 'gateway.json')
    const config = JSON.parse(readFileSync(path, 'utf8')) as {
      local: { port: number; tokens: object[]; mqtt?: object }
    }
    const files = tokens(counter!).map((token) => ({
      ...token,
      file: join(world.folder, `token-${token.name}`),
    }))
    config.local.tokens.push(...files)
    config.local.mqtt = { host: '127.0.0.1', port }
    writeFileSync(path, JSON.stringify(config))
    world.crash('gateway')
    await world.up('gateway')
    const [installer, screen] = await Promise.all(files.map(({ file }) => readFile(file, 'utf8')))
    const url = `http://127.0.0.1:${config.local.port}`
    this.#installer = httpClient(url, installer!.trim(), 4)
    this.#undo.push(() => this.#installer?.close())
    // Nothing of the hall is told before it is open.
    while ((await this.#ask('/recordings')) !== 200) await sleep(again_ms)
    await this.#listen(url, screen!.trim(), port!)
    await this.#record([...world.hardware.counters.keys()].map((name) => `reader-${name}`))
  }

  async #ask(path: string): Promise<number> {
    return this.installer.ask({ path }).then(
      ({ status }) => status,
      () => 0,
    )
  }

  async #listen(url: string, screen: string, port: number): Promise<void> {
    const page = get(`${url}/events`, { headers: { authorization: `Bearer ${screen}` } })
    page.on('response', (answer) => answer.on('data', (bytes) => this.#heard.page.push(bytes)))
    page.on('error', () => {})
    this.#undo.push(() => page.destroy())
    const kiosk = await greeted(url, screen)
    this.#kiosk = kiosk
    this.#undo.push(() => kiosk[Symbol.asyncDispose]())
    const options = { username: 'screen', password: screen, reconnectPeriod: 0 }
    const client: MqttClient = await connectAsync(`mqtt://127.0.0.1:${port}`, options)
    client.on('message', (topic, bytes) => this.#heard.broker.push(Buffer.from(`${topic} `), bytes))
    client.on('error', () => {})
    await client.subscribeAsync(['hw1-hall/#', 'hw1-local/screen/#'])
    this.#undo.push(() => client.endAsync(true))
  }

  async #record(devices: readonly string[]): Promise<void> {
    for (const device of devices) {
      const path = `/devices/${device}/recording`
      await this.installer.json({ method: 'POST', path, body: { minutes: 60 } })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const step of this.#undo.splice(0).reverse()) await step()
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, ms))
}
