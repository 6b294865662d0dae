/**
 * A recording of one device's link, as a file: JSON lines, the first one the head, then one entry a
 * line in the order of time. The gateway writes it, a simulated far end plays it back.
 *
 * No person is in it: whoever writes has replaced each card by a synthetic one before. What may not be
 * shown at all is an entry with its length and what it was, without a byte of it.
 * Faults of `readRecording`: `malformed` (which line, never what it says), `too_large`,
 * `unknown_version`.
 */
import { z } from 'zod'
import { Fault } from '../std/fault.ts'
import { tooDeep } from '../std/json.ts'
import { Name } from './text.ts'

export const recording_version = 1
/** The longest and the largest recording that can be asked for. */
export const most_recording_minutes = 60
export const most_recording_bytes = 8 * 1024 * 1024
/** A recording ends behind the entry that passes its bound. */
const most_file_bytes = 2 * most_recording_bytes

const Head = z.strictObject({
  v: z.literal(recording_version),
  device: Name,
  type: Name,
  /** Where the device was, as the configuration says it. */
  at: z.string().max(512),
  /** When it began, ISO 8601 in UTC. */
  started: z.string().max(32),
})
export type RecordingHead = z.infer<typeof Head>

/**
 * `noise`: no frame of the protocol. `unknown`: nobody can say what of it is personal. `key`: a key of
 * a PIN pad that carries a digit or a letter; `enter`, `cancel` and `clear` are the others. `password`:
 * a whole service password.
 */
export const left_out = ['noise', 'unknown', 'key', 'enter', 'cancel', 'clear', 'password'] as const
export type LeftOut = (typeof left_out)[number]

/** `out` is from the gateway to the device. */
const Direction = z.enum(['in', 'out'])
export type RecordedDirection = z.infer<typeof Direction>
/** Since the beginning, in whole ms. */
const Since = z
  .int()
  .min(0)
  .max(most_recording_minutes * 60_000 * 2)

const Entry = z.union([
  z.strictObject({
    t_ms: Since,
    dir: Direction,
    hex: z.string().regex(/^([0-9a-f]{2})+$/),
  }),
  z.strictObject({ t_ms: Since, dir: Direction, length: z.int().min(1), what: z.enum(left_out) }),
  z.strictObject({
    t_ms: Since,
    dir: z.literal('link'),
    event: z.enum(['open', 'closed']),
    reason: z.string().max(64),
  }),
])
export type RecordingEntry = z.infer<typeof Entry>

export type Recording = { head: RecordingHead; entries: readonly RecordingEntry[] }

export function recordingLine(line: RecordingHead | RecordingEntry): string {
  return `${JSON.stringify(line)}\n`
}

/** The last line may be half written: a recording that was cut off is one as far as it goes. */
export function readRecording(text: string): Recording {
  if (text.length > most_file_bytes) throw new Fault('too_large', 'recording')
  const lines = text.split('\n')
  lines.pop()
  const [first, ...rest] = lines
  const raw = parsed(first ?? '', 1)
  const version = (raw as { v?: unknown } | null)?.v
  if (version !== undefined && version !== recording_version) {
    throw new Fault('unknown_version', 'recording')
  }
  const head = checked(Head, raw, 1)
  return { head, entries: rest.map((line, at) => checked(Entry, parsed(line, at + 2), at + 2)) }
}

function parsed(line: string, number: number): unknown {
  if (tooDeep(line, 4)) throw malformed(number)
  try {
    return JSON.parse(line)
  } catch {
    throw malformed(number)
  }
}

function checked<S extends z.ZodType>(schema: S, raw: unknown, number: number): z.output<S> {
  const result = schema.safeParse(raw)
  if (!result.success) throw malformed(number)
  return result.data
}

function malformed(line: number): Fault {
  return new Fault('malformed', `recording, line ${line}`)
}
