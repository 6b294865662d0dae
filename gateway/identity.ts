/**
 * Who this gateway is: an id made at the first start, a key pair for what the controller encrypts
 * to it, and a name for this run of the process. The id lives outside the hall log, so that a log
 * that was lost or restored does not change who writes it.
 *
 * A damaged identity file is never replaced silently, since a new id means another owner of the
 * hall: fault `malformed` names the file.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import {
  calculateJwkThumbprint,
  compactDecrypt,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from 'jose'
import { z } from 'zod'
import { PublicKey } from '#devices/contract/enrolment.ts'
import { Fault } from '#devices/std/fault.ts'
import { makeDurably, readSmall } from './durable-file.ts'

const FILE = 'identity.json'
const FILE_BYTES_MAX = 4_096

const ALG = 'ECDH-ES+A256KW'

const IdentityFile = z.strictObject({
  v: z.literal(1),
  gateway: z.string().regex(/^[0-9a-f]{32}$/),
  private_key: PublicKey.extend({ d: z.string().regex(/^[A-Za-z0-9_-]{43}$/) }),
})
type IdentityFile = z.infer<typeof IdentityFile>

export interface Identity {
  /** 128 random bits, 32 hex digits, the same for as long as the data folder lives. */
  readonly gateway: string
  /** 64 random bits, 16 hex digits, new for every start: names a run of the monotonic clock. */
  readonly boot: string
  readonly public_key: PublicKey
  /** RFC 7638 thumbprint of the public key, for comparing by eye. */
  readonly thumbprint: string
  /** Opens a compact JWE that was made to our key. Fault `malformed` if it cannot be opened. */
  open(jwe: string): Promise<Uint8Array>
}

/** Reads the identity of a data folder; makes it, on disk, at the first start. */
export async function openIdentity(folder: string): Promise<Identity> {
  const path = join(folder, FILE)
  const text = await readSmall(path, FILE_BYTES_MAX)
  const file = readIdentity(path, text ?? (await makeIdentity(path)))
  const { d: _, ...public_key } = file.private_key
  const key = await importJWK(file.private_key as JWK, ALG).catch((cause: unknown) => {
    throw new Fault('malformed', path, { cause })
  })
  return {
    gateway: file.gateway,
    boot: randomBytes(8).toString('hex'),
    public_key,
    thumbprint: await calculateJwkThumbprint(public_key as JWK),
    async open(jwe) {
      try {
        const options = {
          keyManagementAlgorithms: [ALG],
          contentEncryptionAlgorithms: ['A256GCM'],
        }
        return (await compactDecrypt(jwe, key, options)).plaintext
      } catch {
        // The cause could quote what was encrypted.
        throw new Fault('malformed', 'not encrypted to this gateway')
      }
    },
  }
}

function readIdentity(path: string, text: string): IdentityFile {
  try {
    return IdentityFile.parse(JSON.parse(text))
  } catch {
    throw new Fault('malformed', `${path}: restore it, or move it away and enrol again`)
  }
}

/** What is there then: of two first starts at once, one made it. */
async function makeIdentity(path: string): Promise<string> {
  const { privateKey } = await generateKeyPair(ALG, { crv: 'P-256', extractable: true })
  const { kty, crv, x, y, d } = await exportJWK(privateKey)
  const private_key = { kty, crv, x, y, d }
  const gateway = randomBytes(16).toString('hex')
  const file = IdentityFile.parse({ v: 1, gateway, private_key })
  await makeDurably(path, JSON.stringify(file))
  return (await readSmall(path, FILE_BYTES_MAX)) ?? ''
}
