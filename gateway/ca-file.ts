/**
 * Certificates to trust in place of the machine's own: a file of one or more in PEM. Fault
 * `config_invalid` says what is wrong with it; nothing of the file is quoted, as it may be the wrong
 * one and hold a key.
 */
import { X509Certificate } from 'node:crypto'
import { Fault } from '#devices/std/fault.ts'
import { readSmall } from './durable-file.ts'

const FILE_BYTES_MAX = 1024 * 1024
const certificates = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** The file's text, every certificate of which can be read. */
export async function readCaFile(path: string): Promise<string> {
  const problem = (what: string) => new Fault('config_invalid', `${path}: ${what}`)
  const text = await readSmall(path, FILE_BYTES_MAX).catch((error: NodeJS.ErrnoException) => {
    throw problem(`cannot be read (${error.code ?? error.name})`)
  })
  if (text === null) throw problem('no such file')
  const found = text.match(certificates) ?? []
  if (found.length === 0) throw problem('holds no certificate in PEM')
  const broken = found.findIndex((pem) => !isCertificate(pem))
  if (broken >= 0) throw problem(`certificate ${broken + 1} in it cannot be read`)
  return text
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem)
    return true
  } catch {
    return false
  }
}
