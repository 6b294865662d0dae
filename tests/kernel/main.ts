/**
 * npm run test:kernel [-- WORD]: the real transports against real kernel devices, in a virtual machine of its
 * own (Debian's standard kernel under QEMU without acceleration, so it runs anywhere and may do no
 * harm). Prints one line a test. Ends non-zero when a test failed or the machine went off before
 * its last line; where QEMU or the kernel cannot be had it says so and ends with 0, in CI with 1.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { writeImage } from './image.ts'
import { Missing, standardKernel } from './kernel.ts'

const modules = [
  ...['hid', 'hid_generic', 'uhid', 'usbhid', 'usblp', 'cdc_acm', 'dummy_hcd', 'libcomposite'],
  ...['usb_f_hid', 'usb_f_printer', 'usb_f_acm', 'usb_f_fs'],
]
const qemu = 'qemu-system-x86_64'
/** No test is timed; this only ends a machine that hangs. */
const most_ms = Number(process.env.HALLWAY_KERNEL_TEST_MS ?? 400_000)

/**
 * V8 stops itself on a check of the pages it compiles into. Under emulation with two processors that
 * or a crash comes once in ten boots; with one, which is as fast, it was not seen.
 */
const emulation_fault = /# Fatal error in , line 0\s+# Check failed/
const most_boots = 3

type Line =
  | { type: 'test'; name: string; ok: boolean; error?: string }
  | { type: 'note'; text: string }
  | { type: 'held'; threads: readonly string[] }
  | { type: 'end' }

async function main(): Promise<number> {
  const work = await mkdtemp(join(tmpdir(), 'hallway-kernel-'))
  try {
    return await testIn(work)
  } catch (error) {
    if (!(error instanceof Missing)) throw error
    console.error(`kernel tests not run: ${error.message}`)
    return process.env.CI === 'true' ? 1 : 0
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function testIn(work: string): Promise<number> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Missing('the machine of these tests is an x86-64 Linux')
  }
  if (!onPath(qemu)) throw new Missing(`no ${qemu}: install the Debian package qemu-system-x86`)
  const kernel = await standardKernel(modules)
  const image = join(work, 'initramfs')
  await writeImage(image, kernel)
  const log = join(work, 'console')
  for (let attempt = 1; ; attempt++) {
    const { passed, failed, ended, held } = await results(boot(kernel.image, image, log))
    console.log(`${passed} passed, ${failed} failed`)
    if (ended && failed === 0 && passed > 0) return 0
    const text = await readFile(log, 'utf8').catch(() => '')
    if (!ended) console.log('the machine went off before its last line')
    // What waits in our own code is ours and fails; these two are not.
    const fault = emulation_fault.test(text)
      ? 'the runtime fell over its own check under emulation'
      : held
        ? 'a call into the kernel did not come back'
        : null
    if (!ended && failed === 0 && fault !== null && attempt < most_boots) {
      console.log(`${fault}: booting again`)
      continue
    }
    console.log(`--- the end of its console ---\n${text.slice(-6000)}`)
    return 1
  }
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)))
}

function boot(kernel: string, image: string, log: string): ChildProcess {
  const options = [
    ...['-M', 'pc', '-accel', 'tcg,thread=single', '-cpu', 'max', '-smp', '1', '-m', '1024'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-kernel', kernel, '-initrd', image, '-append', parameters()],
    ...['-serial', `file:${log}`, '-serial', 'stdio'],
  ]
  const machine = spawn(qemu, options, { stdio: ['ignore', 'pipe', 'inherit'] })
  const limit = setTimeout(() => machine.kill('SIGKILL'), most_ms)
  machine.once('close', () => clearTimeout(limit))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => machine.kill('SIGKILL'))
  }
  return machine
}

/** A word given to the command chooses the groups of tests whose name holds it. */
function parameters(): string {
  const only = process.argv[2]
  return ['console=ttyS0 panic=-1 quiet', ...(only === undefined ? [] : [`only=${only}`])].join(' ')
}

async function results(machine: ChildProcess) {
  const counts = { passed: 0, failed: 0, ended: false, held: false }
  const closed = new Promise((resolve) => machine.once('close', resolve))
  machine.once('error', (error) => console.error(error.message))
  for await (const text of createInterface({ input: machine.stdout! })) {
    const line = parsed(text)
    if (line === null) console.log(`  ? ${text}`)
    else if (line.type === 'end') {
      counts.ended = true
      // Going off by itself may take for ever: a thread that reads from a pulled device never returns.
      machine.kill('SIGKILL')
    } else if (line.type === 'note') console.log(`  - ${line.text}`)
    else if (line.type === 'held') {
      counts.held = line.threads.length > 0
      for (const thread of line.threads) console.log(`    held in the kernel: ${thread}`)
    } else {
      counts[line.ok ? 'passed' : 'failed'] += 1
      console.log(`${line.ok ? 'ok  ' : 'FAIL'} ${line.name}`)
      if (line.error !== undefined) console.log(line.error.replaceAll(/^/gm, '     '))
    }
  }
  await closed
  return counts
}

function parsed(text: string): Line | null {
  try {
    return JSON.parse(text) as Line
  } catch {
    return null
  }
}

process.exitCode = await main()
