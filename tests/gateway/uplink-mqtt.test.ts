/** The uplink on real brokers, over a wire that is cut and held. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer as createTls } from 'node:tls'
import fc from 'fast-check'
import type { MqttClient } from 'mqtt'
import { describe, expect, test } from 'vitest'
import { Presence } from '#devices/contract/presence.ts'
import { realPace } from '../../gateway/pace.ts'
import { lengthGuard } from '../../gateway/uplink/length-guard.ts'
import {
  type LinkState,
  linkUp,
  type MqttOptions,
  type MqttUplink,
  openMqttUplink,
} from '../../gateway/uplink/mqtt.ts'
import { makeCertificate } from './local-certificate.ts'
import {
  aedesBroker,
  type Broker,
  closeServer,
  listen,
  mosquittoBroker,
  mosquittoHere,
  type Wire,
  watcher,
  wireTo,
} from './uplink-brokers.ts'

const bytes = (text: string) => Buffer.from(text)

type Line = {
  uplink: MqttUplink
  wire: Wire
  cloud: MqttClient
  /** What the controller's side hears, as `topic payload`. */
  heard: string[]
  links: LinkState[]
  sessions: string[]
}

function open(port: number, options: Partial<MqttOptions> = {}, sessions: string[] = []) {
  const session = () => {
    sessions.push(randomBytes(8).toString('hex'))
    return sessions.at(-1)!
  }
  return openMqttUplink(
    { pace: realPace, random: Math.random, session },
    {
      url: `mqtt://127.0.0.1:${port}`,
      hall: 'hall-1',
      username: 'hall-1',
      password: 'secret',
      retry_first_ms: 20,
      retry_most_ms: 50,
      ...options,
    },
  )
}

async function withLine(
  broker: Broker,
  run: (line: Line) => Promise<void>,
  options: Partial<MqttOptions> = {},
): Promise<void> {
  await using wire = await wireTo(broker.port)
  const cloud = await watcher(broker.port)
  const heard: string[] = []
  cloud.on('message', (topic, payload) => heard.push(`${topic} ${payload.toString()}`))
  await cloud.subscribeAsync('hw1/#', { qos: 1 })
  const sessions: string[] = []
  const links: LinkState[] = []
  const uplink = open(wire.port, options, sessions)
  uplink.onLink((link) => links.push(link))
  try {
    await linkUp(uplink)
    await run({ uplink, wire, cloud, heard, links, sessions })
  } finally {
    await uplink.close()
    await cloud.endAsync(true)
  }
}

const death = (session: string) =>
  `hw1/hall-1/presence ${JSON.stringify({ v: 1, type: 'death', session })}`

const brokers = [
  { name: 'aedes', start: aedesBroker, here: true },
  { name: 'mosquitto', start: mosquittoBroker, here: mosquittoHere },
]

