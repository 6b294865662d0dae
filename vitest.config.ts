/**
 * How the tests run: on the pinned runtime, in three workers, as many wait more than they work;
 * generous time-outs, as nothing is timed.
 */
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// A test starts more than a hundred programs: what each compiles is kept for the next.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules', '.cache', 'tests')

/** Functions and simulated wires only: nothing outlives a file, so files share their worker. */
const pure = [
  'tests/devices/*.test.ts',
  'tests/gateway/hall/*.test.ts',
  'tests/gateway/log/{chain,path,receipt,service,hall-log,settled,wire}.test.ts',
  'tests/drivers/{bus,display,ff68,line,models,pin-pad,printer,rating,reader-options,reader}.test.ts',
  'tests/drivers/{service-password,session,trouble,units}.test.ts',
  'tests/cloud/{config,health-presence,held,intake-memory,projections,segment-bytes}.test.ts',
  'tests/cloud/{store-memory,verify-folds}.test.ts',
  'tests/conform/{cards,helpers}.test.ts',
]

/** What waits or works longest begins first: nothing of it is left over at the end. */
const longest = [
  ...['replay/replay', 'drivers/unplug-real', 'conform/program', 'e2e/console'],
  ...['discover/program', 'cloud/verify', 'gateway/local-page', 'cloud/postgres-supervisor'],
  ...['discover/discover', 'conform/conform', 'cloud/store-durability', 'programs/programs'],
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/tests/${name}.test.ts`))
      return at < 0 ? longest.length : at
    }
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    testTimeout: 240_000,
    hookTimeout: 240_000,
    /** What is polled for comes when the machine gets to it; only what never comes is a failure. */
    expect: { poll: { timeout: 100_000 } },
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    /** Tests that say so wait for real time together. */
    maxConcurrency: 24,
    projects: [
      {
        extends: true,
        test: { name: 'pure', include: pure, isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'real',
          include: ['tests/**/*.test.ts'],
          exclude: [...pure, 'node_modules'],
          globalSetup: 'tests/shared-postgres.ts',
        },
      },
    ],
  },
})
