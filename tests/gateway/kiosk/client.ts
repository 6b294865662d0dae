/** A client of the local API over a WebSocket, as a kiosk's program would be. */
import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'

export type Message = Record<string, unknown>

export class KioskClient implements AsyncDisposable {
  readonly ws: WebSocket
  readonly heard: Message[] = []
  readonly #waiting: { fits: (message: Message) => boolean; done: (message: Message) => void }[] =
    []
  readonly #closed: Promise<number>
  #next = 0

  constructor(url: string, protocols: string[], options: ClientOptions = {}) {
    this.ws = new WebSocket(`${url.replace('http', 'ws')}/ws`, protocols, options)
    this.ws.on('message', (data) => this.#hear(JSON.parse(String(data)) as Message))
    this.ws.on('error', () => {})
    // Not `once` of events, which takes an error of the handshake for its own.
    this.#closed = new Promise((resolve) => this.ws.once('close', resolve))
  }

  #hear(message: Message): void {
    this.heard.push(message)
    const at = this.#waiting.findIndex(({ fits }) => fits(message))
    if (at >= 0) this.#waiting.splice(at, 1)[0]!.done(message)
  }

  get closed(): Promise<number> {
    return this.#closed
  }

  open(): Promise<unknown> {
    return once(this.ws, 'open')
  }

  /** The first message that fits, heard before or to come. */
  hears(fits: (message: Message) => boolean): Promise<Message> {
    const known = this.heard.find(fits)
    if (known !== undefined) return Promise.resolve(known)
    return new Promise((done) => this.#waiting.push({ fits, done }))
  }

  send(message: unknown): void {
    this.ws.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  async ask(
    method: string,
    path: string,
    more: { key?: string; body?: unknown } = {},
  ): Promise<Message> {
    const id = `m${++this.#next}`
    this.send({ id, method, path, ...more })
    return this.hears((message) => message.id === id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ws.terminate()
    await this.#closed
  }
}

/** Says hello and hears the gateway's. */
export async function greeted(
  url: string,
  token: string,
  hello: Record<string, unknown> = {},
): Promise<KioskClient> {
  const client = new KioskClient(url, ['hallway.v1', `token.${token}`])
  await client.open()
  client.send({ type: 'hello', ...hello })
  await client.hears((message) => message.type === 'hello')
  return client
}
