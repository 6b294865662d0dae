import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeKey, openSealed, type PrivateKey, publicHalf, sealTo } from '../../cloud/enrol/keys.ts'
import { loadSecrets } from '../../cloud/enrol/secrets.ts'
import { serve } from '../../cloud/http/serve.ts'
import { readCredential } from '../../gateway/enrol/credential.ts'
import { enrol as enrolGateway } from '../../gateway/enrol/enrol.ts'
import { openIdentity } from '../../gateway/identity.ts'
import { type HttpFixture, LogWriter, NOW_MS, openHttp, rules } from './http-fixture.ts'
import { called, issued, opened } from './log-maker.ts'
import { type Databases, sharedPostgres } from './pg-fixture.ts'

let postgres: Databases
let http: HttpFixture
let url: string
let key: PrivateKey

beforeAll(async () => {
  postgres = await sharedPostgres()
  url = await postgres.newDatabase()
  http = await openHttp(url)
  key = await makeKey()
})
afterAll(async () => {
  await http?.[Symbol.asyncDispose]()
  await postgres?.[Symbol.asyncDispose]()
})

async function makeHall(hall: string): Promise<string> {
  const { body } = await http.post('/api/halls', { hall, rules })
  return body.token
}

function enrol(token: string, gateway = 'gw-1', public_key: unknown = publicHalf(key)) {
  return http.post('/api/enrol', { v: 1, token, gateway, public_key })
}

async function knows(username: string, password: string): Promise<boolean> {
  const who = await http.enrolment.authenticate(username, new TextEncoder().encode(password))
  return who?.hall === username
}

async function renew(hall: string, how: 'token' | 'replace'): Promise<string> {
  return (await http.post(`/api/halls/${hall}/${how}`, '')).body.token
}

describe('the trade', () => {
  it('gives credential, keys, rules and ownership', async () => {
    const { status, body, headers } = await enrol(await makeHall('first'))
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toMatchObject({ hall: 'first', fence: 1, config_version: 1, rules })
    expect(body).toMatchObject({ held: null, numbers: null, ledger: await http.store.ledger() })
    expect(await openSealed(key, body.hall_key)).toHaveLength(32)
    const { mqtt } = body
    expect(await knows(mqtt.username, mqtt.password)).toBe(true)
  })

  it('happens once: the second time, and after a day, the token is spent', async () => {
    const token = await makeHall('once')
    expect((await enrol(token)).status).toBe(200)
    expect((await enrol(token)).body.code).toBe('token_spent')
    const late = await makeHall('late')
    http.clock.now_ms += 24 * 3_600_000
    expect((await enrol(late)).body.code).toBe('token_spent')
    http.clock.now_ms = NOW_MS
    expect((await enrol(late)).status).toBe(200)
  })

  it('has one winner when a token is brought twice at the same moment', async () => {
    const token = await makeHall('race')
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map((gateway) => enrol(token, gateway)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409])
  })

  it('spends nothing when it fails', async () => {
    const token = await makeHall('off-curve')
    const off = { ...publicHalf(key), y: 'A'.repeat(43), kid: undefined }
    expect((await enrol(token, 'gw-1', off)).body.code).toBe('invalid')
    expect((await enrol(token)).status).toBe(200)
  })

  it('refuses a private key, telling no part of it', async () => {
    const { status, body } = await enrol(await makeHall('leak'), 'gw-1', key)
    expect(status).toBe(422)
    expect(body.problems).toEqual([{ path: 'public_key.d', problem: 'unknown member' }])
    expect(JSON.stringify(body)).not.toContain(key.d)
  })

  it('tells a replaced disk where the cloud stands and which numbers are out', async () => {
    const token = await makeHall('held')
    const log = new LogWriter(http.store, 'held')
    await log.begin('9'.repeat(32), null)
    await log.append([[1, opened()], ...[1, 2, 12].map((n) => [n, issued(n)] as const)])
    await log.append([[20, called(1)]])
    const { body } = await enrol(token)
    expect(body.held).toEqual({ ...log.position, epoch_number: 1 })
    expect(body.numbers).toEqual({ day: '2026-10-12', used: [{ service: 'PS', to: 12 }] })
  })
})

