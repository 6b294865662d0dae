/** The config file: all that is wrong is said at once; what is not said has a default. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkConfig, type KnownType, loadConfig } from '../../gateway/config.ts'

const types = new Map<string, KnownType>([
  ['id-card-reader', { carries_cards: true }],
  [
    'ticket-panel',
    {
      carries_cards: false,
      check: ({ unit }) => (unit === 0 ? [{ path: 'unit', problem: 'is 1 to 247' }] : []),
    },
  ],
])

const controller = { url: 'https://cloud.example' }
const check = (value: unknown) => checkConfig(JSON.stringify(value), types)
function problemsOf(value: unknown): Record<string, string> {
  const checked = check(value)
  if (checked.ok) return {}
  return Object.fromEntries(checked.problems.map(({ path, problem }) => [path, problem]))
}

test('the shortest file has a default for everything else', () => {
  const checked = check({ controller })
  expect(checked).toMatchObject({
    ok: true,
    config: {
      data: './data',
      fact_time: 'real',
      insecure: false,
      local: { host: '127.0.0.1', tokens: [] },
      devices: [],
    },
  })
})

test('every problem is named with its path in one go, of shape and of sense alike', () => {
  const problems = problemsOf({
    controller: { url: 'http://cloud.example' },
    quota_bytes: 5,
    retention_day: 3,
    fact_time: 'fast',
    local: {
      host: '0.0.0.0',
      port: 70_000,
      tokens: [
        { name: 'a', role: 'clerk' },
        { name: 'a', role: 'boss' },
        { name: 'r', role: 'replay' },
      ],
    },
    devices: [
      { device: 'panel', type: 'ticket-panel', at: 'tcp://10.0.0.2:502', options: { unit: 0 } },
      { device: 'panel', type: 'ticket-panle', at: '10.0.0.2' },
      { device: 'reader', type: 'id-card-reader', at: 'tcp://10.0.0.3:7001' },
      'nothing',
    ],
  })
  expect(Object.keys(problems).sort()).toEqual([
    'controller.url',
    'devices[0].options.unit',
    'devices[1].at',
    'devices[1].device',
    'devices[1].type',
    'devices[2].plain_link',
    'devices[3]',
    'fact_time',
    'local.port',
    'local.tls',
    'local.tokens[1].name',
    'local.tokens[1].role',
    'local.tokens[2].role',
    'quota_bytes',
    'retention_day',
  ])
  expect(problems['devices[1].type']).toContain('id-card-reader, ticket-panel')
})

test.each([
  ['tcp://127.0.0.1:7001', true],
  ['tcp://127.9.9.9:7001', true],
  ['tcp://[::1]:7001', true],
  ['tcp://localhost:7001', true],
  ['tcp://10.0.0.3:7001', false],
  ['tcp://reader.hall:7001', false],
  ['tcp://127.0.0.1.evil.example:7001', false],
])('a card reader at %s needs no word about its clear link: %s', (at, quiet) => {
  const device = { device: 'reader', type: 'id-card-reader', at }
  expect(check({ controller, devices: [device] }).ok).toBe(quiet)
  expect(check({ controller, devices: [{ ...device, plain_link: 'accepted' }] }).ok).toBe(true)
  expect(check({ controller, devices: [{ ...device, plain_link: 'yes' }] }).ok).toBe(false)
})

test('outside loopback the local API needs TLS or the word insecure', () => {
  const local = { host: '0.0.0.0' }
  const tls = { cert_file: 'c', key_file: 'k' }
  expect(problemsOf({ controller, local })).toHaveProperty(['local.tls'])
  expect(check({ controller, local: { ...local, tls } }).ok).toBe(true)
  expect(check({ controller, local, insecure: true }).ok).toBe(true)
})

test('a file that is no file, no JSON, or no object is one problem, never a crash', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-config-'))
  const path = join(folder, 'gateway.json')
  await expect(loadConfig(path, types)).rejects.toMatchObject({ code: 'config_invalid' })
  await expect(loadConfig(folder, types)).rejects.toMatchObject({ code: 'config_invalid' })
  for (const text of [
    '',
    '{',
    '[]',
    'null',
    '"x"',
    '['.repeat(100_000),
    `"${'x'.repeat(2 ** 21)}"`,
  ]) {
    await writeFile(path, text)
    await expect(loadConfig(path, types)).rejects.toMatchObject({ code: 'config_invalid' })
  }
  await writeFile(path, JSON.stringify({ controller: {}, devices: 3 }))
  const refused = await loadConfig(path, types).catch((error: Error) => error.message)
  expect(refused).toContain('\ncontroller.url: ')
  expect(refused).toContain('\ndevices: ')
  await writeFile(path, JSON.stringify({ controller }))
  expect(await loadConfig(path, types)).toMatchObject({ controller })
  await rm(folder, { recursive: true })
})

test('any JSON at all is either taken or refused with paths', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 3 }), (value, part) => {
      for (const candidate of [value, { controller, devices: [part], local: part }]) {
        const checked = check(candidate)
        if (!checked.ok) expect(checked.problems.length).toBeGreaterThan(0)
      }
    }),
  )
})

test('a file that is no JSON is told by its place, and nothing of it is quoted', () => {
  const file = '{ "controller": { "url": "http://127.0.0.1:1", "token": "s3cret-t0ken" oops'
  const checked = checkConfig(file, new Map())
  expect(checked.ok).toBe(false)
  const told = JSON.stringify(checked)
  expect(told).toContain('not JSON')
  expect(told).toMatch(/line 1 column|position \d+/)
  expect(told).not.toContain('t0ken')
})

test('a file of certificates that cannot be used is a problem of the configuration, with its place', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-config-'))
  const path = join(folder, 'config.json')
  const ca_file = (name: string) => join(folder, name)
  await writeFile(
    ca_file('key.pem'),
    '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----',
  )
  await writeFile(
    ca_file('torn.pem'),
    '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  )
  const names = ['nowhere.pem', 'key.pem', 'torn.pem', '.']
  const at = (i: number) => `wss://kiosk.example/xfs4iot/v1.0/Printer${i}`
  const devices = names.map((name, i) => {
    return { device: `k${i}`, type: 'xfs4iot', at: at(i), ca_file: ca_file(name) }
  })
  const known = new Map([...types, ['xfs4iot', { carries_cards: true }] as const])
  await writeFile(path, JSON.stringify({ controller, devices, colour: 'red' }))
  const refused = await loadConfig(path, known).catch((error: Error) => error.message)
  expect(refused).toContain('colour: no such setting')
  expect(refused).toMatch(/devices\[0\]\.ca_file: .*no such file/)
  expect(refused).toMatch(/devices\[1\]\.ca_file: .*holds no certificate in PEM/)
  expect(refused).toMatch(/devices\[2\]\.ca_file: .*certificate 1 in it cannot be read/)
  expect(refused).toMatch(/devices\[3\]\.ca_file: .*cannot be read/)
  expect(refused).not.toContain('c2VjcmV0')
  await rm(folder, { recursive: true })
})
