/**
 * A program of ours in a process of its own: started on the pinned runtime, watched by the lines it
 * prints, its words kept in a file. It ends when its parent does, as its channel to it closes.
 *
 * Raises Fault `unavailable` with the last words of a program that ended before it was ready, and
 * `timed_out` for one that never is.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Fault } from '#devices/std/fault.ts'

export type ProgramOptions = {
  name: string
  /** Arguments of the runtime: the program's file first. */
  args: readonly string[]
  /** Where its words go, appended. */
  log_file: string
  cwd?: string
  /** Added to this program's own environment. */
  env?: Readonly<Record<string, string>>
}

const LAST_WORDS = 12
const READY_MS = 60_000
const STOP_MS = 20_000

export class Program {
  readonly name: string
  readonly #child: ChildProcess
  readonly #sink: WriteStream
  readonly #lines: string[] = []
  readonly #words: string[] = []
  readonly #waiting: { begin: string; found: (line: string) => void }[] = []
  readonly ended: Promise<void>
  #over = false

  constructor({ name, args, log_file, cwd, env = {} }: ProgramOptions) {
    this.name = name
    this.#sink = createWriteStream(log_file, { flags: 'a', mode: 0o600 })
    this.#child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    })
    this.#listen(this.#child.stdout!, true)
    this.#listen(this.#child.stderr!, false)
    this.ended = once(this.#child, 'exit').then(
      () => this.#end(),
      () => this.#end(),
    )
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get running(): boolean {
    return !this.#over
  }

  /** The first line that begins so, also one printed before. */
  async line(begin: string, within_ms = READY_MS): Promise<string> {
    const there = this.#lines.find((line) => line.startsWith(begin))
    if (there !== undefined) return there
    const found = new Promise<string>((resolve) => this.#waiting.push({ begin, found: resolve }))
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => late.reject(new Fault('timed_out', `${this.name}: no "${begin}"`)),
      within_ms,
    )
    const died = this.ended.then(() => {
      throw new Fault('unavailable', `${this.name} ended:\n${this.#words.join('\n')}`)
    })
    died.catch(() => {})
    try {
      return await Promise.race([found, late.promise, died])
    } finally {
      clearTimeout(timer)
    }
  }

  /** As a power cut would: nothing of it runs on. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }

  /** Asks it to end, and makes it end when it does not. */
  async stop(): Promise<void> {
    if (this.#over) return
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    await this.ended
    clearTimeout(timer)
  }

  #listen(stream: NodeJS.ReadableStream, out: boolean): void {
    createInterface({ input: stream }).on('line', (line) => {
      this.#sink.write(`${line}\n`)
      this.#words.push(line.slice(0, 500))
      if (this.#words.length > LAST_WORDS) this.#words.shift()
      if (out) this.#heard(line)
    })
  }

  #heard(line: string): void {
    if (this.#lines.length < 100) this.#lines.push(line)
    for (const { begin, found } of this.#waiting) if (line.startsWith(begin)) found(line)
  }

  #end(): void {
    this.#over = true
    this.#sink.end()
  }
}
