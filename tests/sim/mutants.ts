/**
 * `npm run mutants`: plants each mistake of the table in turn and tells at which seed the simulation
 * caught it. One that is not caught, or no longer fits the code, fails the run.
 */
import { availableParallelism } from 'node:os'
import { Command } from 'commander'
import { floor } from './mutants-floor.ts'
import { core, mutants } from './mutants-table.ts'
import { hunt } from './plant.ts'

const command = new Command('mutants')
  .description('Plants mistakes in the code that production runs; the simulation must catch each.')
  .option('--seeds <n>', 'seeds to try for each', '1000')
  .option('--from <seed>', 'the first seed', '1')
  .option('--workers <n>', 'threads', String(availableParallelism()))
  .option('--only <text>', 'mutants whose name contains this', '')
  .option('--core', 'only those of the first list', false)
  .parse()

type Options = { seeds: string; from: string; workers: string; only: string; core: boolean }
const options = command.opts<Options>()
const limits = {
  seeds: Number(options.seeds),
  from: Number(options.from),
  workers: Number(options.workers),
}
if (!Object.values(limits).every((n) => Number.isSafeInteger(n)) || limits.seeds < 1) {
  command.error('--seeds, --from and --workers take whole numbers')
}

const chosen = (options.core ? core : [...mutants, ...floor]).filter((m) =>
  m.name.includes(options.only),
)
let escaped = 0
for (const mutant of chosen) {
  try {
    const { seed, problem, wall_s } = await hunt(mutant, limits)
    if (seed === null) escaped++
    const verdict = seed === null ? 'NOT CAUGHT' : `caught at seed ${seed}: ${problem}`
    console.log(`${mutant.name}: ${verdict} (${wall_s.toFixed(0)} s)`)
  } catch (error) {
    escaped++
    console.log(`${mutant.name}: NOT PLANTED: ${(error as Error).message}`)
  }
}
console.log(`${chosen.length - escaped} of ${chosen.length} caught`)
process.exitCode = escaped > 0 ? 1 : 0
