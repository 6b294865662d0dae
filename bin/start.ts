/**
 * `npm start`: the whole of Hallway on one machine. A controller with its database, three gateways,
 * simulated devices and people, each in a process of its own; the first start enrols the halls, the
 * next ones go on where the last one ended, however it ended.
 */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { isFault } from '../devices/std/fault.ts'
import { type DemoHall, demoHalls } from '../firmware-sim/demo/halls.ts'
import { type HttpClient, httpClient } from '../firmware-sim/people/http.ts'
import { freePorts, isFree } from '../firmware-sim/people/ports.ts'
import { Program, type ProgramOptions } from '../firmware-sim/people/processes.ts'
import { launcherGone } from './launcher.ts'
import { smallGateway } from './small.ts'

const root = resolve(import.meta.dirname, '..')
const command = new Command('start')
  .description('Controller, three halls with simulated devices and people, on this machine.')
  .option('--port <n>', 'where the live page is', '8080')
  .option('--data <folder>', 'where everything is kept', './data/demo')
  .parse()
const flags = command.opts<{ port: string; data: string }>()
const port = Number(flags.port)
if (!Number.isInteger(port) || port < 1 || port > 65_535) command.error('--port takes 1 to 65535')

const data = resolve(flags.data)
/** In the order of the start; ended in the reverse order. */
const programs: Program[] = []
let stopping = false

function start(name: string, ...args: string[]): Program {
  return run({ name, args })
}

function run(options: Pick<ProgramOptions, 'name' | 'args' | 'env'>): Program {
  const log_file = join(data, `${options.name}.log`)
  const program = new Program({ ...options, log_file, cwd: root })
  programs.push(program)
  return program
}

async function stopAll(): Promise<void> {
  for (const program of programs.reverse()) await program.stop()
}

async function write(name: string, value: object): Promise<string> {
  const file = join(data, name)
  await writeFile(file, JSON.stringify(value, null, 2), { mode: 0o600 })
  return file
}

/** The broker's port is in every gateway's credential: chosen once. */
async function brokerPort(): Promise<number> {
  const file = join(data, 'demo.json')
  const known = await readFile(file, 'utf8').catch(() => null)
  if (known !== null) return (JSON.parse(known) as { mqtt: number }).mqtt
  const [free] = await freePorts(1)
  await write('demo.json', { mqtt: free })
  return free!
}

async function startController(): Promise<HttpClient> {
  const config = await write('controller.json', {
    data: join(data, 'controller'),
    http: { port },
    mqtt: { port: await brokerPort() },
    console: 'open',
  })
  await start('controller', 'cloud/main.ts', '--config', config).line('ready ')
  const token = await readFile(join(data, 'controller', 'admin-token'), 'utf8')
  return httpClient(`http://127.0.0.1:${port}`, token.trim(), 8)
}

/** A one-time token for a hall that has no gateway yet; null where it is enrolled. */
async function tokenFor(cloud: HttpClient, { hall, rules }: DemoHall): Promise<string | null> {
  const enrolled = await readFile(join(data, hall, 'credential.json'), 'utf8').catch(() => null)
  if (enrolled !== null) return null
  const made = await cloud.ask({ method: 'POST', path: '/api/halls', body: { hall, rules } })
  if (made.status === 200) return (JSON.parse(made.text) as { token: string }).token
  // Made by a start that ended before the gateway was enrolled, or its folder was removed since.
  for (const what of ['token', 'replace']) {
    const again = await cloud.ask({ method: 'POST', path: `/api/halls/${hall}/${what}`, body: {} })
    if (again.status === 200) return (JSON.parse(again.text) as { token: string }).token
  }
  throw new Error(`${hall}: ${made.text}`)
}

async function startHalls(cloud: HttpClient): Promise<void> {
  const ports = await freePorts(demoHalls.length)
  const places = demoHalls.map(({ hall }, i) => ({
    hall,
    local: `http://127.0.0.1:${ports[i]}`,
    token_file: join(data, `${hall}.token`),
  }))
  const demo = start(
    'demo',
    'firmware-sim/demo/main.ts',
    '--config',
    await write('people.json', { halls: places }),
  )
  const line = await demo.line('devices ')
  const devices = JSON.parse(line.slice('devices '.length)) as Record<string, object[]>
  const gateways = demoHalls.map(async (about, i) => {
    const token = await tokenFor(cloud, about)
    const config = await write(`${about.hall}.json`, {
      data: join(data, about.hall),
      controller: { url: `http://127.0.0.1:${port}`, ...(token === null ? {} : { token }) },
      local: {
        port: ports[i],
        tokens: [
          { name: 'people', role: 'clerk', file: places[i]!.token_file },
          {
            name: 'installer',
            role: 'installer',
            file: join(data, `${about.hall}-installer.token`),
          },
        ],
      },
      devices: devices[about.hall],
    })
    await run({ name: about.hall, ...smallGateway(['--config', config]) }).line('ready ')
    return places[i]!.local
  })
  say(await Promise.all(gateways))
}

function say(locals: readonly string[]): void {
  const page = `http://127.0.0.1:${port}`
  const halls = demoHalls.map(({ hall, rules }, i) => {
    return `  ${hall.padEnd(12)} ${locals[i]}  ${rules.hall_name.zh} · ${rules.hall_name.en}`
  })
  console.log(
    [
      '',
      `  Live page · 实时页面     ${page}`,
      `  Data · 数据             ${data}`,
      '',
      '  Gateways (installer token in DATA/HALL-installer.token) · 网关（安装口令在数据目录）',
      ...halls,
      '',
      '  Ctrl-C stops everything; the next start goes on. · 按 Ctrl-C 停止，下次启动继续。',
      '',
    ].join('\n'),
  )
}

/** Processes of a start that was killed end by themselves, a moment later. */
async function untilFree(): Promise<boolean> {
  for (let look = 0; look < 80; look++) {
    if (await isFree(port)) return true
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  return false
}

async function main(): Promise<void> {
  if (!(await untilFree())) {
    console.error(
      `Port ${port} is in use: choose another with --port. · 端口 ${port} 已被占用，请用 --port 另选。`,
    )
    process.exitCode = 1
    return
  }
  await mkdir(data, { recursive: true, mode: 0o711 })
  await chmod(data, 0o711)
  console.log('Starting · 正在启动 …')
  const asked = new Promise<'asked'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => resolve('asked'))
    void launcherGone().then(() => resolve('asked'))
  })
  try {
    const running = startController().then(startHalls)
    const why = await Promise.race([asked, running.then(() => Promise.race([asked, anyEnd()]))])
    if (why !== 'asked') throw new Error(endedBecause(why))
    console.log('Stopping · 正在停止 …')
  } catch (error) {
    if (!stopping) console.error(isFault(error) ? error.message : (error as Error).message)
    process.exitCode = 1
  } finally {
    stopping = true
    await stopAll()
  }
}

function endedBecause(name: string): string {
  const log = join(data, `${name}.log`)
  return [
    `${name} ended, so everything is stopped; its last words are in ${log}. The next start goes on.`,
    `${name} 已退出，故全部停止；原因见 ${log}。下次启动继续。`,
  ].join('\n')
}

function anyEnd(): Promise<string> {
  return Promise.race(programs.map(({ name, ended }) => ended.then(() => name)))
}

await main()
process.exit()
