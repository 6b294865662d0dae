/**
 * Pads that people type secrets into. Of a key only what kind it was is kept, never which; of an
 * encrypted block its length, as zeros; the account number of a prompt becomes other digits, the same
 * for the same. A password is its length and nothing else. What is neither a known answer nor an error
 * is left out.
 */
import { byteText } from '#devices/std/bytes.ts'
import { createServicePasswordDeframer } from '#devices/wire/service-password.ts'
import {
  blockText,
  createZt588Deframer,
  encodeZt588,
  isZt588Yes,
  promptText,
  readBlock,
  readInformation,
  readPrompt,
  type Zt588Frame,
  zt588Commands,
  zt588ErrorOf,
} from '#devices/wire/zt588.ts'
import { asItIs, byFrames, type Kept, leftOut, noise, type Sanitiser } from './sanitiser.ts'
import type { Synthesis } from './synthesis.ts'

/** Length, sum and marks of a frame. */
const frame_bytes = 7
const commands: ReadonlySet<string> = new Set(Object.values(zt588Commands))

export function zt588Sanitiser(synthesis: Synthesis): Sanitiser {
  return byFrames(
    { deframer: createZt588Deframer(), keep: keepAnswer },
    { deframer: createZt588Deframer(), keep: (frame) => keepCommand(frame, synthesis) },
  )
}

function keepCommand(frame: Zt588Frame, synthesis: Synthesis): Kept {
  if (frame.kind === 'key') return leftOut(1, 'unknown')
  const { text } = frame
  if (commands.has(text) || /^52[0-9A-F]{2}$/.test(text)) return { bytes: encodeZt588(text) }
  const prompt = readPrompt(text)
  if (prompt === null) return leftOut(text.length + frame_bytes, 'unknown')
  const account = synthesis.digits(prompt.account)
  return { bytes: encodeZt588(promptText({ ...prompt, account })) }
}

function keepAnswer(frame: Zt588Frame): Kept {
  if (frame.kind === 'key') {
    const { key } = frame
    // Which letter a function key has would tell a damaged block's letters from its digits.
    return leftOut(1, key === 'enter' || key === 'cancel' || key === 'clear' ? key : 'key')
  }
  const { text } = frame
  const block = readBlock(text)
  if (block !== null) {
    const zeros = '0'.repeat(block.block.length)
    return { bytes: encodeZt588(blockText(text.slice(0, 1), { ...block, block: zeros })) }
  }
  const short = text.length <= 4 && (zt588ErrorOf(text) !== null || isZt588Yes(text))
  if (short || readInformation(text) !== null) return { bytes: encodeZt588(text) }
  return leftOut(text.length + frame_bytes, 'unknown')
}

/** Nothing is ever sent to such a pad. */
export function servicePasswordSanitiser(): Sanitiser {
  const passwords = createServicePasswordDeframer(null)
  return {
    in(bytes) {
      const { frames, discarded } = passwords.push(bytes)
      const kept = frames.map(() => ({ dir: 'in', ...leftOut(8, 'password') }) as const)
      return [...noise('in', discarded), ...kept]
    },
    out: (bytes) => [{ dir: 'out', ...leftOut(bytes.length, 'unknown') }],
    closed: () => noise('in', passwords.flush()),
  }
}

/**
 * Projectors and panels: what they say is about themselves. What stands in front of a PJLink command is
 * a digest of the password, which could be guessed from it: it becomes zeros.
 */
export function displaySanitiser(): Sanitiser {
  return {
    ...asItIs,
    out(bytes) {
      const proof = /^[0-9a-fA-F]{32}(?:[0-9a-fA-F]{64})?(?=%[12])/.exec(byteText(bytes))?.[0]
      if (proof === undefined) return asItIs.out(bytes)
      const without = bytes.slice()
      without.fill(0x30, 0, proof.length)
      return [{ dir: 'out', bytes: without }]
    },
  }
}
