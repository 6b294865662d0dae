/**
 * Native libraries, loaded where a device first needs one. One that is missing disables its
 * transport with one line that says what to install; everything else runs. Raises Fault
 * `unsupported`, its detail the same words.
 */
import { Fault } from '#devices/std/fault.ts'
import type { Log } from '#devices/std/log.ts'

export interface Natives {
  /** Loads once; a library that failed is not tried again while the program runs. */
  load<Library>(name: string, advice: string, load: () => Promise<Library>): Promise<Library>
}

export function nativeLibraries(log: Log): Natives {
  const loaded = new Map<string, Promise<unknown>>()
  return {
    load<Library>(name: string, advice: string, load: () => Promise<Library>) {
      const known = loaded.get(name)
      if (known !== undefined) return known as Promise<Library>
      const loading = load().catch((cause: unknown) => {
        const detail = `${name} cannot be loaded (${codeOf(cause)}): ${advice}`
        log('error', 'transport.disabled', { library: name, code: codeOf(cause), advice })
        throw new Fault('unsupported', detail, { cause })
      })
      loaded.set(name, loading)
      return loading
    },
  }
}

/** The `code` of a system error, wherever the library put it; `error` without one. */
export function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null) {
    const { code, cause, message } = error as { code?: unknown; cause?: unknown; message?: unknown }
    if (typeof code === 'string') return code
    if (cause !== undefined) return codeOf(cause)
    if (typeof message === 'string') return codeIn(message)
  }
  return 'error'
}

/** Libraries that only speak of the cause in words. */
function codeIn(message: string): string {
  const known = words.find(([word]) => message.includes(word))
  return known?.[1] ?? 'error'
}

const words: readonly (readonly [string, string])[] = [
  ['No such file', 'ENOENT'],
  ['No such device', 'ENODEV'],
  ['Permission denied', 'EACCES'],
  ['permission', 'EACCES'],
  ['Cannot lock', 'EBUSY'],
  ['busy', 'EBUSY'],
  ['Inappropriate ioctl', 'ENOTTY'],
  ['Input/output', 'EIO'],
  ['Disconnected', 'ENODEV'],
  ['cannot open shared object', 'ERR_DLOPEN_FAILED'],
]
