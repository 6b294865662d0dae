/**
 * Which account the database server runs as. PostgreSQL refuses to run as root, so a controller
 * that is root lends it an account that exists already; none is ever created.
 * Faults: `unavailable` when root finds no account to use.
 */
import { readFileSync } from 'node:fs'
import { Fault } from '#devices/std/fault.ts'

/** An entry of /etc/passwd, as far as starting a process as it needs. */
export type Account = { name: string; uid: number; gid: number }

/** Tried in this order: made for the purpose, then made for nothing. */
const preferred = ['postgres', 'nobody'] as const

/** Reads `name:x:uid:gid:...` lines; lines of any other shape are passed over. */
export function parseAccounts(passwd: string): Account[] {
  return passwd.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':')
    if (!name || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) return []
    return [{ name, uid: Number(uid), gid: Number(gid) }]
  })
}

/**
 * The account to run the server as, or null to run it as ourselves (whenever we are not root).
 * `owner_uid` is the owner of a cluster that exists already: it can be run by nobody else.
 */
export function chooseAccount(owner_uid: number | undefined): Account | null {
  if (process.getuid?.() !== 0) return null
  const accounts = parseAccounts(readFileSync('/etc/passwd', 'utf8'))
  const found =
    owner_uid === undefined
      ? preferred.flatMap((name) => accounts.filter((one) => one.name === name))
      : accounts.filter((one) => one.uid === owner_uid)
  const account = found.find((one) => one.uid !== 0)
  if (account) return account
  throw new Fault(
    'unavailable',
    owner_uid === undefined
      ? `the database server may not run as root, and /etc/passwd has no ${preferred.join(' or ')}`
      : `the database files belong to uid ${owner_uid}, which /etc/passwd does not name`,
  )
}
