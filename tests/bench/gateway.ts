/** A real gateway as a process of its own, enrolled with a real controller. */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { printRecord } from '#devices/contract/record.ts'
import { smallGateway } from '../../bin/small.ts'
import { openIdentity } from '../../gateway/identity.ts'
import { marksFile } from '../../gateway/log/marks.ts'
import { openHallLog } from '../../gateway/log/open.ts'
import { epochOf } from './batches.ts'
import type { Controller } from './controller.ts'
import { hallDays } from './hall-day.ts'
import { nodeFlags } from './node-flags.ts'

export type Gateway = AsyncDisposable & {
  pid: number
  /** Records that no receipt covers yet. */
  unbooked(): Promise<number>
}

const APPEND_AT_A_TIME = 2_000

/** A data folder whose log already holds `records` that nobody has booked. */
export async function folderWithBacklog(hall: string, records: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-bench-gateway-'))
  const data = join(folder, 'data')
  await mkdir(data, { mode: 0o700 })
  if (records === 0) return folder
  const { gateway } = await openIdentity(data)
  const days = hallDays(11)
  const next = () => days.next().value
  const { log } = openHallLog({
    ...{ folder: data, gateway, quota_bytes: 1e10, retention_ms: 1e9, asideName: 'none' },
    // Only the backlog is made so; the gateway opens it as ever.
    durable: false,
    marks: marksFile(join(data, 'marks.json')),
    freshEpoch: () => epochOf(hall),
    stamp: () => next().at,
  })
  for (let left = records - 1; left > 0; left -= APPEND_AT_A_TIME) {
    const some = Array.from({ length: Math.min(left, APPEND_AT_A_TIME) }, next)
    log.append(some.map(({ draft, at }) => ({ text: printRecord(draft, at), wall_ms: at.wall_ms })))
  }
  log.close()
  return folder
}

/** Resolves when it says that it is ready. */
export async function startGateway(
  controller: Controller,
  { hall, folder }: { hall: string; folder: string },
): Promise<Gateway> {
  const config = join(folder, 'gateway.json')
  const token_file = join(folder, 'installer-token')
  const tokens = [{ name: 'bench', role: 'installer', file: token_file }]
  await writeFile(
    config,
    JSON.stringify({
      data: join(folder, 'data'),
      controller: { url: controller.http_url, token: await controller.createHall(hall) },
      local: { port: 0, tokens },
    }),
  )
  const small = smallGateway(['--config', config, '--log-level', 'error'])
  const child = spawn(process.execPath, [...nodeFlags(), ...small.args], {
    env: { ...process.env, ...small.env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}`)))
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const ready = /^ready hall \S+, local API (\S+)/.exec(line)
      if (ready !== null) resolve(ready[1]!)
    })
  })
  const authorization = `Bearer ${(await readFile(token_file, 'utf8')).trim()}`
  return {
    pid: child.pid!,
    async unbooked() {
      const answer = await fetch(`${url}/status`, { headers: { authorization } })
      if (!answer.ok) throw new Error(`status: ${answer.status}`)
      return ((await answer.json()) as { log: { unbooked: number } }).log.unbooked
    },
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}
