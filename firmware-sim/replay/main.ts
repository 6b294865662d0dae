/**
 * `npm run replay -- --trace FILE`: real people's day through simulated hardware into the books, in
 * separate processes, with crashes if asked for. Exit code 0 only if every figure agrees; the reasons
 * are on stderr. With `--json` the last line of stdout is the report as one object.
 */
import { createReadStream } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { Fault, isFault } from '#devices/std/fault.ts'
import { launcherGone } from '../../bin/launcher.ts'
import { printReport } from './print.ts'
import { replay } from './replay.ts'
import { isDate } from './trace.ts'
import { newSeed } from './world.ts'

const whole = (least: number, most: number) => (text: string) => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new InvalidArgumentError(`a whole number from ${least} to ${most}`)
}

const program = new Command('replay')
  .description('Replays a day, or all days, of real contacts through a hall in separate processes.')
  .requiredOption('--trace <file>', 'the contacts, CSV')
  .option('--day <date>', 'only this date, YYYY-MM-DD', (text) => {
    if (isDate(text)) return text
    throw new InvalidArgumentError('a date as YYYY-MM-DD')
  })
  .option('--stretch <k>', 'multiplies all durations, 0.1 to 100', (text) => {
    const value = Number(text)
    if (value >= 0.1 && value <= 100) return value
    throw new InvalidArgumentError('a number from 0.1 to 100')
  })
  .option(
    '--crashes <n>',
    'kill -9 of gateway, controller or database, so many times',
    whole(0, 1_000),
  )
  .option('--seed <seed>', 'what people buy and when crashes strike; random without it')
  .option('--keep <dir>', 'keep all data, in this empty folder')
  .option('--json', 'the report as one JSON object on the last line')
  .parse()

type Flags = {
  trace: string
  day?: string
  stretch?: number
  crashes?: number
  seed?: string
  keep?: string
  json?: boolean
}

async function main(flags: Flags): Promise<number> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stop.abort())
  }
  void launcherGone().then(() => stop.abort())
  const seed = flags.seed ?? newSeed()
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  say(`seed ${seed}`)
  const pieces = createReadStream(flags.trace, 'utf8').on('error', () => {})
  const { report, reasons, shifted } = await replay(pieces, {
    ...{ day: flags.day ?? null, stretch: flags.stretch ?? 1, crashes: flags.crashes ?? 0 },
    ...{ seed, keep: flags.keep ?? null, signal: stop.signal, say },
  })
  for (const reason of reasons) say(`not ok: ${reason}`)
  console.log(flags.json === true ? JSON.stringify(report) : printReport(report, shifted))
  return report.ok ? 0 : 1
}

// Ends at once: people who were stopped in the middle of something would wait on for ever.
try {
  process.exit(await main(program.opts<Flags>()))
} catch (error) {
  const known = isFault(error) || (error as NodeJS.ErrnoException).code !== undefined
  if (!known) throw error
  console.error(`replay: ${(error as Error).message}`)
  process.exit(error instanceof Fault && error.detail === 'stopped' ? 130 : 1)
}
