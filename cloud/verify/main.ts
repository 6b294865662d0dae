/**
 * `npm run verify`: recomputes what a controller holds and says what is wrong first. Exit code 0
 * when everything agrees, 1 when something does not, 2 when it could not look.
 */
import { Command } from 'commander'
import { findCluster, openCluster } from '../store/postgres/supervisor.ts'
import type { Finding } from './findings.ts'
import { GatewayLog } from './gateway-log.ts'
import { openReader } from './rows.ts'
import { type Verdict, verify } from './verify.ts'

type Flags = {
  databaseUrl?: string
  data: string
  hall?: string[]
  gatewayLog?: string
  json?: boolean
}

const program = new Command('verify')
  .description(
    'Recomputes chains, visits and balances from the stored bytes, with code of its own, and ' +
      'names the first wrong byte, visit or balance. Changes nothing; a controller may be running.',
  )
  .option('--database-url <url>', 'PostgreSQL to look at (default: DATABASE_URL, then --data)')
  .option('--data <folder>', "the controller's data folder", './data')
  .option('--hall <id...>', 'only these halls')
  .option('--gateway-log <file>', "a stopped gateway's log, compared byte for byte")
  .option('--json', 'print one JSON object on the last line')
  .action(async (flags: Flags) => {
    process.exitCode = await run(flags)
  })

async function run(flags: Flags): Promise<number> {
  const url = flags.databaseUrl ?? process.env.DATABASE_URL
  if (url !== undefined) return look(url, flags)
  const found = await findCluster(flags.data)
  if (found.pid !== null) return look(found.url, flags)
  await using cluster = await openCluster({ dataDir: flags.data, log: () => {} })
  return await look(cluster.url(), flags)
}

async function look(url: string, flags: Flags): Promise<number> {
  const reader = await openReader(url)
  try {
    using gatewayLog = flags.gatewayLog === undefined ? undefined : new GatewayLog(flags.gatewayLog)
    const verdict = await verify(reader, {
      ...(flags.hall === undefined ? {} : { halls: flags.hall }),
      ...(gatewayLog === undefined ? {} : { gatewayLog }),
      onProgress: progress(),
    })
    if (gatewayLog !== undefined) sayCompared(gatewayLog)
    say(verdict, flags.json === true)
    return verdict.ok ? 0 : 1
  } finally {
    await reader.close()
  }
}

function sayCompared({ records, compared }: GatewayLog): void {
  console.error(`gateway's log: ${records} records, ${compared} of them held here and compared`)
  if (compared === 0) console.error('It has no record in common with what was looked at.')
}

/** A line on the terminal that is written over; nothing where nobody watches. */
function progress() {
  let shown_ms = 0
  return (hall: string, records: number, of: number) => {
    const now_ms = performance.now()
    if (!process.stderr.isTTY || (now_ms - shown_ms < 200 && records < of)) return
    shown_ms = now_ms
    process.stderr.write(`\r\u001b[K${hall}: ${records} of ${of} records`)
    if (records >= of) process.stderr.write('\r\u001b[K')
  }
}

function say(verdict: Verdict, json: boolean): void {
  const { halls, findings, count, ok } = verdict
  if (json) {
    console.log(JSON.stringify({ ok, count, halls, findings }, bigintText))
    return
  }
  for (const { hall, records, refused, findings: wrong } of halls)
    console.log(`${hall}: ${records} records, ${refused} refused, ${wrong} findings`)
  for (const finding of findings) console.log(lineOf(finding))
  if (count > findings.length) console.log(`and ${count - findings.length} more`)
  console.log(ok ? 'Everything agrees.' : `Wrong first: ${lineOf(findings[0]!)}`)
}

const lineOf = (f: Finding) => `${f.hall}: ${f.what} ${f.which} ${f.text}`
const bigintText = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)

const UNDEFINED_TABLE = '42P01'
const UNDEFINED_COLUMN = '42703'

/** A controller brings its tables up to its version when it starts; nobody else changes them. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown }
  const older = code === UNDEFINED_TABLE || code === UNDEFINED_COLUMN
  const what = older
    ? ' (no controller of this version used it yet: start its controller once)'
    : ''
  return `${message ?? error}${what}`
}

try {
  await program.parseAsync()
} catch (error) {
  console.error(`cannot verify: ${reasonOf(error)}`)
  process.exitCode = 2
}
