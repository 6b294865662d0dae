/**
 * PIN blocks as a pad makes them: ISO 9564 formats 0 and 4 over 3DES, AES or SM4. Only simulated pads
 * encode PINs; the gateway never does. Raises Fault `unsupported` where this runtime's OpenSSL lacks a
 * cipher.
 */
import { createCipheriv, getCiphers } from 'node:crypto'
import { Fault } from '#devices/std/fault.ts'

export type BlockCipher = 'des-ede-ecb' | 'aes-128-ecb' | 'sm4-ecb'

/** One or more whole blocks, without padding. */
export function encrypt(cipher: BlockCipher, key: Uint8Array, blocks: Uint8Array): Uint8Array {
  if (!getCiphers().includes(cipher)) throw new Fault('unsupported', cipher)
  const run = createCipheriv(cipher, key, null)
  run.setAutoPadding(false)
  return Uint8Array.from(Buffer.concat([run.update(blocks), run.final()]))
}

/** Format 0 before encryption: PIN field XOR the twelve right-most account digits but the last. */
export function format0(pin: string, account: string): Uint8Array {
  const field = `0${pin.length.toString(16)}${pin}`.padEnd(16, 'F')
  const digits = account.slice(0, -1).slice(-12).padStart(16, '0')
  return xor(Buffer.from(field, 'hex'), Buffer.from(digits, 'hex'))
}

/** Format 4 under AES or SM4; `random` is eight bytes. */
export function format4(
  given: { pin: string; account: string; random: Uint8Array },
  cipher: 'aes-128-ecb' | 'sm4-ecb',
  key: Uint8Array,
): Uint8Array {
  const { pin, account, random } = given
  const digits = `4${pin.length.toString(16)}${pin}`.padEnd(16, 'A')
  const field = Buffer.concat([Buffer.from(digits, 'hex'), random])
  const beyond = Math.max(account.length - 12, 0)
  const holder = `${beyond}${account.padStart(12, '0')}`.padEnd(32, '0')
  return encrypt(cipher, key, xor(encrypt(cipher, key, field), Buffer.from(holder, 'hex')))
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Uint8Array.from(a, (byte, at) => byte ^ b[at]!)
}
