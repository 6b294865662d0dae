/**
 * What enrolment brought, as it lies in the data folder: one file, mode 600, replaced whole. The
 * hall key stays encrypted to this gateway's own key, as it came.
 *
 * Faults: `malformed` for a damaged file or one of another gateway's key; the way out is a new
 * one-time token, and the text says so.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { EnrolAnswer } from '#devices/contract/enrolment.ts'
import { Fault } from '#devices/std/fault.ts'
import { readSmall, writeDurably } from '../durable-file.ts'
import type { Identity } from '../identity.ts'

const FILE = 'credential.json'
const FILE_BYTES_MAX = 1024 * 1024

const CredentialFile = z.strictObject({
  v: z.literal(1),
  /** Who it was given to: a data folder copied under another identity does not pass for it. */
  gateway: z.string(),
  answer: EnrolAnswer,
})

/** The answer of enrolment with the hall key opened; never printed, never sent. */
export type Credential = Omit<EnrolAnswer, 'v' | 'hall_key'> & { readonly hall_key: SecretKey }

/** Key bytes that print as `[key]` in any ordinary way. */
export class SecretKey {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = Uint8Array.from(bytes)
  }

  reveal(): Uint8Array {
    return this.#bytes
  }

  toJSON(): string {
    return '[key]'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[key]'
  }
}

/** Null before enrolment. */
export async function readCredential(
  folder: string,
  identity: Identity,
): Promise<Credential | null> {
  const path = join(folder, FILE)
  const text = await readSmall(path, FILE_BYTES_MAX)
  if (text === null) return null
  const file = parse(path, text)
  if (file.gateway !== identity.gateway) throw damaged(path, 'of another gateway')
  return open(file.answer, identity).catch(() => {
    throw damaged(path, 'hall key cannot be opened')
  })
}

/** Keeps the answer on disk, then opens it. What cannot be opened is not kept. */
export async function keepCredential(
  folder: string,
  identity: Identity,
  answer: EnrolAnswer,
): Promise<Credential> {
  const credential = await open(answer, identity)
  const file = { v: 1, gateway: identity.gateway, answer }
  await writeDurably(join(folder, FILE), JSON.stringify(file))
  return credential
}

async function open(answer: EnrolAnswer, identity: Identity): Promise<Credential> {
  const { v: _, hall_key, ...rest } = answer
  return { ...rest, hall_key: new SecretKey(await identity.open(hall_key)) }
}

function parse(path: string, text: string): z.infer<typeof CredentialFile> {
  try {
    return CredentialFile.parse(JSON.parse(text))
  } catch {
    // Without the cause: it would quote the password.
    throw damaged(path, 'damaged')
  }
}

function damaged(path: string, why: string): Fault {
  return new Fault('malformed', `${path}: ${why}; move it away and enrol with a new token`)
}
