/** Tells the host what happened: one JSON line each on standard output, which is a serial line. */
import { readdirSync, readFileSync, writeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

function tell(line: object): void {
  let left = new TextEncoder().encode(`${JSON.stringify(line)}\n`)
  while (left.length > 0) left = left.subarray(writeSync(1, left))
}

export function note(text: string): void {
  tell({ type: 'note', text })
}

let step = () => ''

/** Where a test is, for whoever wonders why it does not go on. */
export function at(now: () => string): void {
  step = now
}

/** Runs one test; the next ones run whatever comes of it. */
export async function test(name: string, run: () => Promise<void>): Promise<void> {
  at(() => '')
  // Says where it hangs; ends nothing.
  const slow = setInterval(() => {
    note(`still at: ${name} (${step()})`)
    tell({ type: 'held', threads: heldThreads() })
  }, 20_000)
  try {
    await run()
    tell({ type: 'test', name, ok: true })
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    tell({ type: 'test', name, ok: false, error: text.slice(0, 2000) })
  } finally {
    clearInterval(slow)
  }
}

/**
 * What the kernel holds our threads with, the innermost call first: one that does not come back is
 * among them. Left out are threads that wait for work, and the one that reads this.
 */
function heldThreads(): string[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    const stack = readFileSync(`/proc/self/task/${thread}/stack`, 'utf8')
    const calls = stack.split('\n').map((line) => line.replace(/^\S+ |\+.*$/g, ''))
    if (/^(futex_|ep_poll|do_epoll|proc_pid_stack|$)/.test(calls[0] ?? '')) return []
    // The far end of a bulk reader waits for the host's next bytes.
    if (calls.some((call) => call.startsWith('ffs_epfile'))) return []
    return [calls.slice(0, 8).join(' < ')]
  })
}

export function end(): void {
  tell({ type: 'end' })
}

/** Waits without a deadline of its own: the host ends a machine that hangs. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await wait(5)
}
