/**
 * Keys of one run of the program and of one client's session, so that a card crosses a wire only as
 * a JWE, loopback included.
 *
 * To the gateway: {@link createSessionKey}, made at the start and never written down; what was
 * encrypted to an earlier run cannot be opened by anybody any more.
 * To a client: {@link sealTo}, with the public key that the client made for its session.
 *
 * Faults: `invalid` for a key that is none, `malformed` for a JWE that cannot be opened, `too_large`.
 */
import {
  CompactEncrypt,
  calculateJwkThumbprint,
  compactDecrypt,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from 'jose'
import { PublicKey } from '#devices/contract/enrolment.ts'
import { Fault } from '#devices/std/fault.ts'

const ALG = 'ECDH-ES+A256KW'
const ENC = 'A256GCM'
/** What a client may send as one JWE, in characters. */
export const JWE_CHARS_MAX = 16 * 1024
/** Plain texts are padded up to these sizes, so that a length says nothing about a name. */
const PADDED_BYTES = [1_024, 4_096, 8_192] as const

/** A client's public key for one session: P-256 or X25519, no private member. */
export type ClientKey =
  | { kty: 'EC'; crv: 'P-256'; x: string; y: string; kid?: string | undefined }
  | { kty: 'OKP'; crv: 'X25519'; x: string; kid?: string | undefined }

/** Compact JWE of the value as JSON text, ECDH-ES+A256KW and A256GCM, to the client's key. */
export async function sealTo(key: ClientKey, value: unknown): Promise<string> {
  const { kid, ...jwk } = key
  const header = kid === undefined ? { alg: ALG, enc: ENC } : { alg: ALG, enc: ENC, kid }
  try {
    const to = await importJWK(jwk as JWK, ALG)
    return await new CompactEncrypt(pad(value)).setProtectedHeader(header).encrypt(to)
  } catch (error) {
    if (error instanceof Fault) throw error
    // The cause could quote what was to be encrypted.
    throw new Fault('invalid', 'session key')
  }
}

export interface SessionKey {
  readonly public_key: PublicKey
  /** Opens a compact JWE made to this key. */
  open(jwe: string): Promise<Uint8Array>
}

export async function createSessionKey(): Promise<SessionKey> {
  const { publicKey, privateKey } = await generateKeyPair(ALG, { crv: 'P-256' })
  const { kty, crv, x, y } = await exportJWK(publicKey)
  const kid = await calculateJwkThumbprint({ kty, crv, x, y } as JWK)
  const options = { keyManagementAlgorithms: [ALG], contentEncryptionAlgorithms: [ENC] }
  return {
    public_key: PublicKey.parse({ kty, crv, x, y, kid }),
    async open(jwe) {
      if (jwe.length > JWE_CHARS_MAX) throw new Fault('too_large', 'JWE')
      try {
        return (await compactDecrypt(jwe, privateKey, options)).plaintext
      } catch {
        throw new Fault('malformed', 'not encrypted to the session key of this run')
      }
    },
  }
}

function pad(value: unknown): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(value))
  const size = PADDED_BYTES.find((bytes) => bytes >= text.length)
  if (size === undefined) throw new Fault('too_large', `card of ${text.length} bytes`)
  const padded = new Uint8Array(size).fill(0x20)
  padded.set(text)
  return padded
}
