/**
 * The settings of the embedded server, as the text of its configuration file. Pure.
 * Refuses setting names that are not plain words (`invalid`).
 */
import { Fault } from '#devices/std/fault.ts'

/** What keeps a commit; stated although these are defaults, because all else stands on them. */
const durable = { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on' }

/** Moderate: the server shares a small machine with the controller. */
const moderate = {
  shared_buffers: '128MB',
  max_connections: '50',
  wal_compression: 'pglz',
  max_wal_size: '512MB',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
}

/** Statements and row details stay out of the log: they could hold personal data. */
const discreet = {
  log_min_messages: 'warning',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] ',
}

/**
 * The file's text. Only a unix socket in a private folder is listened on, so no port can be in use
 * and no other account can so much as try a password. `version` is that of the binaries: a live
 * server started from other text or other binaries is restarted, not adopted.
 */
export function settingsText(
  socketDir: string,
  version: string,
  extra: Readonly<Record<string, string>>,
): string {
  const all: Record<string, string> = {
    listen_addresses: '',
    port: '5432',
    unix_socket_directories: socketDir,
    unix_socket_permissions: '0700',
    password_encryption: 'scram-sha-256',
    allow_alter_system: 'off',
    lc_messages: 'C',
    ...durable,
    ...moderate,
    ...discreet,
    ...extra,
  }
  const lines = Object.entries(all).map(([name, value]) => `${checkName(name)} = ${quote(value)}`)
  return `# written at every start; programs ${version}\n${lines.join('\n')}\n`
}

function checkName(name: string): string {
  if (/^[a-z_.]{1,64}$/.test(name)) return name
  throw new Fault('invalid', `database setting ${JSON.stringify(name)}`)
}

function quote(value: string): string {
  if (/[\n\r\0]/.test(value)) throw new Fault('invalid', 'a database setting of several lines')
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}