describe('a real gateway', () => {
  it('enrols over HTTP, keeps what it got, and passes the broker with it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hallway-gateway-'))
    const listening = await serve(http.app, { host: '127.0.0.1', port: 0, insecure: false })
    const identity = await openIdentity(folder)
    const trade = { url: listening.url, token: await makeHall('real'), folder }
    const credential = await enrolGateway(identity, trade)
    expect(credential.hall_key.reveal()).toHaveLength(32)
    expect(await knows('real', credential.mqtt.password)).toBe(true)
    const kept = await readCredential(folder, identity)
    expect(kept?.hall_key.reveal()).toEqual(credential.hall_key.reveal())
    await expect(enrolGateway(identity, trade)).rejects.toMatchObject({ code: 'token_spent' })
    await listening.close()
    await rm(folder, { recursive: true })
  })
})

describe('ownership', () => {
  it('stays with the gateway that has it until an administrator confirms', async () => {
    await enrol(await makeHall('owned'), 'gw-old')
    const another = await renew('owned', 'token')
    expect((await enrol(another, 'gw-new')).body.code).toBe('not_owner')
    expect((await enrol(another, 'gw-old')).body.fence).toBe(2)
    const confirmed = await renew('owned', 'replace')
    const { body } = await enrol(confirmed, 'gw-new')
    expect(body.fence).toBe(3)
    const { body: halls } = await http.get('/api/halls?only=owned')
    expect(halls[0]).toMatchObject({ owner: 'gw-new', fence: 3 })
  })

  it('ends every older password and token of the hall', async () => {
    const token = await makeHall('renewed')
    const spare = await renew('renewed', 'token')
    const { mqtt } = (await enrol(token)).body
    const { body } = await enrol(await renew('renewed', 'token'))
    expect(await knows('renewed', mqtt.password)).toBe(false)
    expect(await knows('renewed', body.mqtt.password)).toBe(true)
    expect((await enrol(spare)).body.code).toBe('token_spent')
  })

  it('is seen by intake: the former owner is refused', async () => {
    await enrol(await makeHall('fenced'), 'gw-other')
    const log = new LogWriter(http.store, 'fenced')
    await expect(log.begin('8'.repeat(32), null)).rejects.toThrow('not_owner')
  })
})

describe('credentials', () => {
  it('are refused for unknown halls, halls without a gateway and wrong passwords', async () => {
    await makeHall('bare')
    expect(await knows('bare', '')).toBe(false)
    expect(await knows('nowhere', 'x')).toBe(false)
    expect(await knows("x' or 1=1", 'x')).toBe(false)
  })

  it('are nowhere in the database in the clear', async () => {
    const token = await makeHall('clear')
    const unused = await renew('clear', 'token')
    const { mqtt } = (await enrol(token)).body
    const rows = await http.dump()
    for (const secret of [token, unused, mqtt.password]) expect(rows).not.toContain(secret)
  })
})

describe('halls', () => {
  it('are made once, with every problem of their rules named at once', async () => {
    await makeHall('twice')
    expect((await http.post('/api/halls', { hall: 'twice', rules })).body.code).toBe('wrong_state')
    const wrong = { ...rules, counters: ['1', '1'], classes: [], zone: 5 }
    const { status, body } = await http.post('/api/halls', { hall: 'Bad Name', rules: wrong })
    expect(status).toBe(422)
    const paths = body.problems.map(({ path }: { path: string }) => path)
    expect(paths).toEqual(expect.arrayContaining(['hall', 'rules.zone', 'rules.classes']))
  })
})

describe('secrets of the controller', () => {
  it('are made once, mode 600, and are the same at the next start', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hallway-secrets-'))
    const [a, b] = await Promise.all([loadSecrets(folder), loadSecrets(folder)])
    expect(a).toEqual(b)
    for (const name of ['controller-key.json', 'admin-token'])
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
    await writeFile(join(folder, 'controller-key.json'), '{"kty":')
    await expect(loadSecrets(folder)).rejects.toMatchObject({ code: 'config_invalid' })
    expect(await readFile(join(folder, 'controller-key.json'), 'utf8')).toBe('{"kty":')
    await rm(folder, { recursive: true })
  })

  it('a sealed text opens with its own key only', async () => {
    const secret = new Uint8Array(32).fill(7)
    const sealed = await sealTo(publicHalf(key), secret)
    expect(await openSealed(key, sealed)).toEqual(secret)
    await expect(openSealed(await makeKey(), sealed)).rejects.toMatchObject({ code: 'invalid' })
  })
})
