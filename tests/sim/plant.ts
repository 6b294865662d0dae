/** Plants a mutant in a copy of the sources and lets the simulation look for it there. */
import { spawn } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mutant } from './mutants-table.ts'
import { runWorld } from './world.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const FOLDERS = ['devices', 'gateway', 'cloud', 'firmware-sim', 'tests/sim']

export type Hunt = { seeds: number; from: number; workers: number }
/** `seed` null: not caught. */
export type Catch = { seed: number | null; problem: string; wall_s: number }

/**
 * Throws where an edit does not fit, where the planted copy does not run at all, and where the seed
 * that caught it fails without the mutant as well.
 */
export async function hunt(mutant: Mutant, options: Hunt): Promise<Catch> {
  const folder = mkdtempSync(join(tmpdir(), 'hallway-mutant-'))
  try {
    copySources(folder)
    plant(mutant, folder)
    const caught = await simulate(folder, options)
    if (caught.seed !== null && (await runWorld(caught.seed)).problems.length > 0) {
      throw new Error(`${mutant.name}: seed ${caught.seed} fails without it too`)
    }
    return caught
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function copySources(folder: string): void {
  for (const name of FOLDERS) {
    mkdirSync(join(folder, name), { recursive: true })
    cpSync(join(ROOT, name), join(folder, name), { recursive: true })
  }
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
}

function plant({ name, edits }: Mutant, folder: string): void {
  for (const { file, find, replace } of edits) {
    const path = join(folder, file)
    const parts = readFileSync(path, 'utf8').split(find)
    if (parts.length !== 2) {
      throw new Error(`${name}: found ${parts.length - 1} times, not once, in ${file}: ${find}`)
    }
    writeFileSync(path, parts.join(replace))
  }
}

function simulate(folder: string, { seeds, from, workers }: Hunt): Promise<Catch> {
  const started = performance.now()
  const args = ['tests/sim/main.ts', '--until-failure', '--seeds', `${seeds}`]
  args.push('--from', `${from}`, '--workers', `${workers}`)
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let trouble = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    trouble = (trouble + chunk).slice(-2_000)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      const wall_s = (performance.now() - started) / 1000
      const found = /^seed (\d+) FAILED.*\n.*\n {2}(.*)$/m.exec(out)
      if (found !== null) resolve({ seed: Number(found[1]), problem: found[2]!, wall_s })
      else if (code === 0) resolve({ seed: null, problem: '', wall_s })
      else reject(new Error(`the planted copy did not run: ${trouble}`))
    })
  })
}
