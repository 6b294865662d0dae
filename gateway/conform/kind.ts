/**
 * What the conformance kit knows of a class of devices: its steps, and how its bytes are shown. Types,
 * and the few words every step file wants.
 */
import type { Settings as KnownSettings } from '#devices/std/setting.ts'
import type { Synthesis } from '../recording/synthesis.ts'
import type { Transport } from '../transports/transport.ts'
import type { Bench, Exchange } from './bench.ts'

export type Bilingual = { zh: string; en: string }

/**
 * `differs`: the device does otherwise than we assumed without a second source; the assumption is
 * then what has to change. `not_tried`: nobody was there to help, or a step before failed.
 */
export type Verdict = 'pass' | 'fail' | 'differs' | 'not_tried'

/** `says` is empty for a pass that needs no word. */
export type Finding = { verdict: Verdict; says: Bilingual }

export type Step = {
  /** Short name for reports and tests. */
  code: string
  title: Bilingual
  /** What a right device does, bytes in hex where they are known. */
  expected: Bilingual
  run(bench: Bench): Promise<Finding>
}

export type Settings = Readonly<Record<string, string>>

/** Hex, or for what carries a card or a PIN: command, length and status. */
export type Shown = { sent: string; came: string }

export type ConformKind = {
  type: string
  /** `--set name=value`. */
  settings: KnownSettings
  /** What lies between the place and the frames, where something does: the same transport otherwise. */
  link?(below: Transport, settings: Settings): Transport
  steps(settings: Settings): readonly Step[]
  show(exchange: Exchange): Shown
  /** The same exchange about a synthetic card and without secrets, in hex; null: left out. */
  synthetic(exchange: Exchange, synthesis: Synthesis): Shown
}

const nothing: Bilingual = { zh: '', en: '' }

export function pass(en = '', zh = ''): Finding {
  return { verdict: 'pass', says: { en, zh } }
}

export function fail(says: Bilingual): Finding {
  return { verdict: 'fail', says }
}

export function differs(says: Bilingual): Finding {
  return { verdict: 'differs', says }
}

export function notTried(says: Bilingual = nothing): Finding {
  return { verdict: 'not_tried', says }
}

export const nobody: Bilingual = { zh: '需要有人操作', en: 'needs somebody at the device' }

/** The step this one builds on did not pass. */
export function without(step: string): Finding {
  return notTried({ zh: `步骤 ${step} 未通过`, en: `step ${step} did not pass` })
}

/** Upper-case hex in pairs, cut after `most` bytes. */
export function hex(bytes: Uint8Array, most = 64): string {
  const shown = Array.from(bytes.subarray(0, most), (byte) =>
    byte.toString(16).toUpperCase().padStart(2, '0'),
  ).join(' ')
  return bytes.length > most ? `${shown} … (${bytes.length})` : shown
}

export function showPlainly({ sent, came }: Exchange): Shown {
  return { sent: hex(sent), came: hex(came) }
}

export const silence: Bilingual = { zh: '没有应答', en: 'no answer' }
