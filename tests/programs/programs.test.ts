/**
 * The programs as their users start them: separate processes with configuration files. What they
 * refuse, what they say, and that they leave nothing behind.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { findCluster, openCluster } from '../../cloud/store/postgres/supervisor.ts'

const folder = mkdtempSync(join(tmpdir(), 'hallway-programs-'))
chmodSync(folder, 0o711)
const running = new Set<ChildProcess>()

type Program = {
  child: ChildProcess
  said: () => string
  saying: (part: string) => Promise<void>
  ended: Promise<number | null>
}

function program(...args: string[]): Program {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let text = ''
  const changed = new Set<() => void>()
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      for (const look of changed) look()
    })
  }
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child)
    for (const look of changed) look()
    return code as number | null
  })
  return {
    child,
    said: () => text,
    ended,
    saying: (part) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (text.includes(part)) resolve()
          else if (child.exitCode !== null)
            reject(new Error(`ended without saying ${part}:\n${text}`))
        }
        changed.add(look)
        look()
      }),
  }
}

function config(name: string, value: unknown): string {
  const file = join(folder, name)
  writeFileSync(file, JSON.stringify(value))
  return file
}

afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
})

afterAll(async () => {
  for (const name of ['cloud-a', 'cloud-b']) {
    const dataDir = join(folder, name)
    if (existsSync(dataDir)) await (await openCluster({ dataDir, log: () => {} })).discard()
  }
  rmSync(folder, { recursive: true, force: true })
})

describe('a configuration with mistakes', () => {
  it('is refused by the controller with every problem and its path', async () => {
    const file = config('c-bad.json', {
      http: { port: 'x', hots: 1 },
      mqtt: { port: -1 },
      bogus: 1,
    })
    const { ended, said } = program('cloud/main.ts', '--config', file, '--check')
    expect(await ended).toBe(2)
    for (const path of ['http.port', 'http.hots', 'mqtt.port', 'bogus'])
      expect(said()).toContain(path)
  })

  it('is refused by the gateway with every problem and its path', async () => {
    const file = config('g-bad.json', {
      controller: { url: 'http://127.0.0.1:1' },
      devices: [{ device: 'a b', type: 'nope', at: 'x' }],
      quota_bytes: 1,
    })
    const { ended, said } = program('gateway/main.ts', '--config', file, '--check')
    expect(await ended).toBe(2)
    const paths = ['quota_bytes', 'devices[0].device', 'devices[0].type', 'devices[0].at']
    for (const path of paths) expect(said()).toContain(path)
  })

  it.each([
    ['a data folder that is a file', { data: '@' }, '@: a file stands where a folder belongs'],
    ['a data folder below a file', { data: '@/data' }, 'a file stands where a folder belongs'],
    [
      'a certificate that is not there',
      { mqtt: { port: 0, tls: { cert: '@.pem', key: '@' } } },
      '@.pem: it does not exist',
    ],
  ])('names %s, and what to do', async (_, value, said) => {
    const file = config('plain.json', {})
    const here = (text: string) => text.replaceAll('@', file)
    const own = { data: join(folder, 'plain'), ...JSON.parse(here(JSON.stringify(value))) }
    const controller = program('cloud/main.ts', '--config', config('folder.json', own))
    expect([await controller.ended, controller.said()]).toEqual([
      1,
      expect.stringContaining(here(said)),
    ])
    expect(controller.said()).not.toContain(' at ')
  })

  it('names a data folder of a gateway that cannot be one, and what to do', async () => {
    const file = config('plain.json', {})
    const own = { data: join(file, 'gw'), controller: { url: 'http://127.0.0.1:1', token: 'x' } }
    const gateway = program('gateway/main.ts', '--config', config('g-folder.json', own))
    expect(await gateway.ended).toBe(1)
    expect(gateway.said()).toContain('a file stands where a folder belongs')
    expect(gateway.said()).not.toContain(' at ')
  })

  it('is named when it is a folder', async () => {
    const controller = program('cloud/main.ts', '--config', folder)
    expect(await controller.ended).toBe(2)
    expect(controller.said()).toContain(`${folder}: it is a folder`)
  })

  it('is named when the file is not there', async () => {
    const { ended, said } = program('gateway/main.ts', '--config', join(folder, 'none.json'))
    expect(await ended).not.toBe(0)
    expect(said()).toContain('none.json')
  })
})

describe('the controller', () => {
  const free = { http: { port: 0 }, mqtt: { port: 0 } }

  it('says which port is in use, and ends with nothing left running', async () => {
    const taken = createServer()
    taken.listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const data = join(folder, 'cloud-a')
    const file = config('c-port.json', { ...free, data, http: { port } })
    const { ended, said } = program('cloud/main.ts', '--config', file)
    expect(await ended).toBe(1)
    expect(said()).toMatch(new RegExp(`the port is in use .*: http 127.0.0.1:${port}`))
    expect((await findCluster(data)).pid).toBeNull()
    taken.close()
  })

  it('goes on after kill -9 with the database it left running, and stops cleanly when asked', async () => {
    const data = join(folder, 'cloud-b')
    const file = config('c-free.json', { ...free, data })
    const first = program('cloud/main.ts', '--config', file)
    await first.saying('ready http')
    const token = readFileSync(join(data, 'admin-token'), 'utf8')
    const second = program('cloud/main.ts', '--config', file)
    expect(await second.ended).toBe(1)
    expect(second.said()).toContain('is a controller of')
    first.child.kill('SIGKILL')
    await first.ended
    const third = program('cloud/main.ts', '--config', file)
    await third.saying('ready http')
    expect(third.said()).toContain('"adopted":true')
    expect(readFileSync(join(data, 'admin-token'), 'utf8')).toBe(token)
    third.child.kill('SIGINT')
    expect(await third.ended).toBe(0)
    expect((await findCluster(data)).pid).toBeNull()
  })

  it('ends when asked while it waits for a database that is not there', async () => {
    const database = { url: 'postgres://nobody:none@127.0.0.1:1/none' }
    const file = config('c-absent.json', { ...free, data: join(folder, 'cloud-absent'), database })
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const { child, ended, saying } = program('cloud/main.ts', '--config', file)
      await saying('database.absent')
      child.kill(signal)
      expect(await ended).toBe(0)
    }
  })

  it('does not start a gateway that was never enrolled and has no token', async () => {
    const file = config('g-token.json', {
      data: join(folder, 'gw'),
      controller: { url: 'http://127.0.0.1:1' },
    })
    const { ended, said } = program('gateway/main.ts', '--config', file)
    expect(await ended).toBe(1)
    expect(said()).toContain('one-time token')
  })
})
