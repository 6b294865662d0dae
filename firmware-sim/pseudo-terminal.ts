/**
 * A pseudo-terminal in front of a simulated device, for programs that open serial ports: socat makes
 * one and carries its bytes. Raises Fault `unsupported` where socat is not installed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep } from '#devices/std/clock.ts'
import { Fault } from '#devices/std/fault.ts'
import { realPace } from './pace.ts'

const again_ms = 100

export interface PseudoTerminal extends AsyncDisposable {
  readonly path: string
}

/**
 * `to` is a socat address, `tcp:127.0.0.1:5101`. A terminal that a program closed is made anew at the
 * same path, as a serial port is there again.
 */
export async function openPseudoTerminal(to: string): Promise<PseudoTerminal> {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-pty-'))
  const path = join(folder, 'tty')
  const terminal = new Terminal([
    'pty,raw,echo=0,link='.concat(path),
    `${to},retry=100,interval=0.1`,
  ])
  const end = async () => {
    await terminal[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
  if ((await Promise.race([terminal.failed, there(path)])) === undefined) {
    return { path, [Symbol.asyncDispose]: end }
  }
  await end()
  throw new Fault('unsupported', '--pty needs socat, which is not installed')
}

/** One socat after another, until it is disposed of. */
class Terminal {
  /** Resolves where there is no socat. */
  readonly failed: Promise<Error>
  readonly #args: readonly string[]
  #child: ChildProcess | null = null
  #ended = false

  constructor(args: readonly string[]) {
    this.#args = args
    const failed = Promise.withResolvers<Error>()
    this.failed = failed.promise
    this.#start(failed.resolve)
  }

  #start(fail: (error: Error) => void): void {
    const child = spawn('socat', [...this.#args], { stdio: 'ignore' })
    this.#child = child
    child.once('error', (error) => {
      this.#ended = true
      fail(error)
    })
    child.once('exit', () => {
      if (this.#ended) return
      realPace.after(again_ms, 'pseudo-terminal again', () => {
        if (!this.#ended) this.#start(fail)
      })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true
    const child = this.#child
    if (child?.exitCode !== null || child.pid === undefined) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
}

async function there(path: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await stat(path).catch(() => null)) return
    await sleep(realPace, 20, 'pseudo-terminal')
  }
}
