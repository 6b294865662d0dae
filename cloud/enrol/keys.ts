/**
 * Keys of the controller, made with jose: its own key pair, to which cards and hall keys are
 * sealed, and the sealing of a hall's key to the key of a gateway. Nothing here touches a disk.
 *
 * P-256, ECDH-ES+A256KW, A256GCM, compact form. Raises `invalid` for a sealed text that this key
 * does not open and for a public key that is not a point of the curve.
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
import { z } from 'zod'
import { PublicKey } from '#devices/contract/enrolment.ts'
import { Fault } from '#devices/std/fault.ts'

const ALG = 'ECDH-ES+A256KW'
const ENC = 'A256GCM'

/** A private key on P-256 as it lies in its file. */
export const PrivateKey = PublicKey.extend({ d: z.string().regex(/^[A-Za-z0-9_-]{43}$/) })
export type PrivateKey = z.infer<typeof PrivateKey>

/** A new key pair; `kid` is the key's RFC 7638 thumbprint. */
export async function makeKey(): Promise<PrivateKey> {
  const { privateKey } = await generateKeyPair(ALG, { crv: 'P-256', extractable: true })
  const { kty, crv, x, y, d } = await exportJWK(privateKey)
  const bare = PrivateKey.parse({ kty, crv, x, y, d })
  return { ...bare, kid: await calculateJwkThumbprint(publicHalf(bare) as JWK) }
}

export function publicHalf({ kty, crv, x, y, kid }: PrivateKey): PublicKey {
  return kid === undefined ? { kty, crv, x, y } : { kty, crv, x, y, kid }
}

export async function sealTo(key: PublicKey, secret: Uint8Array): Promise<string> {
  const { kid, ...jwk } = key
  const header = kid === undefined ? { alg: ALG, enc: ENC } : { alg: ALG, enc: ENC, kid }
  try {
    const target = await importJWK(jwk, ALG)
    return await new CompactEncrypt(secret).setProtectedHeader(header).encrypt(target)
  } catch (cause) {
    throw new Fault('invalid', 'public_key', { cause })
  }
}

export async function openSealed(key: PrivateKey, sealed: string): Promise<Uint8Array> {
  try {
    const { plaintext } = await compactDecrypt(sealed, await importJWK(key as JWK, ALG), {
      keyManagementAlgorithms: [ALG],
      contentEncryptionAlgorithms: [ENC],
    })
    return plaintext
  } catch {
    // The cause could quote what was sealed.
    throw new Fault('invalid', 'sealed text')
  }
}
