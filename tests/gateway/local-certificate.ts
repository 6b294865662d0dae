/** A certificate for 127.0.0.1 and localhost made by openssl, or null where there is no openssl. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Certificate = { folder: string; cert_file: string; key_file: string; pem: string }

export function makeCertificate(): Certificate | null {
  const folder = mkdtempSync(join(tmpdir(), 'hallway-cert-'))
  const [cert_file, key_file] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const ask = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  try {
    execFileSync(
      'openssl',
      [...ask, ...names, '-days', '2', '-keyout', key_file, '-out', cert_file],
      {
        stdio: 'ignore',
      },
    )
  } catch {
    console.warn('SKIPPED: TLS is not tested, as there is no openssl here')
    return null
  }
  return { folder, cert_file, key_file, pem: readFileSync(cert_file, 'utf8') }
}
