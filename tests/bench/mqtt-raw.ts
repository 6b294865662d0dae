/**
 * The least of an MQTT 3.1.1 client, so that a thousand halls in one process cost little: connect,
 * one subscription, publish at QoS 1, acknowledge what comes. It never reconnects and measures
 * nothing; whatever the broker does unexpectedly ends the bench with an error.
 */
import { connect as connectTcp, type Socket } from 'node:net'

export type RawLink = {
  publish(topic: string, payload: Uint8Array): void
  close(): void
}

export type RawOptions = {
  url: string
  client_id: string
  username: string
  password: string
  subscribe: string
  onMessage: (payload: Buffer) => void
  onLost: (why: string) => void
}

const CONNECT = 0x10
const CONNACK = 0x20
const PUBLISH = 0x30
const PUBACK = 0x40
const SUBSCRIBE = 0x82
const SUBACK = 0x90
const QOS_1 = 0x02
const CLEAN_USER_PASSWORD = 0xc2

/** Resolves once the subscription stands. */
export function openRawLink(options: RawOptions): Promise<RawLink> {
  const { hostname, port } = new URL(options.url)
  const socket = connectTcp({ host: hostname, port: Number(port), noDelay: true })
  let id = 1
  const nextId = () => {
    id = (id % 65_535) + 1
    return id
  }
  return new Promise((resolve, reject) => {
    const lost = (why: string) => {
      socket.destroy()
      reject(new Error(why))
      options.onLost(why)
    }
    socket.on('error', (error) => lost(error.message))
    socket.on('close', () => lost('closed by the broker'))
    socket.once('connect', () => socket.write(connectPacket(options)))
    const link: RawLink = {
      publish: (topic, payload) => writePublish(socket, topic, { id: nextId(), payload }),
      close() {
        socket.removeAllListeners('close')
        socket.destroy()
      },
    }
    onPackets(socket, (type, body) => {
      if ((type & 0xf0) === CONNACK) {
        if (body[1] !== 0) return lost(`refused with ${body[1]}`)
        socket.write(packet(SUBSCRIBE, [u16(nextId()), text(options.subscribe), Buffer.of(1)]))
      } else if ((type & 0xf0) === SUBACK) resolve(link)
      else if ((type & 0xf0) === PUBLISH) takePublish(socket, { type, body }, options.onMessage)
    })
  })
}

function takePublish(
  socket: Socket,
  { type, body }: { type: number; body: Buffer },
  take: (payload: Buffer) => void,
): void {
  const end = 2 + body.readUInt16BE(0)
  const at_qos_1 = (type & 0x06) !== 0
  if (at_qos_1) socket.write(packet(PUBACK, [body.subarray(end, end + 2)]))
  take(body.subarray(at_qos_1 ? end + 2 : end))
}

function connectPacket({ client_id, username, password }: RawOptions): Buffer {
  return packet(CONNECT, [
    ...[text('MQTT'), Buffer.of(4, CLEAN_USER_PASSWORD), u16(0)],
    ...[text(client_id), text(username), text(password)],
  ])
}

function writePublish(
  socket: Socket,
  topic: string,
  { id, payload }: { id: number; payload: Uint8Array },
): void {
  const head = [text(topic), u16(id)]
  const length = head[0]!.length + 2 + payload.length
  socket.cork()
  socket.write(Buffer.concat([Buffer.of(PUBLISH | QOS_1), lengthBytes(length), ...head]))
  socket.write(payload)
  socket.uncork()
}

function packet(type: number, parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(type), lengthBytes(body.length), body])
}

function u16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff)
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u16(bytes.length), bytes])
}

function lengthBytes(length: number): Buffer {
  const bytes: number[] = []
  do {
    bytes.push((length % 128) | (length >= 128 ? 128 : 0))
    length = Math.floor(length / 128)
  } while (length > 0)
  return Buffer.from(bytes)
}

function onPackets(socket: Socket, take: (type: number, body: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const read = readLength(rest)
      if (read === null || rest.length < read.start + read.length) return
      const end = read.start + read.length
      const type = rest[0]!
      const body = rest.subarray(read.start, end)
      rest = rest.subarray(end)
      take(type, body)
    }
  })
}

function readLength(bytes: Buffer): { start: number; length: number } | null {
  let length = 0
  for (let i = 1; i < 5; i++) {
    const byte = bytes[i]
    if (byte === undefined) return null
    length += (byte & 127) * 128 ** (i - 1)
    if (byte < 128) return { start: i + 1, length }
  }
  throw new Error('a length of more than four bytes')
}
