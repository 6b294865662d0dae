/**
 * Where simulated XFS4IoT services are reached: a WebSocket server with the publisher at
 * `/xfs4iot/v1.0` and a service below it. Owns the package ws here. One client a service; a newer
 * one replaces the older. Raises Fault `port_in_use`.
 */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { Fault } from '#devices/std/fault.ts'

const PATH = '/xfs4iot/v1.0'

/** The far end, as far as the line knows it. */
export interface TextModel {
  attachText(send: (text: string) => void): void
  detach(): void
  receiveText(text: string): void
}

export interface XfsLine extends AsyncDisposable {
  readonly port: number
  /** `ws://127.0.0.1:5846/xfs4iot/v1.0/Kiosk`. */
  uri(service: string): string
  /** Ends every link without a word and refuses new ones until `plug`. */
  unplug(): Promise<void>
  plug(): Promise<void>
  /** Ends every link; the service is reachable again at once. */
  cut(): void
  /** Says this to whoever is connected, whatever it is. */
  shout(data: string | Uint8Array): void
  /** Links that are open. */
  readonly links: number
}

export async function openXfsLine(
  services: Readonly<Record<string, TextModel>>,
  { host = '127.0.0.1', port = 0 }: { host?: string; port?: number } = {},
): Promise<XfsLine> {
  const line = new Line(services, host, port)
  await line.plug()
  return line
}

class Line implements XfsLine {
  readonly #services: Readonly<Record<string, TextModel>>
  readonly #host: string
  readonly #open = new Map<WebSocket, string>()
  #port: number
  #server: Server | null = null

  constructor(services: Readonly<Record<string, TextModel>>, host: string, port: number) {
    this.#services = services
    this.#host = host
    this.#port = port
  }

  get port(): number {
    return this.#port
  }

  get links(): number {
    return this.#open.size
  }

  uri(service: string): string {
    return `ws://${this.#host}:${this.#port}${PATH}/${service}`
  }

  async plug(): Promise<void> {
    if (this.#server !== null) return
    const server = createServer()
    this.#server = server
    const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 })
    server.on('upgrade', (request, socket, head) => {
      const name = (request.url ?? '').slice(PATH.length + 1)
      const known = request.url === PATH || Object.hasOwn(this.#services, name)
      if (!known) socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
      else sockets.handleUpgrade(request, socket, head, (ws) => this.#accept(ws, name))
    })
    server.listen({ host: this.#host, port: this.#port })
    try {
      await once(server, 'listening')
    } catch {
      this.#server = null
      throw new Fault('port_in_use', `${this.#host}:${this.#port}`)
    }
    this.#port = (server.address() as AddressInfo).port
  }

  #accept(ws: WebSocket, name: string): void {
    ws.on('error', () => {})
    const model = this.#services[name]
    for (const [other, of] of this.#open) if (model !== undefined && of === name) other.terminate()
    this.#open.set(ws, name)
    if (model === undefined) {
      ws.on('message', (data) => this.#publish(ws, String(data)))
      ws.once('close', () => this.#open.delete(ws))
      return
    }
    model.attachText((text) => ws.readyState === ws.OPEN && ws.send(text))
    ws.on('message', (data) => model.receiveText(String(data)))
    ws.once('close', () => {
      this.#open.delete(ws)
      if (![...this.#open.values()].includes(name)) model.detach()
    })
  }

  /** The publisher: tells services by events as it finds them, and all again at the end. */
  #publish(ws: WebSocket, text: string): void {
    const { header } = JSON.parse(text) as { header: { name: string; requestId: number } }
    if (header.name !== 'ServicePublisher.GetServices') return
    const id = header.requestId
    const services = Object.keys(this.#services).map((name) => ({ serviceURI: this.uri(name) }))
    const payload = JSON.stringify({ vendorName: 'ACME ATM Hardware GmbH', services })
    const named = `"name":"ServicePublisher.GetServices","requestId":${id}`
    ws.send(`{"header":{${named},"type":"acknowledge","version":"2.0"}}`)
    ws.send(
      `{"header":{"name":"ServicePublisher.ServiceDetailEvent","requestId":${id},"type":"event","version":"2.0"},"payload":${payload}}`,
    )
    ws.send(
      `{"header":{${named},"type":"completion","version":"2.0","completionCode":"success"},"payload":${payload}}`,
    )
  }

  cut(): void {
    for (const ws of this.#open.keys()) ws.terminate()
  }

  shout(data: string | Uint8Array): void {
    for (const ws of this.#open.keys()) ws.send(data)
  }

  async unplug(): Promise<void> {
    const server = this.#server
    if (server === null) return
    this.#server = null
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    this.cut()
    await closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unplug()
  }
}
