/**
 * Small helpers over Uint8Array. Refuses nothing at run time but broken callers (assert);
 * `fromHex` is for constants and golden files, not for input from outside.
 */
import { assert } from './assert.ts'

/** The parts one after another, in a new array. */
export function concat(...parts: ReadonlyArray<ArrayLike<number>>): Uint8Array {
  let size = 0
  for (const part of parts) size += part.length
  const joined = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

export function equalBytes(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Lower-case hex without separators. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/** Hex digits in pairs; blanks between pairs are allowed. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s+/g, '')
  assert(/^([0-9a-fA-F]{2})*$/.test(digits), 'hex text is pairs of hex digits')
  const bytes = new Uint8Array(digits.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16)
  }
  return bytes
}

/** Characters U+0000 to U+007F as bytes; anything else is a mistake of the caller. */
export function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    assert(unit < 0x80, 'text is ASCII')
    bytes[i] = unit
  }
  return bytes
}

/** Bytes as characters U+0000 to U+00FF, one each. */
export function byteText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

export function u16be(bytes: Uint8Array, at: number): number {
  assert(at >= 0 && at + 2 <= bytes.length, 'two bytes are there')
  return (bytes[at]! << 8) | bytes[at + 1]!
}

export function u32le(bytes: Uint8Array, at: number): number {
  assert(at >= 0 && at + 4 <= bytes.length, 'four bytes are there')
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  )
}
