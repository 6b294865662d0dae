/**
 * The embedded server with the real programs: what a user does with it (start, stop, start again),
 * and what happens to it (controller killed, postmaster killed, folder copied, lock left behind).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { silent } from '#devices/std/log.ts'
import { parseAccounts } from '../../cloud/store/postgres/accounts.ts'
import { assertDurable } from '../../cloud/store/postgres/durable.ts'
import { isAlive, until } from '../../cloud/store/postgres/processes.ts'
import { type Cluster, findCluster, openCluster } from '../../cloud/store/postgres/supervisor.ts'

const root = process.getuid?.() === 0
const child_program = join(import.meta.dirname, 'postgres-child.ts')

let base: string
const children: ChildProcess[] = []
const clusters: Cluster[] = []
const left_running: number[] = []

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'hallway-pg-'))
  await chmod(base, 0o755)
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const cluster of clusters.splice(0)) await cluster.stop()
})
afterAll(async () => {
  for (const pid of left_running) if (await isAlive(pid)) process.kill(pid, 'SIGQUIT')
  await rm(base, { recursive: true, force: true })
})

async function open(name: string, extraSettings: Record<string, string> = {}): Promise<Cluster> {
  const cluster = await openCluster({ dataDir: join(base, name), log: silent, extraSettings })
  clusters.push(cluster)
  return cluster
}

async function ask(cluster: { url(): string }, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: cluster.url() })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

type Told = { pid: number; adopted: boolean; url: string; fault?: string }

/** Runs the child program; resolves with the line it prints. */
function runChild(
  args: string[],
  options: object = {},
): Promise<{ child: ChildProcess; told: Told }> {
  const child = spawn(process.execPath, [child_program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  })
  children.push(child)
  return new Promise((resolve, reject) => {
    let said = ''
    child.stdout?.on('data', (data) => {
      said += data
      if (!said.includes('\n')) return
      const told = JSON.parse(said) as Told
      left_running.push(told.pid ?? 0)
      resolve({ child, told })
    })
    // Not at its exit, which may be told before its last words.
    child.on('close', (code) => reject(new Error(`child said nothing and ended with ${code}`)))
  })
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

describe('a folder of our own', () => {
  it('starts empty, keeps what was committed, is private and checked', async () => {
    const first = await open('plain')
    expect(first.adopted).toBe(false)
    await ask(first, 'create table kept as select 42 as n')
    const settings = await ask(
      first,
      `select current_setting('data_checksums') as sums, current_setting('listen_addresses') as tcp,
        current_setting('server_encoding') as enc, datcollate from pg_database
        where datname = current_database()`,
    )
    expect(settings).toEqual([{ sums: 'on', tcp: '', enc: 'UTF8', datcollate: 'C' }])
    expect((await stat(join(base, 'plain', 'postgres-password'))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(first.place.pgdata, 'pg_hba.conf'), 'utf8')).not.toMatch(
      /^\w.*trust/m,
    )
    await assertDurable((sql) => ask(first, sql))

    const pid = first.postmasterPid()
    await first.stop()
    expect(await isAlive(pid)).toBe(false)
    const second = await open('plain')
    expect(second.adopted).toBe(false)
    expect(await ask(second, 'select n from kept')).toEqual([{ n: 42 }])
  })

  it('refuses a wrong password', async () => {
    const cluster = await open('plain')
    const wrong = cluster.url().replace(/hallway:[0-9a-f]+/, 'hallway:guess')
    await expect(ask({ url: () => wrong }, 'select 1')).rejects.toMatchObject({ code: '28P01' })
  })

  it('is refused when it does not keep what it commits', async () => {
    const cluster = await open('plain', { fsync: 'off', synchronous_commit: 'off' })
    const check = assertDurable((sql) => ask(cluster, sql))
    await expect(check).rejects.toMatchObject({ code: 'unsafe_database' })
    await expect(check).rejects.toThrow(/fsync, synchronous_commit off/)
  })

  it('is not given to a second controller', async () => {
    await open('plain')
    const second = openCluster({ dataDir: join(base, 'plain'), log: silent })
    await expect(second).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('may be moved, and a copy of the whole is a cluster of its own', async () => {
    const original = await open('plain')
    await ask(original, 'create table moved as select 7 as n')
    await original.stop()
    await cp(join(base, 'plain'), join(base, 'copied'), { recursive: true })
    await giveBack(join(base, 'copied', 'postgres'), original.place.pgdata)
    const copy = await open('copied')
    expect(copy.place.home).toBe(join(base, 'copied', 'postgres'))
    expect(await ask(copy, 'select n from moved')).toEqual([{ n: 7 }])
  })

  it('is found by programs beside the controller, which neither make nor start one', async () => {
    await expect(findCluster(join(base, 'nothing'))).rejects.toMatchObject({ code: 'not_found' })
    expect(await stat(join(base, 'nothing')).catch(() => 'absent')).toBe('absent')
    const cluster = await open('plain')
    const found = await findCluster(join(base, 'plain'))
    expect(found).toEqual({ url: cluster.url(), pid: cluster.postmasterPid() })
    await cluster.stop()
    expect((await findCluster(join(base, 'plain'))).pid).toBeNull()
  })

  it('is made again when a first start was cut short', async () => {
    for (const half of ['data.part', 'programs-0.part']) {
      await mkdir(join(base, 'half', 'postgres', half), { recursive: true })
      await writeFile(join(base, 'half', 'postgres', half, 'PG_VERSION'), '18')
    }
    const cluster = await open('half')
    expect(await ask(cluster, 'select 1 as n')).toEqual([{ n: 1 }])
    const left = await readdir(join(base, 'half', 'postgres'))
    expect(left.filter((name) => name.endsWith('.part'))).toEqual([])
  })

  it('does not go on with a password that is not its own', async () => {
    await (await open('half')).stop()
    const file = join(base, 'half', 'postgres-password')
    const password = await readFile(file, 'utf8')
    await writeFile(file, `${'0'.repeat(64)}\n`)
    await expect(open('half')).rejects.toMatchObject({ code: 'unauthorised' })
    await rm(file)
    await expect(open('half')).rejects.toMatchObject({ code: 'unauthorised' })
    await writeFile(file, password)
    await open('half')
  })

  it('says why it cannot start', async () => {
    await expect(open('plain', { shared_buffers: 'much' })).rejects.toMatchObject({
      code: 'unavailable',
      detail: expect.stringContaining('shared_buffers'),
    })
    await expect(open('plain', { 'a = b': '' })).rejects.toMatchObject({ code: 'invalid' })
    await writeFile(join(base, 'a-file'), '')
    await expect(open('a-file/data')).rejects.toMatchObject({ code: 'unavailable' })
  })
})

describe('killed', () => {
  it('controller: the next one adopts the live server, sessions and all', async () => {
    const { child, told } = await runChild([join(base, 'adopt'), 'hold'])
    expect(told.fault).toBeUndefined()
    const session = new pg.Client({ connectionString: told.url })
    await session.connect()
    child.kill('SIGKILL')
    await ended(child)
    const cluster = await open('adopt')
    expect(cluster.adopted).toBe(true)
    expect(cluster.postmasterPid()).toBe(told.pid)
    expect((await session.query('select 1 as n')).rows).toEqual([{ n: 1 }])
    session.on('error', () => {})

    // Not our child: nobody tells us of its end, and where nobody reaps it, it stays as a zombie.
    process.kill(told.pid, 'SIGKILL')
    const back = await new Promise<number>((resolve) => {
      cluster.onExit((event) => event.kind === 'running' && resolve(event.pid))
    })
    expect(back).not.toBe(told.pid)
    expect(await ask(cluster, 'select 1 as n')).toEqual([{ n: 1 }])
  })

  it('controller: a live server with other settings is stopped and started anew', async () => {
    const { child, told } = await runChild([join(base, 'adopt'), 'hold'])
    child.kill('SIGKILL')
    await ended(child)
    const cluster = await open('adopt', { work_mem: '5MB' })
    expect(cluster.adopted).toBe(false)
    expect(cluster.postmasterPid()).not.toBe(told.pid)
    expect(await ask(cluster, 'show work_mem')).toEqual([{ work_mem: '5MB' }])
  })

  it('postmaster under a live controller: started again with all that was committed', async () => {
    const cluster = await open('crash')
    const events: string[] = []
    const back = new Promise<void>((resolve) => {
      cluster.onExit((event) => {
        events.push(event.kind)
        if (event.kind === 'running') resolve()
      })
    })
    await ask(cluster, 'create table kept as select generate_series(1, 1000) as n')
    process.kill(cluster.postmasterPid(), 'SIGKILL')
    await back
    expect(events).toEqual(['exited', 'running'])
    expect(await ask(cluster, 'select count(*)::int as n from kept')).toEqual([{ n: 1000 }])
  })

  it('postmaster and controller, with a backend that does not notice: it is ended', async () => {
    const { child, told } = await runChild([join(base, 'stray'), 'hold'])
    const session = new pg.Client({ connectionString: told.url })
    session.on('error', () => {})
    await session.connect()
    await session.query('create table kept as select 1 as n')
    // Busy in one statement, this backend holds the shared memory and never looks up.
    const busy = session.query('do $$ begin loop perform 1; end loop; end $$').catch(() => 'ended')
    child.kill('SIGKILL')
    process.kill(told.pid, 'SIGKILL')
    await ended(child)
    const cluster = await open('stray')
    expect(cluster.adopted).toBe(false)
    expect(await busy).toBe('ended')
    expect(await ask(cluster, 'select n from kept')).toEqual([{ n: 1 }])
  })

  it('machine: pid file and lock whose numbers belong to others now are stale', async () => {
    const cluster = await open('crash')
    await cluster.stop()
    const pid_file = join(cluster.place.pgdata, 'postmaster.pid')
    await writeFile(
      pid_file,
      `${process.pid}\n${cluster.place.pgdata}\n1\n5432\n\n\n1 1\nready   \n`,
    )
    await writeFile(join(base, 'crash', 'controller.lock'), `${process.ppid} 1\n`)
    const next = await open('crash')
    expect(next.adopted).toBe(false)
    expect(await ask(next, 'select count(*)::int as n from kept')).toEqual([{ n: 1000 }])
  })

  it('stops a server it is told to stop while it is being restarted', async () => {
    const cluster = await open('crash')
    process.kill(cluster.postmasterPid(), 'SIGKILL')
    await new Promise<void>((resolve) => cluster.onExit(() => resolve()))
    await cluster.stop()
    expect(await until(60_000, async () => !(await isAlive(cluster.postmasterPid())))).toBe(true)
  })
})

describe('whoever runs it', () => {
  it.skipIf(!root)('root, in a folder only root may enter (skipped unless root)', async () => {
    const closed = join(base, 'closed')
    await mkdir(closed, { mode: 0o700 })
    const cluster = await open('closed/data')
    expect(await ask(cluster, 'select 1 as n')).toEqual([{ n: 1 }])
    expect((await stat(closed)).mode & 0o777).toBe(0o700)
    const home = cluster.place.home
    expect(home.startsWith(base)).toBe(false)
    expect((await stat(cluster.place.pgdata)).uid).not.toBe(0)
    await cluster.stop()
    const again = await open('closed/data')
    expect(again.place.home).toBe(home)
    await cp(closed, `${closed}-copy`, { recursive: true })
    await expect(open('closed-copy/data')).rejects.toMatchObject({ code: 'unavailable' })
    await again.discard()
    expect(await stat(home).catch(() => 'gone')).toBe('gone')
    expect(await readdir(join(closed, 'data'))).toEqual([])
  })

  it.skipIf(!root)(
    'an ordinary user, after root was here or not (skipped unless root)',
    async () => {
      const [nobody] = parseAccounts(await readFile('/etc/passwd', 'utf8')).filter(
        (one) => one.name === 'nobody',
      )
      if (!nobody) throw new Error('this machine has no account nobody')
      const home = join(base, 'nobody')
      await mkdir(home)
      await chown(home, nobody.uid, nobody.gid)
      if (!(await mayRead(child_program)))
        return console.warn('SKIPPED: nobody cannot read the tests')
      const { told, child } = await runChild([join(home, 'data')], {
        uid: nobody.uid,
        gid: nobody.gid,
        cwd: home,
        env: { HOME: home, PATH: '/usr/bin:/bin' },
      })
      expect(told.fault).toBeUndefined()
      await ended(child)
      expect((await stat(join(home, 'data', 'postgres', 'data'))).uid).toBe(nobody.uid)
    },
  )
})

/** What `cp -a` does and node's `cp` does not: the copy belongs to whom the original belonged. */
async function giveBack(home: string, pgdata: string): Promise<void> {
  if (!root) return
  const { uid, gid } = await stat(pgdata)
  for (const part of ['data', 'run']) {
    const paths = await readdir(join(home, part), { recursive: true })
    for (const path of ['', ...paths]) await chown(join(home, part, path), uid, gid)
  }
}

/** Whether everybody may read the file: each folder above lets others through. */
async function mayRead(path: string): Promise<boolean> {
  const { mode } = await stat(path)
  if ((mode & 0o005) === 0) return false
  return path === dirname(path) || mayRead(dirname(path))
}
