/**
 * How the tests run: on the pinned runtime, in three workers, as many wait more than they work;
 * generous time-outs, as nothing is timed.
 */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    testTimeout: 240_000,
    hookTimeout: 240_000,
    /** What is polled for comes when the machine gets to it; only what never comes is a failure. */
    expect: { poll: { timeout: 100_000 } },
    maxWorkers: 3,
    /** Tests that say so wait for real time together. */
    maxConcurrency: 24,
  },
})
