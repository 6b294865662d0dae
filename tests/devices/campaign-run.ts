/**
 * Mutated frames against one codec: no crash, no frame of damage that the protocol can tell, nothing
 * kept beyond the bound, every byte discarded at most once. One deframer lives through all of it.
 */
import { equalBytes } from '#devices/std/bytes.ts'
import type { Random } from '#devices/std/random.ts'
import type { Codec } from './campaign-codecs.ts'
import { plain } from './support.ts'

/** Ways to damage a frame; the first two a check can be asked to tell. */
export const damages = [
  'one_byte',
  'truncated',
  'two_bytes',
  'more_bytes',
  'inserted',
  'removed',
  'spliced',
  'noise',
] as const
export type Damage = (typeof damages)[number]

/**
 * `framed`: another frame came out. `taken`: a driver would have taken it for its answer. `passed`: it
 * also kept every rule about fields, which say something else now.
 */
export type Tally = { tried: number; framed: number; taken: number; passed: number }

export type CampaignResult = {
  codec: string
  frames: number
  tallies: Record<Damage, Tally>
  most_pending: number
  /** What must never happen, with the bytes; at most a few. */
  broken: string[]
}

const most_told = 5
/** No frame known here is longer. */
const most_pending = 4096

export function runCampaign(codec: Codec, frames: number, random: Random): CampaignResult {
  const result: CampaignResult = {
    codec: codec.name,
    frames,
    tallies: Object.fromEntries(
      damages.map((damage) => [damage, { tried: 0, framed: 0, taken: 0, passed: 0 }]),
    ) as Record<Damage, Tally>,
    most_pending: 0,
    broken: [],
  }
  const deframer = codec.create()
  const good = codec.samples.map((sample) => codec.create().push(sample).frames[0])
  const texts = good.map(textOf)
  for (let i = 0; i < frames; i++) {
    const which = below(random, codec.samples.length)
    const sample = codec.samples[which]!
    const damage = damages[i % damages.length]!
    const bytes = mutate(sample, damage, { codec, random })
    if (equalBytes(bytes, sample)) continue
    tryOne(
      { codec, deframer, result, damage, bytes, good: good[which], text: texts[which]! },
      random,
    )
  }
  return result
}

type Trial = {
  codec: Codec
  deframer: ReturnType<Codec['create']>
  result: CampaignResult
  damage: Damage
  bytes: Uint8Array
  good: unknown
  text: string
}

function tryOne(trial: Trial, random: Random): void {
  const { codec, deframer, result, damage, bytes, good, text } = trial
  const tally = result.tallies[damage]
  tally.tried += 1
  try {
    const frames: unknown[] = []
    let discarded = 0
    for (const piece of pieces(bytes, codec, random)) {
      const pushed = deframer.push(piece)
      frames.push(...pushed.frames)
      for (const noise of pushed.discarded) discarded += noise.bytes.length
    }
    result.most_pending = Math.max(result.most_pending, deframer.pending)
    for (const rest of deframer.flush()) discarded += rest.bytes.length
    if (discarded > bytes.length) tell(trial, 'discarded more than came')
    if (deframer.pending > 0 || result.most_pending > most_pending) tell(trial, 'keeps growing')
    const others = frames.filter((frame) => textOf(frame) !== text)
    if (others.length > 0) tally.framed += 1
    const taken = others.filter((frame) => codec.takes(frame, good))
    if (taken.length === 0) return
    tally.taken += 1
    if (taken.some((frame) => codec.passes?.(frame, good) ?? true)) tally.passed += 1
    if (codec.tells.some((told) => told === damage)) tell(trial, 'damage taken for a frame')
  } catch (error) {
    tell(trial, `crashed: ${(error as Error).message}`)
  }
}

function tell({ result, damage, bytes }: Trial, what: string): void {
  if (result.broken.length >= most_told) return
  const hex = Array.from(bytes.subarray(0, 80), (byte) => byte.toString(16).padStart(2, '0'))
  result.broken.push(`${result.codec}, ${damage}: ${what}: ${hex.join(' ')}`)
}

function textOf(frame: unknown): string {
  return JSON.stringify(plain(frame))
}

/** Whole, and now and then in two. */
function pieces(bytes: Uint8Array, codec: Codec, random: Random): Uint8Array[] {
  if (codec.whole === true || random() > 0.1) return [bytes]
  const cut = below(random, bytes.length + 1)
  return [bytes.subarray(0, cut), bytes.subarray(cut)]
}

function mutate(
  sample: Uint8Array,
  damage: Damage,
  { codec, random }: { codec: Codec; random: Random },
): Uint8Array {
  const byte = () => below(random, 256)
  const at = below(random, sample.length)
  const some = 1 + below(random, 4)
  switch (damage) {
    case 'one_byte': {
      const changed = sample.slice()
      changed[at] = changed[at]! ^ (1 + below(random, 255))
      return changed
    }
    case 'truncated':
      return sample.slice(0, at)
    case 'two_bytes':
    case 'more_bytes': {
      const changed = sample.slice()
      const count = damage === 'two_bytes' ? 2 : 3 + below(random, 6)
      for (let i = 0; i < count; i++) changed[below(random, changed.length)] = byte()
      return changed
    }
    case 'inserted': {
      const extra = Uint8Array.from({ length: some }, byte)
      return Uint8Array.from([...sample.subarray(0, at), ...extra, ...sample.subarray(at)])
    }
    case 'removed':
      return Uint8Array.from([...sample.subarray(0, at), ...sample.subarray(at + some)])
    case 'spliced': {
      // Never the whole of the other: that would be no damage.
      const other = codec.samples[below(random, codec.samples.length)]!
      const from = 1 + below(random, other.length)
      return Uint8Array.from([...sample.subarray(0, at), ...other.subarray(from)])
    }
    case 'noise':
      return Uint8Array.from({ length: sample.length }, byte)
  }
}

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit)
}
