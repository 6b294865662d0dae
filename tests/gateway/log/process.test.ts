/** The log in processes of its own: killed in the middle, opened twice, on a disk that is full. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { startHallLog } from '../../../gateway/log/start.ts'
import { closeLog, kiosks, newFolder, openLog, START_MS, stampAt, visited } from './folder.ts'

const running = new Set<ChildProcess>()
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
})

function appender(folder: string, from: number) {
  const script = join(import.meta.dirname, 'appender.ts')
  const child = spawn(process.execPath, [script, folder, `${from}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.add(child)
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      running.delete(child)
      resolve(code)
    })
  })
  const numbers = () => [...out.matchAll(/^recorded (\d+)$/gm)].map((match) => Number(match[1]))
  const heard = async (count: number) => {
    while (numbers().length < count && child.exitCode === null) {
      await new Promise((resolve) => child.stdout.once('data', resolve))
    }
  }
  return { child, ended, numbers, heard, out: () => out }
}

it('killed in the middle of appends, over and over: what was acknowledged is there, once', async () => {
  const folder = newFolder()
  const acknowledged = new Set<number>()
  for (let round = 0; round < 8; round++) {
    const { child, ended, numbers, heard } = appender(folder, round * 100_000)
    await heard(3 + round * 9)
    child.kill('SIGKILL')
    await ended
    expect(numbers().length).toBeGreaterThan(0)
    for (const n of numbers()) acknowledged.add(n)
  }
  const { log, found } = openLog(folder)
  expect(found).toBe('whole')
  const held = kiosks(log)
  expect(new Set(held).size).toBe(held.length)
  const known = new Set(held)
  expect([...acknowledged].filter((n) => !known.has(`k${n}`))).toEqual([])
  closeLog(log)
})

it('a second process on the same file hears that it is taken, and takes it once it is free', async () => {
  const folder = newFolder()
  const first = appender(folder, 1)
  await first.heard(1)
  const second = appender(folder, 1)
  expect(await second.ended).toBe(3)
  expect(second.out()).toBe('fault log_locked\n')
  first.child.kill('SIGKILL')
  await first.ended
  const third = appender(folder, 100_000)
  await third.heard(1)
  expect(third.out()).toContain('open whole')
})

it("a log's thread that dies of a bug says so: everybody is refused, and the program can end", async () => {
  const { client, died, close } = await startHallLog({
    ...{ folder: newFolder(), gateway: 'gw-1', quota_bytes: 1e9, retention_ms: 0, durable: true },
    ...{ takeover: null, stamp: () => stampAt(START_MS) },
  })
  const bug = client.takeReceipt(null as never)
  await expect(bug).rejects.toMatchObject({ code: 'commit_failed' })
  expect((await died).message).not.toBe('')
  await expect(client.status()).rejects.toMatchObject({ code: 'commit_failed' })
  await close()
})

const mountTmpfs = (folder: string, size: string) =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]).status === 0

it('in a folder that cannot be used says which, why, and what to do', async (test) => {
  const folder = join(newFolder(), 'sealed')
  const open = (of: string) =>
    startHallLog({
      ...{ folder: of, gateway: 'gw-1', quota_bytes: 1e9, retention_ms: 0, durable: true },
      ...{ takeover: null, stamp: () => stampAt(START_MS) },
    })
  writeFileSync(folder, 'a file')
  await expect(open(folder)).rejects.toMatchObject({
    ...{ code: 'commit_failed', detail: expect.stringContaining(`${folder}: a file stands`) },
  })
  rmSync(folder)
  mkdirSync(folder)
  if (!mountTmpfs(folder, '4m')) {
    console.warn('SKIPPED read-only disk: a small file system cannot be mounted here')
    return test.skip()
  }
  try {
    await (await open(folder)).close()
    spawnSync('mount', ['-o', 'remount,ro', folder])
    await expect(open(folder)).rejects.toMatchObject({
      ...{ code: 'commit_failed', detail: expect.stringMatching(/read-only: make it writable/) },
    })
    spawnSync('mount', ['-o', 'remount,rw', folder])
    await (await open(folder)).close()
  } finally {
    spawnSync('umount', ['-l', folder])
  }
})

it('on a disk that fills up refuses with a clear fault, keeps what it said, and recovers', async (test) => {
  const folder = join(newFolder(), 'small')
  mkdirSync(folder)
  if (!mountTmpfs(folder, '1m')) {
    console.warn('SKIPPED disk full: a small file system cannot be mounted here')
    return test.skip()
  }
  try {
    const parts = {
      ...{ folder, gateway: 'gw-1', quota_bytes: 1e9, retention_ms: 0, durable: true },
      ...{ takeover: null, stamp: () => stampAt(START_MS) },
    }
    const running = await startHallLog(parts)
    const { client } = running
    const ballast = join(folder, 'ballast')
    const { bavail, bsize } = statfsSync(folder)
    writeFileSync(ballast, new Uint8Array(bavail * bsize - 150_000))
    const said: number[] = []
    let code = ''
    for (let n = 1; code === '' && n < 5_000; n++) {
      const draft = visited(n, 'x'.repeat(60))
      await client.append([{ draft, at: stampAt(START_MS) }]).then(
        () => said.push(n),
        (error) => {
          code = error.code
        },
      )
    }
    expect(code).toBe('disk_full')
    expect(said.length).toBeGreaterThan(5)
    // Nobody else has the room either: marks refuse the same way, and nothing breaks.
    await client.fold(null).next()
    const number = client.append([
      {
        draft: {
          kind: 'ticket.issued',
          data: {
            ...{ ticket: '0123456789abcdef', day: '2026-01-05', number: 'A0001', service: 'sA' },
            ...{ class: 'ordinary', ahead: 0 },
          },
        },
        at: stampAt(START_MS),
      },
    ])
    await expect(number).rejects.toMatchObject({ code: expect.stringMatching(/disk_full/) })
    writeFileSync(ballast, '')
    await client.fold(null).next()
    await client.append([{ draft: visited(9_999), at: stampAt(START_MS) }])
    await running.close()
    const { log, found } = openLog(folder)
    expect(found).toBe('whole')
    const held = kiosks(log)
    expect(said.every((n) => held.includes(`k${n}`))).toBe(true)
    expect(held.at(-1)).toBe('k9999')
    closeLog(log)
  } finally {
    spawnSync('umount', ['-l', folder])
  }
})