describe.each(brokers.filter(({ here }) => here))('on $name', ({ start }) => {
  test('an answer to the first message is heard: subscriptions stand before it is ready', async () => {
    await using broker = await start()
    const cloud = await watcher(broker.port)
    await cloud.subscribeAsync('hw1/+/presence', { qos: 1 })
    await cloud.publishAsync('hw1/hall-1/desired', 'config', { qos: 1, retain: true })
    cloud.on('message', () => cloud.publish('hw1/hall-1/receipt', 'receipt', { qos: 1 }))
    const uplink = open(broker.port)
    const heard: string[] = []
    uplink.onMessage((topic, payload) => heard.push(`${topic} ${Buffer.from(payload).toString()}`))
    uplink.onReady(() => void uplink.publish('hw1/hall-1/presence', bytes('birth')))
    await expect
      .poll(() => [...heard].sort())
      .toEqual(['hw1/hall-1/desired config', 'hw1/hall-1/receipt receipt'])
    await uplink.close()
    await cloud.endAsync(true)
  })

  test('a cut tells the death of that session, and the next one is another', async () => {
    await using broker = await start()
    await withLine(broker, async ({ uplink, wire, heard }) => {
      const before = uplink.session
      let lost = 0
      uplink.onLost(() => lost++)
      wire.cut()
      await expect.poll(() => heard).toContain(death(before))
      await expect.poll(() => uplink.connected).toBe(true)
      expect(uplink.session).not.toBe(before)
      expect(lost).toBe(1)
      const [, payload] = death(before).split(' ')
      expect(Presence.safeParse(JSON.parse(payload!)).success).toBe(true)
    })
  })

  test('a message is sent only at the broker’s acknowledgement, and fails with the link', async () => {
    await using broker = await start()
    await withLine(broker, async ({ uplink, wire, heard }) => {
      wire.hold(true)
      let acknowledged = false
      const sent = uplink.publish('hw1/hall-1/log', bytes('one')).then(() => {
        acknowledged = true
      })
      await expect.poll(() => heard).toContain('hw1/hall-1/log one')
      expect(acknowledged).toBe(false)
      wire.hold(false)
      await sent
      wire.hold(true)
      const lost = uplink.publish('hw1/hall-1/log', bytes('two'))
      wire.cut()
      await expect(lost).rejects.toMatchObject({ code: 'unavailable' })
      wire.hold(false)
    })
  })

  test('nothing waits in memory for the next connection', async () => {
    await using broker = await start()
    await withLine(broker, async ({ uplink, wire, heard }) => {
      wire.hold(true)
      wire.cut()
      const refused = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) => uplink.publish('hw1/hall-1/log', bytes(`q${i}`))),
      )
      expect(new Set(refused.map(({ status }) => status))).toEqual(new Set(['rejected']))
      wire.hold(false)
      await expect.poll(() => uplink.connected).toBe(true)
      await uplink.publish('hw1/hall-1/log', bytes('after'))
      await expect.poll(() => heard).toContain('hw1/hall-1/log after')
      expect(heard.filter((line) => line.startsWith('hw1/hall-1/log'))).toEqual([
        'hw1/hall-1/log after',
      ])
    })
  })

  test('however often it is cut, there are never two connections, nor a session twice', async () => {
    await using broker = await start()
    await withLine(broker, async ({ uplink, wire, sessions }) => {
      for (let i = 0; i < 8; i++) {
        wire.cut()
        await expect.poll(() => wire.accepted, { interval: 5 }).toBe(i + 2)
        // Half of them in the middle of the handshake.
        if (i % 2 === 0) await expect.poll(() => uplink.connected, { interval: 5 }).toBe(true)
      }
      await expect.poll(() => uplink.connected).toBe(true)
      expect(wire.most).toBe(1)
      expect(new Set(sessions).size).toBe(sessions.length)
      expect(sessions.length).toBeGreaterThanOrEqual(9)
    })
  })

  test('closing tells the death and leaves no connection', async () => {
    await using broker = await start()
    await withLine(broker, async ({ uplink, wire, heard }) => {
      const { session } = uplink
      await uplink.close()
      await expect.poll(() => heard).toContain(death(session))
      await expect.poll(() => wire.open).toBe(0)
      expect(uplink.link.state).toBe('closed')
      await expect(uplink.publish('hw1/hall-1/log', bytes('x'))).rejects.toMatchObject({
        code: 'unavailable',
      })
      await uplink.close()
    })
  })

  test('a message that is too large is refused, one far too large ends the link, good ones go on', async () => {
    await using broker = await start()
    await withLine(broker, async ({ uplink, cloud, wire }) => {
      const heard: number[] = []
      uplink.onMessage((_topic, payload) => heard.push(payload.length))
      await cloud.publishAsync('hw1/hall-1/desired', Buffer.alloc(70_000, 65), { qos: 1 })
      await cloud.publishAsync('hw1/hall-1/desired', 'good', { qos: 1 })
      await expect.poll(() => heard).toEqual([4])
      expect(uplink.link.refused_messages).toBe(1)
      expect(wire.accepted).toBe(1)
      await cloud.publishAsync('hw1/hall-1/desired', Buffer.alloc(3_000_000, 65), { qos: 1 })
      await expect.poll(() => wire.accepted).toBeGreaterThan(1)
      await expect.poll(() => uplink.connected).toBe(true)
      await cloud.publishAsync('hw1/hall-1/receipt', 'later', { qos: 1 })
      await expect.poll(() => heard).toEqual([4, 5])
    })
  })
})

