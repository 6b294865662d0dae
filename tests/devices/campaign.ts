/**
 * `node tests/devices/campaign.ts`: mutated frames against every codec. Prints, for each kind of damage,
 * how much of it came out as another frame, how much a driver would have taken and, for cards, how much
 * of that kept every rule about fields, beside the 1/256 an eight-bit check must let through. Fails when
 * a codec crashes, grows, or takes damage of one byte or a frame cut short where its protocol can tell.
 */
import { Command } from 'commander'
import { seeded } from '../drivers/helpers.ts'
import { type Codec, codecs } from './campaign-codecs.ts'
import { type CampaignResult, damages, runCampaign } from './campaign-run.ts'

type Options = { frames: string; seed: string; only: string; json: boolean }

const command = new Command('campaign')
  .description('Feeds mutated frames to every codec of devices/wire.')
  .option('--frames <n>', 'mutated frames for each codec', '1000000')
  .option('--seed <n>', 'where the draw begins', '1')
  .option('--only <text>', 'codecs whose name contains this', '')
  .option('--json', 'one array of results on the last line', false)
  .parse()
const options = command.opts<Options>()
const limits = { frames: Number(options.frames), seed: Number(options.seed) }
if (!Object.values(limits).every(Number.isSafeInteger) || limits.frames < 1) {
  command.error('--frames and --seed take whole numbers')
}

const results: CampaignResult[] = []
for (const codec of codecs.filter(({ name }) => name.includes(options.only))) {
  const began = performance.now()
  const result = runCampaign(codec, limits.frames, seeded(limits.seed))
  results.push(result)
  if (!options.json) print(codec, result, (performance.now() - began) / 1000)
}
if (results.length === 0) command.error(`no codec is called like ${options.only}`)
if (options.json) console.log(JSON.stringify(results))
process.exitCode = results.some(({ broken }) => broken.length > 0) ? 1 : 0

function print(codec: Codec, result: CampaignResult, wall_s: number): void {
  console.log(
    `${codec.name} (${codec.check}): ${result.frames} frames, ${wall_s.toFixed(1)} s, ` +
      `held back at most ${result.most_pending} bytes, ` +
      `heap ${Math.round(process.memoryUsage().heapUsed / 2 ** 20)} MiB`,
  )
  const expected = expectedShare(codec)
  for (const damage of damages) {
    const share = (count: number) => (tried === 0 ? '-' : (count / tried).toFixed(6))
    const { tried, framed, taken, passed } = result.tallies[damage]
    const after =
      codec.passes === undefined ? '' : `  other text after field rules ${share(passed)}`
    const told = codec.tells.some((one) => one === damage) ? 'must be 0' : expected
    console.log(
      `  ${damage.padEnd(11)} tried ${String(tried).padStart(7)}  ` +
        `another frame ${share(framed)}  taken ${share(taken)}${after}  (${told})`,
    )
  }
  for (const line of result.broken) console.log(`  BROKEN ${line}`)
}

/** What a check of so many bits lets through of random damage. */
function expectedShare({ check }: Codec): string {
  const bits = [...check.matchAll(/(\d+) bits/g)].reduce((sum, [, found]) => sum + Number(found), 0)
  return bits === 0 ? 'cannot be told' : `1/${2 ** bits} = ${(1 / 2 ** bits).toFixed(6)}`
}
