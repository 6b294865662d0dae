/** The adapter for a broker elsewhere, against mosquitto: the suite of the port, and its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterEach, describe, expect, it } from 'vitest'
import { silent } from '#devices/std/log.ts'
import { type ExternalOptions, openExternalBroker } from '../../cloud/broker/external.ts'
import type { Broker, OnMessage } from '../../cloud/broker/port.ts'
import { freePorts } from '../../firmware-sim/people/ports.ts'
import { type BrokerUnderTest, brokerSuite } from '../ports/broker.suite.ts'

const program = [
  '/usr/sbin/mosquitto',
  '/usr/local/sbin/mosquitto',
  '/opt/homebrew/sbin/mosquitto',
].find(existsSync)
const skip =
  program === undefined && !process.env.CI ? 'SKIPPED: mosquitto is not installed' : false
if (skip) console.warn(skip)
const controller = { username: 'controller', password: 'secret-controller' }

type Mosquitto = { port: number; restart(): Promise<void>; stop(): Promise<void> }

/** A mosquitto with the accounts of the suite, set up as an operator would. */
async function startMosquitto(packet_bytes: number): Promise<Mosquitto> {
  if (!program) throw new Error('mosquitto is not installed')
  const dir = await mkdtemp(join(tmpdir(), 'hallway-mosquitto-'))
  await chmod(dir, 0o755)
  const [port] = (await freePorts(1)) as [number]
  const users = { 'hall-a': 'secret-a', 'hall-b': 'secret-b', controller: controller.password }
  const passwords = join(dir, 'passwords')
  await writeFile(
    passwords,
    Object.entries(users)
      .map(([u, p]) => `${u}:${p}\n`)
      .join(''),
  )
  execFileSync('mosquitto_passwd', ['-U', passwords], { stdio: 'ignore' })
  await chmod(passwords, 0o644)
  const up = ['log', 'telemetry', 'presence', 'reported', 'reply', 'news-of-a-later-version']
  const down = ['receipt', 'desired', 'command']
  const acl = [
    ...up.map((name) => `pattern write hw1/%u/${name}`),
    ...down.map((name) => `pattern read hw1/%u/${name}`),
    'user controller',
    'topic read hw1/#',
    ...down.map((name) => `topic write hw1/+/${name}`),
  ]
  await writeFile(join(dir, 'acl'), `${acl.join('\n')}\n`, { mode: 0o644 })
  const config = [
    `listener ${port} 127.0.0.1`,
    'use_username_as_clientid false',
    'set_tcp_nodelay true',
    'allow_anonymous false',
    `password_file ${passwords}`,
    `acl_file ${join(dir, 'acl')}`,
    `max_packet_size ${packet_bytes + 5}`,
    'persistence false',
    'log_type none',
  ]
  await writeFile(join(dir, 'mosquitto.conf'), `${config.join('\n')}\n`, { mode: 0o644 })
  let child = await run(dir, port)
  return {
    port,
    async restart() {
      await end(child)
      child = await run(dir, port)
    },
    async stop() {
      await end(child)
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function run(dir: string, port: number): Promise<ChildProcess> {
  const child = spawn(program ?? '', ['-c', join(dir, 'mosquitto.conf')], { stdio: 'ignore' })
  await expect.poll(() => answers(port)).toBe(true)
  return child
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function open(port: number, onMessage: OnMessage, options: Partial<ExternalOptions> = {}) {
  return openExternalBroker(
    { onMessage, log: silent },
    { url: `mqtt://127.0.0.1:${port}`, ...controller, ...options },
  )
}

brokerSuite({
  name: 'mosquitto through the external adapter',
  skip,
  halls: ['a', 'b'],
  outlives_controller: true,
  own_client_ids: false,
  async start({ packet_bytes }): Promise<BrokerUnderTest> {
    const mosquitto = await startMosquitto(packet_bytes)
    return {
      port: mosquitto.port,
      open: (onMessage) => open(mosquitto.port, onMessage),
      stop: () => mosquitto.stop(),
    }
  },
})

describe.skipIf(skip !== false)('external broker', () => {
  const brokers: Broker[] = []
  const servers: Mosquitto[] = []
  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.close()))
    await Promise.all(servers.splice(0).map((server) => server.stop()))
  })

  async function server(): Promise<Mosquitto> {
    const started = await startMosquitto(64 * 1024)
    servers.push(started)
    return started
  }

  function hall(port: number) {
    return mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      username: 'hall-a',
      password: 'secret-a',
    })
  }

  it('says why it cannot open: credential, nobody there, a clear line to elsewhere', async () => {
    const { port } = await server()
    await expect(open(port, () => true, { password: 'no' })).rejects.toMatchObject({
      code: 'unauthorised',
    })
    const [free] = (await freePorts(1)) as [number]
    const nobody = open(free, () => true, { limits: { connect_ms: 300 } })
    await expect(nobody).rejects.toMatchObject({ code: 'unavailable' })
    const clear = open(0, () => true, { url: 'mqtt://broker.example.org' })
    await expect(clear).rejects.toMatchObject({ code: 'insecure' })
  })

  it('gives each batch to one of several workers, presence to all', async () => {
    const { port } = await server()
    const heard: string[][] = [[], []]
    for (const mine of heard) {
      const onMessage: OnMessage = ({ topic, payload }) => mine.push(`${topic} ${payload}`) > 0
      brokers.push(await open(port, onMessage, { shared: true }))
    }
    const a = await hall(port)
    for (let n = 0; n < 20; n++) await a.publishAsync('hw1/hall-a/log', `${n}`, { qos: 1 })
    await a.publishAsync('hw1/hall-a/presence', 'birth', { qos: 1 })
    await expect.poll(() => heard.flat().length).toBe(22)
    const logs = heard.map((mine) => mine.filter((one) => one.startsWith('hw1/hall-a/log')).length)
    expect(logs[0]! + logs[1]!).toBe(20)
    expect(Math.min(...(logs as number[]))).toBeGreaterThan(0)
    expect(heard.every((mine) => mine.some((one) => one.includes('presence')))).toBe(true)
    await a.endAsync(true)
  })

  it('comes back after the broker was away, and hears each message once', async () => {
    const mosquitto = await server()
    const heard: string[] = []
    const broker = await open(mosquitto.port, ({ topic }) => heard.push(topic) > 0)
    brokers.push(broker)
    for (let round = 1; round <= 2; round++) {
      await mosquitto.restart()
      await expect.poll(() => broker.counters().connected).toBe(1)
      const a = await hall(mosquitto.port)
      await a.publishAsync('hw1/hall-a/log', 'x', { qos: 1 })
      await expect.poll(() => heard.length).toBe(round)
      await a.endAsync(true)
    }
    expect(heard).toEqual(['hw1/hall-a/log', 'hw1/hall-a/log'])
  })

  it('refuses to publish while the broker is away, and never hangs on it', async () => {
    const mosquitto = await server()
    const broker = await open(mosquitto.port, () => true)
    brokers.push(broker)
    const sent = Array.from({ length: 1_200 }, () => broker.publish('hw1/hall-a/receipt', 'x', {}))
    const outcomes = await Promise.allSettled(sent)
    const refused = outcomes.filter((one) => one.status === 'rejected')
    expect(refused).toHaveLength(200)
    expect(refused[0]?.reason).toMatchObject({ code: 'overloaded' })
    await mosquitto.stop()
    await expect.poll(() => broker.counters().connected).toBe(0)
    await expect(broker.publish('hw1/hall-a/receipt', 'x', {})).rejects.toMatchObject({
      code: 'unavailable',
    })
  })
})
