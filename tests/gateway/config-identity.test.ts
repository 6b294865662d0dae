/** Who a gateway is and what it was given: made once, kept whole, readable by its owner alone. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { CompactEncrypt, importJWK } from 'jose'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EnrolAnswer } from '#devices/contract/enrolment.ts'
import { readSmall, writeDurably } from '../../gateway/durable-file.ts'
import { readCredential } from '../../gateway/enrol/credential.ts'
import { enrol } from '../../gateway/enrol/enrol.ts'
import { type Identity, openIdentity } from '../../gateway/identity.ts'
import { openTokens } from '../../gateway/local/tokens.ts'
import { rules } from './local-fixture.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallway-identity-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const mode = async (path: string) => (await stat(path)).mode & 0o777

describe('identity', () => {
  test('stays over starts, while the boot is new each time', async () => {
    const first = await openIdentity(folder)
    const second = await openIdentity(folder)
    expect(second).toMatchObject({ gateway: first.gateway, public_key: first.public_key })
    expect(second.boot).not.toBe(first.boot)
    expect(first.gateway).toMatch(/^[0-9a-f]{32}$/)
    expect(first.boot).toMatch(/^[0-9a-f]{16}$/)
    expect(await mode(join(folder, 'identity.json'))).toBe(0o600)
  })

  test('is one, however many first starts there are at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => openIdentity(folder)))
    const [first] = all
    for (const one of all)
      expect(one).toMatchObject({ gateway: first!.gateway, public_key: first!.public_key })
    expect(await readdir(folder)).toEqual(['identity.json'])
  })

  test('opens what was encrypted to it, and nothing else', async () => {
    const [ours, theirs] = await Promise.all([
      openIdentity(folder),
      openIdentity(join(folder, 'other')),
    ])
    const sealed = await sealTo(ours, Buffer.from('hall key'))
    expect(Buffer.from(await ours.open(sealed)).toString()).toBe('hall key')
    await expect(theirs.open(sealed)).rejects.toMatchObject({ code: 'malformed' })
    await expect(ours.open('a.b.c.d.e')).rejects.toMatchObject({ code: 'malformed' })
  })

  test('damaged, it is named and never silently replaced', async () => {
    const path = join(folder, 'identity.json')
    await openIdentity(folder)
    const whole = await readFile(path, 'utf8')
    for (const text of [
      '',
      whole.slice(0, 40),
      whole.replace('"v":1', '"v":2'),
      'x'.repeat(9_000),
    ]) {
      await writeFile(path, text)
      await expect(openIdentity(folder)).rejects.toMatchObject({
        code: expect.stringMatching(/malformed|too_large/),
        detail: expect.stringContaining(path),
      })
      expect(await readFile(path, 'utf8')).toBe(text)
    }
  })

  test('does not print its private key', async () => {
    const identity = await openIdentity(folder)
    const { private_key } = JSON.parse(await readFile(join(folder, 'identity.json'), 'utf8'))
    const printed = inspect(identity, { depth: 9, showHidden: true }) + JSON.stringify(identity)
    expect(printed).not.toContain(private_key.d)
  })
})

describe('small files', () => {
  test('a writing that fails leaves the old text and nothing beside it', async () => {
    const path = join(folder, 'state')
    await writeDurably(path, 'old')
    // A folder of that name cannot be replaced by a file.
    await mkdir(join(folder, 'taken'))
    await expect(writeDurably(join(folder, 'taken'), 'new')).rejects.toThrow()
    expect(await readSmall(path, 100)).toBe('old')
    expect((await readdir(folder)).sort()).toEqual(['state', 'taken'])
  })

  test('many writers at once leave one whole text', async () => {
    const path = join(folder, 'state')
    const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(10_000))
    await Promise.all(texts.map((text) => writeDurably(path, text)))
    expect(texts).toContain(await readSmall(path, 100_000))
    expect(await readdir(folder)).toEqual(['state'])
  })
})

describe('tokens', () => {
  const declared = [{ name: 'kiosk', role: 'kiosk' }] as const

  test('are told once and kept as hashes; the same ones count after a restart', async () => {
    const { issued } = await openTokens(folder, declared)
    const again = await openTokens(folder, declared)
    expect(issued).toHaveLength(1)
    expect(again.issued).toEqual([])
    expect(again.tokens.find(issued[0]!.token)).toMatchObject({ name: 'kiosk', role: 'kiosk' })
    const path = join(folder, 'local-tokens.json')
    expect(await readFile(path, 'utf8')).not.toContain(issued[0]!.token)
    expect(await mode(path)).toBe(0o600)
  })

  test('one no longer named stops to count, also when it is named again', async () => {
    const { issued } = await openTokens(folder, declared)
    expect((await openTokens(folder, [])).tokens.find(issued[0]!.token)).toBeNull()
    const back = await openTokens(folder, declared)
    expect(back.tokens.find(issued[0]!.token)).toBeNull()
    expect(back.issued).toHaveLength(1)
  })

  test('are handed over in a file, made anew when that is lost', async () => {
    const file = join(folder, 'hand-over')
    const handed = [{ ...declared[0], file }]
    await openTokens(folder, handed)
    const first = (await readFile(file, 'utf8')).trim()
    expect(await mode(file)).toBe(0o600)
    expect((await openTokens(folder, handed)).tokens.find(first)).not.toBeNull()
    await rm(file)
    const { tokens } = await openTokens(folder, handed)
    expect(tokens.find(first)).toBeNull()
    expect(tokens.find((await readFile(file, 'utf8')).trim())).not.toBeNull()
  })

  test('a damaged file is named, not replaced', async () => {
    await openTokens(folder, declared)
    await writeFile(join(folder, 'local-tokens.json'), '{')
    await expect(openTokens(folder, declared)).rejects.toMatchObject({ code: 'malformed' })
  })
})

describe('enrolment', () => {
  let server: Server
  let url: string
  let asked: unknown[]
  let answer: (body: { public_key: Identity['public_key'] }) => Promise<[number, string]>
  beforeEach(async () => {
    asked = []
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const body = JSON.parse(Buffer.concat(chunks).toString())
      asked.push({ path: request.url, body })
      const [status, text] = await answer(body)
      response.writeHead(status, { 'content-type': 'application/json' }).end(text)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  const token = 't'.repeat(43)
  const hall_key = Buffer.alloc(32, 5)
  const granted = async (identity: Identity): Promise<EnrolAnswer> => ({
    v: 1,
    hall: 'hall-1',
    fence: 3,
    mqtt: { url: 'mqtt://127.0.0.1:1883', username: 'hall-1', password: 'p'.repeat(43) },
    hall_key: await sealTo(identity, hall_key),
    sealing_key: identity.public_key,
    config_version: 1,
    rules,
    ledger: 'ab'.repeat(16),
    held: null,
    numbers: null,
  })

  test('brings a credential that lasts, with the hall key sealed on disk and open in memory', async () => {
    const identity = await openIdentity(folder)
    answer = async () => [200, JSON.stringify(await granted(identity))]
    const credential = await enrol(identity, { url, token, folder })
    const again = await readCredential(folder, identity)
    for (const one of [credential, again!]) {
      expect(one).toMatchObject({ hall: 'hall-1', fence: 3 })
      expect(Buffer.from(one.hall_key.reveal())).toEqual(hall_key)
      expect(inspect(one, { depth: 9 }) + JSON.stringify(one)).toContain('[key]')
    }
    expect(asked).toMatchObject([
      { path: '/api/enrol', body: { v: 1, token, gateway: identity.gateway } },
    ])
    const text = await readFile(join(folder, 'credential.json'), 'utf8')
    for (const form of ['hex', 'base64', 'base64url'] as const) {
      expect(text).not.toContain(hall_key.toString(form))
    }
    expect(text).not.toContain(token)
    expect(await mode(join(folder, 'credential.json'))).toBe(0o600)
  })

  test('before it there is no credential; one of another gateway does not count', async () => {
    const identity = await openIdentity(folder)
    expect(await readCredential(folder, identity)).toBeNull()
    answer = async () => [200, JSON.stringify(await granted(identity))]
    await enrol(identity, { url, token, folder })
    await rm(join(folder, 'identity.json'))
    const other = await openIdentity(folder)
    await expect(readCredential(folder, other)).rejects.toMatchObject({ code: 'malformed' })
  })

  test('a token that is refused is told with where another one is made', async () => {
    const identity = await openIdentity(folder)
    for (const [status, code] of [
      [422, 'invalid'],
      [409, 'token_spent'],
    ] as const) {
      answer = () => Promise.resolve([status, JSON.stringify({ code })])
      const refused = enrol(identity, { url, token, folder })
      await expect(refused).rejects.toMatchObject({
        code,
        detail: expect.stringContaining('POST /api/halls/HALL/token'),
      })
      await expect(refused).rejects.not.toThrow(token)
    }
  })

  test('what the controller refuses, garbles or cannot say is told by its code; nothing is kept', async () => {
    const identity = await openIdentity(folder)
    const foreign = await openIdentity(join(folder, 'other'))
    const good = await granted(identity)
    const cases: [number, string, string][] = [
      [409, '{"code":"token_spent"}', 'token_spent'],
      [409, '{"code":"not_owner"}', 'not_owner'],
      [500, '<html>', 'unavailable'],
      [404, '{"code":"constructor"}', 'malformed'],
      [302, '', 'malformed'],
      [200, '{}', 'malformed'],
      [200, JSON.stringify({ ...good, more: 1 }), 'malformed'],
      [200, JSON.stringify({ ...good, hall_key: await sealTo(foreign, hall_key) }), 'malformed'],
      [200, 'x'.repeat(2 ** 21), 'too_large'],
    ]
    for (const [status, body, code] of cases) {
      answer = () => Promise.resolve([status, body])
      await expect(enrol(identity, { url, token, folder })).rejects.toMatchObject({ code })
      expect(await readCredential(folder, identity)).toBeNull()
    }
    answer = () => new Promise(() => {})
    const late = enrol(identity, { url, token, folder, timeout_ms: 50 })
    await expect(late).rejects.toMatchObject({ code: 'timed_out' })
    const nobody = enrol(identity, { url: 'http://127.0.0.1:1', token, folder })
    await expect(nobody).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('the token does not travel in the clear outside loopback', async () => {
    const identity = await openIdentity(folder)
    const clear = enrol(identity, { url: 'http://192.0.2.1', token, folder })
    await expect(clear).rejects.toMatchObject({ code: 'insecure' })
  })

  test('a folder that cannot be written is told, and nothing half is left', async () => {
    const identity = await openIdentity(folder)
    const taken = join(folder, 'taken')
    await mkdir(join(taken, 'credential.json'), { recursive: true })
    await chmod(taken, 0o700)
    answer = async () => [200, JSON.stringify(await granted(identity))]
    await expect(enrol(identity, { url, token, folder: taken })).rejects.toThrow()
    expect(await readdir(taken)).toEqual(['credential.json'])
  })
})

async function sealTo(identity: Identity, secret: Uint8Array): Promise<string> {
  const { kid: _, ...jwk } = identity.public_key
  return new CompactEncrypt(secret)
    .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM' })
    .encrypt(await importJWK(jwk, 'ECDH-ES+A256KW'))
}
