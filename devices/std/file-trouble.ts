/**
 * What an operating system says when a file or folder cannot be used, in words for whoever runs the
 * program. Pure; never quotes what a file holds.
 */

const words: Readonly<Record<string, string>> = {
  EACCES: 'this account may not use it: give it the right to, or name another place',
  EPERM: 'this account may not use it: give it the right to, or name another place',
  EROFS: 'its disk is read-only: make it writable, or name another place',
  ENOSPC: 'the disk is full: make room on it, or name another place',
  EDQUOT: 'the quota of the disk is used up: make room on it, or name another place',
  ENOENT: 'it does not exist and cannot be made there',
  EEXIST: 'a file stands where a folder belongs: name another place',
  ENOTDIR: 'a file stands where a folder belongs: name another place',
  EISDIR: 'it is a folder, where a file belongs',
  EIO: 'its disk cannot be read or written: look at the disk',
}

/** Null where the error is none of files: then it is a mistake in the program. */
export function fileTrouble(error: unknown): string | null {
  const { code, syscall, path } = (error ?? {}) as Record<string, unknown>
  if (typeof code !== 'string' || typeof syscall !== 'string') return null
  if (!Object.hasOwn(words, code)) return null
  return `${typeof path === 'string' ? `${path}: ` : ''}${words[code]} (${code})`
}
