/** `npm run simulate`: many worlds, each from one seed. A failing seed prints how to see it again. */
import { availableParallelism } from 'node:os'
import { Command } from 'commander'
import { runCampaign } from './campaign.ts'
import type { Outcome } from './world.ts'

const command = new Command('simulate')
  .description('Runs whole simulated chains of halls with faults, one per seed.')
  .option('--seeds <n>', 'how many seeds', '100')
  .option('--from <seed>', 'the first seed', '1')
  .option('--workers <n>', 'threads', String(availableParallelism()))
  .option('--until-failure', 'stop at the first seed that fails', false)
  .option('--verbose', 'print what was drawn for each world', false)
  .parse()

type Options = {
  seeds: string
  from: string
  workers: string
  untilFailure: boolean
  verbose: boolean
}
const options = command.opts<Options>()
const [seeds, from, workers] = [options.seeds, options.from, options.workers].map(Number) as [
  number,
  number,
  number,
]
if (![seeds, from, workers].every(Number.isSafeInteger) || seeds < 1 || workers < 1) {
  command.error('--seeds, --from and --workers take whole numbers')
}

const started = performance.now()
const failed: Outcome[] = []
const sums = { worlds: 0, told: 0, records: 0 }

function count(outcome: Outcome): void {
  sums.worlds++
  sums.told += outcome.told
  sums.records += outcome.records
  if (outcome.problems.length > 0) {
    failed.push(outcome)
    if (!options.untilFailure) report(outcome)
  }
  if (options.verbose) console.log(JSON.stringify(outcome))
  if (sums.worlds % 100 === 0) {
    process.stderr.write(`${sums.worlds} of ${seeds} worlds, ${failed.length} failed\n`)
  }
}

function report({ seed, problems, options: drawn }: Outcome): void {
  console.log(`seed ${seed} FAILED. See it again: npm run simulate -- --seeds 1 --from ${seed}`)
  console.log(`  ${JSON.stringify(drawn)}`)
  for (const problem of problems.slice(0, 10)) console.log(`  ${problem}`)
}

const { untilFailure } = options
await runCampaign({ from, seeds, workers, untilFailure, onOutcome: count })
failed.sort((a, b) => a.seed - b.seed)
if (options.untilFailure && failed.length > 0) report(failed[0]!)
const wall_s = ((performance.now() - started) / 1000).toFixed(1)
console.log(
  `${sums.worlds} worlds, ${sums.told} answers, ${sums.records} records booked, ${failed.length} failed, ${wall_s} s`,
)
process.exitCode = failed.length > 0 ? 1 : 0
