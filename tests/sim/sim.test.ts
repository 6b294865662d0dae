/** A slice of what `npm run simulate` and `npm run mutants` do at length. */
import { expect, it } from 'vitest'
import { floor } from './mutants-floor.ts'
import { core } from './mutants-table.ts'
import { disasters, drawOptions } from './options.ts'
import { hunt } from './plant.ts'
import { runWorld } from './world.ts'

const caught = (name: string) => [...core, ...floor].find((mutant) => mutant.name === name)!

it('the same seed is the same world', async () => {
  const [one, two] = [await runWorld(7), await runWorld(7)]
  expect(two).toEqual(one)
  expect(one.records).toBeGreaterThan(0)
})

/** A seed of every disaster, and one without any. */
const seeds = disasters.map((disaster) => {
  for (let seed = 1; ; seed++) {
    const drawn = drawOptions(seed)
    if (drawn.disaster === disaster && drawn.faults_ms < 80_000) return [disaster, seed] as const
  }
})

/** A restored cloud that knows it and one that does not. */
const restored = [true, false].map((unnoticed) => {
  for (let seed = 1; ; seed++) {
    const drawn = drawOptions(seed)
    if (drawn.disaster === 'cloud_restored' && drawn.unnoticed === unnoticed) {
      return [unnoticed ? 'cloud_restored, unnoticed' : 'cloud_restored, noticed', seed] as const
    }
  }
})

it.each([...seeds, ...restored])(
  '%s (seed %i): nothing is lost, nothing doubled, everything comes to rest',
  async (_name, seed) => {
    const { problems, records } = await runWorld(seed)
    expect(problems).toEqual([])
    expect(records).toBeGreaterThan(20)
  },
)

it.each([
  'prune before the receipt',
  'effect before fsync',
  'state not rebuilt after a failed commit',
  'a rating counts however late it comes',
  'a PIN stays good for other content',
])('planted and caught: %s', async (name) => {
  const { seed, problem } = await hunt(caught(name), { seeds: 60, from: 1, workers: 1 })
  expect(seed, problem).not.toBeNull()
})

it('a mutant that does not fit the code is an error, not a silent pass', async () => {
  const edits = [{ file: 'cloud/intake/judge.ts', find: 'no such text', replace: '' }]
  const nowhere = hunt({ name: 'nowhere', edits }, { seeds: 1, from: 1, workers: 1 })
  await expect(nowhere).rejects.toThrow('found 0 times')
  const broken = [
    {
      file: 'cloud/intake/judge.ts',
      find: 'export async function judgeBatch',
      replace: 'export async function',
    },
  ]
  const dead = hunt({ name: 'broken', edits: broken }, { seeds: 1, from: 1, workers: 1 })
  await expect(dead).rejects.toThrow('did not run')
})
