/** Lines that others can cause: a burst is written, then few, and never is the last one missing. */
import { describe, expect, it } from 'vitest'
import type { LogFields } from '#devices/std/log.ts'
import { PacedLines } from '../../gateway/paced-lines.ts'
import { pass, Scheduler } from '../drivers/virtual.ts'

function paced(limits?: { burst: number; every_ms: number }) {
  const pace = new Scheduler()
  const written: { at_ms: number; event: string; fields: LogFields | undefined }[] = []
  const lines = new PacedLines(
    {
      pace,
      log: (_level, event, fields) => written.push({ at_ms: pace.now_ms(), event, fields }),
    },
    limits,
  )
  return { pace, written, lines }
}

describe('lines that somebody else can cause', () => {
  it('are written as they come while there are few', async () => {
    const { pace, written, lines } = paced({ burst: 3, every_ms: 1_000 })
    for (let n = 0; n < 10; n += 1) {
      lines.say('info', 'it', { n })
      await pass(pace, 1_000)
    }
    expect(written.map(({ fields }) => fields)).toEqual(
      Array.from({ length: 10 }, (_, n) => ({ n })),
    )
  })

  it('become one in so long, with the last of them and the count of the others', async () => {
    const { pace, written, lines } = paced({ burst: 3, every_ms: 1_000 })
    for (let n = 0; n < 5_000; n += 1) {
      lines.say('info', 'it', { n })
      await pass(pace, 1)
    }
    await pass(pace, 2_000)
    expect(written.length).toBeGreaterThanOrEqual(7)
    expect(written.length).toBeLessThanOrEqual(9)
    expect(written.at(-1)!.fields).toMatchObject({ n: 4_999 })
    const left_out = written.map(({ fields }) => Number(fields?.left_out ?? 0))
    expect(left_out.reduce((a, b) => a + b) + written.length).toBe(5_000)
  })

  it('are all told of at the end, at once', async () => {
    const { pace, written, lines } = paced({ burst: 1, every_ms: 1_000 })
    for (const n of [1, 2, 3]) lines.say('info', 'it', { n })
    expect(written.map(({ fields }) => fields)).toEqual([{ n: 1 }])
    lines.end()
    expect(written.map(({ fields }) => fields)).toEqual([{ n: 1 }, { n: 3, left_out: 1 }])
    await pass(pace, 5_000)
    expect(written).toHaveLength(2)
  })

  it('of one event hide none of another', () => {
    const { written, lines } = paced({ burst: 1, every_ms: 1_000 })
    for (let n = 0; n < 9; n += 1) lines.say('info', 'often', { n })
    lines.say('error', 'seldom')
    lines.say('info', 'often', { n: 10 }, 'another device')
    expect(written.map(({ event }) => event)).toEqual(['often', 'seldom', 'often'])
  })
})
