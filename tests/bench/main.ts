/**
 * `npm run bench`: what the parts cost, as ratios inside one run, since no two machines and no two
 * moments of one machine are alike. Prints figures, never a verdict: it fails only when something
 * could not be measured.
 */
import { Command } from 'commander'
import { appends } from './append.ts'
import { bookedRecords } from './booked.ts'
import { drain } from './drain.ts'
import { type Figure, type Progress, table } from './figure.ts'
import { setNodeFlags } from './node-flags.ts'
import { pads } from './pads.ts'
import { readers } from './reader.ts'
import { storm } from './storm.ts'

type Bench = { name: string; what: string; run: (progress: Progress) => Promise<Figure[]> }

const benches: readonly Bench[] = [
  { name: 'booked', what: 'records booked through MQTT against bare inserts', run: bookedRecords },
  { name: 'append', what: 'an append to the hall log against a bare commit', run: appends },
  {
    name: 'drain',
    what: 'a backlog of 100 000 records; memory at rest and under load',
    run: drain,
  },
  { name: 'storm', what: 'a thousand halls that connect at once', run: storm },
  {
    name: 'reader',
    what: 'cards from readers to the disk; an idle hall of 40 devices',
    run: readers,
  },
  {
    name: 'pads',
    what: 'a key of a call pad to the number on its display, quiet and beside devices in trouble',
    run: pads,
  },
]

const program = new Command('bench')
  .description('Measures the gateway and the controller; progress goes to stderr.')
  .option('--json', 'one JSON array of figures on the last line')
  .option('--only <name>', `only this one: ${benches.map(({ name }) => name).join(', ')}`)
  .option('--node-flags <flags>', 'flags of Node for gateway and controller, for trials', '')
  .addHelpText(
    'after',
    `\nBenches:\n${benches.map(({ name, what }) => `  ${name.padEnd(10)}${what}`).join('\n')}`,
  )
  .parse()

const flags = program.opts<{ json?: boolean; only?: string; nodeFlags: string }>()
const chosen = benches.filter(({ name }) => flags.only === undefined || flags.only === name)
if (chosen.length === 0) program.error(`no bench named ${flags.only}`)

setNodeFlags(flags.nodeFlags)
const began = performance.now()
const progress: Progress = (text) => {
  const seconds = ((performance.now() - began) / 1_000).toFixed(1)
  process.stderr.write(`${seconds.padStart(6)} s  ${text}\n`)
}

const figures: Figure[] = []
for (const { run } of chosen) figures.push(...(await run(progress)))
console.log(flags.json === true ? JSON.stringify(figures) : table(figures))
