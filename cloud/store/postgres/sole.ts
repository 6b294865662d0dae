/**
 * One controller per data folder: `controller.lock` names the process that has it, with the moment
 * that process began, so that a lock left by a killed controller is known to be stale.
 * Fault: `unavailable` while another controller lives.
 */
import { rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '#devices/std/fault.ts'
import { isAlive, startMark } from './processes.ts'

/** Takes the folder; the returned function gives it back and never throws. */
export async function claim(dataDir: string): Promise<() => void> {
  const file = join(dataDir, 'controller.lock')
  for (let attempt = 0; attempt < 3; attempt++) {
    const holder = await liveHolder(file)
    if (holder !== undefined) {
      throw new Fault('unavailable', `process ${holder} is a controller of ${dataDir} already`)
    }
    rmSync(file, { force: true })
    const text = `${process.pid} ${await startMark(process.pid)}\n`
    const made = await writeFile(file, text, { flag: 'wx', mode: 0o600 }).then(
      () => true,
      () => false,
    )
    if (made) return () => rmSync(file, { force: true })
  }
  throw new Fault('unavailable', `${file} cannot be taken`)
}

async function liveHolder(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const [pid, mark] = text.trim().split(' ')
  const number = Number(pid)
  if (!pid || !(await isAlive(number))) return undefined
  return (await startMark(number)) === (mark ?? '') ? number : undefined
}
