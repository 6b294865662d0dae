/** A real controller as a process of its own, in a folder that goes with it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { EnrolAnswer } from '#devices/contract/enrolment.ts'
import { findPlace, removePlace } from '../../cloud/store/postgres/place.ts'
import { findCluster } from '../../cloud/store/postgres/supervisor.ts'
import type { HallOf } from './batches.ts'
import { rules } from './hall-day.ts'
import { nodeFlags } from './node-flags.ts'
import { cpuOf, familyOf, type Usage } from './proc.ts'

export type Controller = AsyncDisposable & {
  http_url: string
  mqtt_url: string
  folder: string
  pid: number
  /** Of the embedded database, with the password in it. */
  database_url(): Promise<string>
  /** Processor seconds so far. */
  cpu(): Promise<{ controller: Usage; database: Usage }>
  /** A one-time token for a new hall. */
  createHall(hall: string): Promise<string>
  enrolHall(hall: string): Promise<HallOf>
}

export async function startController(): Promise<Controller> {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-bench-'))
  const config = join(folder, 'controller.json')
  const free = { host: '127.0.0.1', port: 0 }
  const data = join(folder, 'data')
  await writeFile(config, JSON.stringify({ data, http: free, mqtt: free, log_level: 'error' }))
  const child = spawn(process.execPath, [...nodeFlags(), 'cloud/main.ts', '--config', config], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const said = await untilReady(child)
  const token = (await readFile(said.token_file, 'utf8')).trim()
  const post = (path: string, body: unknown) =>
    postJson(`${said.http_url}${path}`, body, { authorization: `Bearer ${token}` })
  const createHall = async (hall: string) =>
    ((await post('/api/halls', { hall, rules })) as { token: string }).token
  return {
    ...said,
    folder,
    pid: child.pid!,
    database_url: async () => (await findCluster(data)).url,
    async cpu() {
      const { pid } = await findCluster(data)
      return { controller: await cpuOf([child.pid!]), database: await cpuOf(await familyOf(pid!)) }
    },
    createHall,
    async enrolHall(hall) {
      const gateway = `bench-${hall}`
      const request = { v: 1, token: await createHall(hall), gateway, public_key: publicKey() }
      const { fence, mqtt } = EnrolAnswer.parse(await post('/api/enrol', request))
      return { hall, gateway, fence, password: mqtt.password }
    },
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
      // As root the cluster lies outside the folder.
      await removePlace(await findPlace(data))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function publicKey() {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  return { kty, crv, x, y }
}

async function postJson(
  url: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<unknown> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
  return answer.json()
}

type Said = { http_url: string; mqtt_url: string; token_file: string }

/** Reads the lines that a starting controller prints. */
function untilReady(child: ChildProcess): Promise<Said> {
  const said = { http_url: '', mqtt_url: '', token_file: '' }
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the controller ended with ${code}`)))
    createInterface({ input: child.stdout! }).on('line', (line) => {
      said.mqtt_url = /^mqtt (\S+)/.exec(line)?.[1] ?? said.mqtt_url
      said.token_file = /^admin token in (.+)/.exec(line)?.[1] ?? said.token_file
      said.http_url = /^ready (\S+)/.exec(line)?.[1] ?? said.http_url
      if (said.http_url !== '') resolve(said)
    })
  })
}
