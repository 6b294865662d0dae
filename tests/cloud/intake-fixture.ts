/** A gateway's side of intake by hand: real chains, and every way to spoil a batch. */
import type { Receipt } from '#devices/contract/receipt.ts'
import { parseTopic, topic } from '#devices/contract/topics.ts'
import type { Log } from '#devices/std/log.ts'
import { bookersHere } from '../../cloud/intake/booker.ts'
import { type Pipeline, pipeline } from '../../cloud/pipeline.ts'
import type { CloudStore } from '../../cloud/ports.ts'
import { projections } from '../../cloud/projections.ts'
import { draftText, makeEpoch, type TestEpoch } from './epochs.ts'
import { confirmed, entered, opened, sha } from './log-maker.ts'

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export type Chain = { epoch: string; payloads: Uint8Array[]; hashes: string[] }

/** The chain of an epoch whose records may be any bytes. */
export function chainOf(of: TestEpoch, more: readonly (string | Uint8Array)[] = []): Chain {
  const payloads = of.texts.map(encode)
  const hashes = [...of.hashes]
  for (const one of more) {
    const payload = typeof one === 'string' ? encode(one) : one
    payloads.push(payload)
    hashes.push(hex(sha(Buffer.from(hashes.at(-1)!, 'hex'), payload)))
  }
  return { epoch: of.epoch, payloads, hashes }
}

export const goodTexts = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => [
    draftText(entered(`o-${from + i}`), from + i),
    draftText(confirmed(`o-${from + i}`), from + i),
  ]).flat()

/** An epoch with an open day and `orders` confirmed orders. */
export const goodEpoch = (number = 1, orders = 2): TestEpoch =>
  makeEpoch(number, null, [draftText(opened()), ...goodTexts(1, orders)])

export type HeaderMore = Partial<{
  v: number
  gateway: string
  fence: number
  first: number
  prev: string
  epoch: string
}>

let sent = 0

/** Records `first` to `last` of a chain as the payload of the topic `log`. */
export function payloadOf(chain: Chain, first = 1, last?: number, more: HeaderMore = {}) {
  const end = last ?? chain.payloads.length
  const header = {
    ...{ v: 1, gateway: 'gw-1', fence: 0, epoch: chain.epoch, first },
    ...{ prev: chain.hashes[first - 1], sent: { boot: 'b0', mono_ms: ++sent }, ...more },
  }
  const lines = chain.payloads.slice(first - 1, end).flatMap((payload) => [payload, encode('\n')])
  return { payload: Buffer.concat([encode(`${JSON.stringify(header)}\n`), ...lines]), stamp: sent }
}

export type Intake = {
  pipeline: Pipeline
  receipts: { hall: string; receipt: Receipt }[]
  logged: { event: string; fields: unknown }[]
  /** Halls whose batches were refused, one entry a batch. */
  refused: string[]
  /** Takes a message of `hall` and waits until nothing is under way. */
  send(hall: string, payload: Uint8Array): Promise<void>
  /** The receipt that answers the batch stamped so. */
  answer(stamp: number): Receipt | undefined
  /** Batch in, receipt out; fails the test where none comes. */
  book(hall: string, chain: Chain, ...range: [number?, number?, HeaderMore?]): Promise<Receipt>
}

export function intake(
  store: CloudStore,
  options: { now_ms?: () => number; onReceipt?: (receipt: Receipt) => void } = {},
): Intake {
  const receipts: Intake['receipts'] = []
  const logged: Intake['logged'] = []
  const refused: string[] = []
  const logger: Log = (_level, event, fields) => void logged.push({ event, fields })
  const running = pipeline({
    bookers: bookersHere({ store, projections, logger }),
    ...{ cloudTime_ms: options.now_ms ?? (() => 1_000), random: Math.random, logger },
    publish: async (to, payload) => {
      const receipt = JSON.parse(payload) as Receipt
      options.onReceipt?.(receipt)
      receipts.push({ hall: parseTopic(to)!.hall, receipt })
    },
    onRefused: (hall) => void refused.push(hall),
    pace: {
      now_ms: () => performance.now(),
      after: (ms, _what, run) => {
        const timer = setTimeout(run, Math.min(ms, 5))
        return () => clearTimeout(timer)
      },
    },
  })
  const answer = (stamp: number) =>
    receipts.findLast(({ receipt }) => receipt.echo?.mono_ms === stamp)?.receipt
  const send = async (hall: string, payload: Uint8Array) => {
    running.take({ topic: topic(hall, 'log'), payload })
    await running.idle()
  }
  return {
    ...{ pipeline: running, receipts, logged, refused, send, answer },
    async book(hall, chain, ...range) {
      const { payload, stamp } = payloadOf(chain, ...range)
      await send(hall, payload)
      const receipt = answer(stamp)
      if (receipt === undefined) throw new Error(`no receipt: ${JSON.stringify(logged)}`)
      return receipt
    },
  }
}