describe('the uplink', () => {
  test('takes so many messages at once and no more', async () => {
    await using broker = await aedesBroker()
    await withLine(
      broker,
      async ({ uplink, wire }) => {
        wire.hold(true)
        const sends = [1, 2, 3].map((i) => uplink.publish('hw1/hall-1/log', bytes(`${i}`)))
        await expect(sends[2]).rejects.toMatchObject({ code: 'overloaded' })
        wire.hold(false)
        await Promise.all(sends.slice(0, 2))
        await uplink.publish('hw1/hall-1/log', bytes('4'))
      },
      { in_flight_max: 2 },
    )
  })

  test('a broker that says nothing any more is given up, and asked anew', async () => {
    await using broker = await aedesBroker()
    await withLine(
      broker,
      async ({ uplink, wire }) => {
        wire.hold(true)
        const sent = uplink.publish('hw1/hall-1/log', bytes('x'))
        await expect(sent).rejects.toMatchObject({ code: 'timed_out' })
        wire.hold(false)
        await expect.poll(() => uplink.connected).toBe(true)
        expect(wire.accepted).toBeGreaterThan(1)
      },
      { ack_timeout_ms: 60, connect_timeout_ms: 500 },
    )
  })

  test('a wrong password is told, and tried again later; the right state is shown', async () => {
    await using broker = await aedesBroker()
    const uplink = open(broker.port, { password: 'wrong' })
    const states: LinkState[] = []
    uplink.onLink((link) => states.push(link))
    await expect.poll(() => uplink.link.attempts).toBeGreaterThan(2)
    expect(states.some(({ state }) => state === 'up')).toBe(false)
    expect(states.find(({ state }) => state === 'waiting')?.reason).toMatch(/refused/i)
    await uplink.close()
  })

  test('nobody listening is told; closing does not wait for the next try', async () => {
    const uplink = open(1, { retry_first_ms: 3_600_000, retry_most_ms: 3_600_000 })
    await expect.poll(() => uplink.link.state).toBe('waiting')
    expect(uplink.link.reason).toContain('ECONNREFUSED')
    await uplink.close()
    expect(uplink.link.state).toBe('closed')
  })

  test('closing before the first connection stands leaves nothing behind', async () => {
    await using broker = await aedesBroker()
    await using wire = await wireTo(broker.port)
    wire.hold(true)
    const uplink = open(wire.port)
    await expect.poll(() => wire.open).toBe(1)
    await uplink.close()
    await expect.poll(() => wire.open).toBe(0)
    const never = open(wire.port)
    await never.close()
    expect(wire.accepted).toBe(1)
  })

  test('a reader that fails is counted and does not stop the others', async () => {
    await using broker = await aedesBroker()
    await withLine(broker, async ({ uplink, cloud }) => {
      const heard: string[] = []
      uplink.onMessage((topic) => {
        if (topic.endsWith('command')) throw new Error('trouble')
      })
      uplink.onMessage((_topic, payload) => heard.push(Buffer.from(payload).toString()))
      await cloud.publishAsync('hw1/hall-1/command', 'a', { qos: 1 })
      await cloud.publishAsync('hw1/hall-1/receipt', 'b', { qos: 1 })
      await expect.poll(() => heard).toEqual(['a', 'b'])
      expect(uplink.link.refused_messages).toBe(1)
      expect(uplink.connected).toBe(true)
    })
  })

  test('does not go outside loopback in the clear', () => {
    const outside = (options: Partial<MqttOptions>) => () =>
      open(0, { url: 'mqtt://192.0.2.1:1883', ...options })
    expect(outside({})).toThrow(expect.objectContaining({ code: 'insecure' }))
    expect(outside({ url: 'http://127.0.0.1' })).toThrow(
      expect.objectContaining({ code: 'invalid' }),
    )
  })
})

const certificate = makeCertificate()
describe.skipIf(certificate === null)('over TLS', () => {
  test('it connects to a certificate it was told to trust, and to no other', async () => {
    await using broker = await aedesBroker()
    const { cert_file, key_file, pem } = certificate!
    const [cert, key] = [readFileSync(cert_file), readFileSync(key_file)]
    const server = createTls({ cert, key }, (socket) => broker.aedes.handle(socket))
    const port = await listen(server)
    const url = `mqtts://127.0.0.1:${port}`
    const trusting = open(port, { url, tls: { ca: pem } })
    await linkUp(trusting)
    await trusting.publish('hw1/hall-1/log', bytes('x'))
    await trusting.close()
    const strict = open(port, { url })
    await expect.poll(() => strict.link.state).toBe('waiting')
    expect(strict.link.reason).toMatch(/self.signed|certificate/i)
    await strict.close()
    await closeServer(server)
  })
})

describe('the length guard', () => {
  /** PUBLISH, QoS 0, to `t`: MQTT 3.1.1, sections 2.2.3 and 3.3. */
  const packet = (size: number) => {
    const length: number[] = []
    for (let rest = size + 3; length.length === 0 || rest > 0; rest >>= 7) {
      length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    }
    return Buffer.from([0x30, ...length, 0x00, 0x01, 0x74, ...Buffer.alloc(size)])
  }
  const sizes = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 6 })

  test('passes what is within bounds and stops what is not, however it is split', () => {
    fc.assert(
      fc.property(sizes, fc.array(fc.integer({ min: 1, max: 5_000 })), (all, cuts) => {
        const stream = Buffer.concat(all.map(packet))
        const guard = lengthGuard(10_003)
        const verdicts = pieces(stream, cuts).map((piece) => guard.push(piece))
        // A publish of QoS 0 to `t` has three bytes before its payload.
        expect(verdicts.includes('too_large')).toBe(all.some((size) => size > 10_000))
        expect(verdicts).not.toContain('malformed')
      }),
    )
  })

  test('tells of a huge packet at its first bytes, and of a length that never ends', () => {
    expect(lengthGuard(1_000).push(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]))).toBe('too_large')
    expect(lengthGuard(2 ** 40).push(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x01]))).toBe(
      'malformed',
    )
  })
})

function pieces(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const found: Buffer[] = []
  let at = 0
  for (const cut of cuts) {
    found.push(stream.subarray(at, at + cut))
    at += cut
  }
  return [...found, stream.subarray(at)]
}
