import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isLoopback, loadConfig, readConfig } from '../../cloud/config.ts'

const paths = (value: unknown) => {
  const result = readConfig(value)
  return result.ok ? [] : result.problems.map(({ path }) => path).sort()
}

describe('the configuration of the controller', () => {
  it('needs nothing, and is then safe', () => {
    const result = readConfig({})
    expect(result).toMatchObject({
      ok: true,
      config: { http: { host: '127.0.0.1' }, insecure: false, console: 'login' },
    })
  })

  it('names every problem at once, inside unions too, with its path', () => {
    const wrong = {
      http: { host: '0.0.0.0', port: '80', extra: 1 },
      mqtt: { url: 'http://broker', user: 'x' },
      database: { url: 'mysql://x' },
      ...{ insecure: 'yes', bogus: 1, console: 'closed' },
    }
    expect(paths(wrong)).toEqual([
      ...['bogus', 'console', 'database.url', 'http', 'http.extra', 'http.port', 'insecure'],
      ...['mqtt.url', 'mqtt.user'],
    ])
  })

  it.each([
    [{ http: { host: '0.0.0.0' } }, ['http']],
    [{ mqtt: { host: '::' } }, ['mqtt']],
    [{ mqtt: { url: 'mqtt://broker.example' } }, ['mqtt']],
    [{ mqtt: { url: 'mqtts://broker.example' } }, []],
    [{ mqtt: { url: 'mqtt://127.0.0.1:1884' } }, []],
    [{ http: { host: '0.0.0.0', tls: { cert: 'c', key: 'k' } } }, []],
    [{ http: { host: '0.0.0.0' }, mqtt: { host: '10.1.1.1' }, insecure: true }, []],
  ])('leaves loopback with TLS or knowingly only: %j', (value, expected) => {
    expect(paths(value)).toEqual(expected)
  })

  it.each([null, [], 'x', 5])('takes no %j for a configuration', (value) => {
    expect(readConfig(value).ok).toBe(false)
  })

  it('knows what this machine alone can reach', () => {
    const inside = ['127.0.0.1', '127.8.8.8', 'localhost', '::1', '[::1]']
    const outside = [
      '0.0.0.0',
      '::',
      '10.0.0.1',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
    ]
    expect(inside.filter(isLoopback)).toEqual(inside)
    expect(outside.filter(isLoopback)).toEqual([])
  })

  it('is read from a file; what is missing or not JSON is said', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hallway-config-'))
    const file = join(folder, 'controller.json')
    await expect(loadConfig(file)).rejects.toMatchObject({ code: 'not_found' })
    await writeFile(file, '{')
    await expect(loadConfig(file)).rejects.toMatchObject({ code: 'config_invalid' })
    await writeFile(file, '{"data": "", "http": {"port": 70000}}')
    await expect(loadConfig(file)).rejects.toThrow(/data: .*\n {2}http\.port: /)
    await rm(folder, { recursive: true })
  })
})
