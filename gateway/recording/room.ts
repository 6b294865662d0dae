/**
 * The room that kept recordings may take, as they lie beside the hall log on its disk: the oldest go
 * first. Never touches a file that is named to stay. Raises nothing: what cannot be looked at or
 * removed stays.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

type Kept = { name: string; bytes: number; written_ms: number }

/** Removes until `coming_bytes` more fit into `most_bytes`. Gives the names of what went. */
export async function makeRoom(
  folder: string,
  given: { stay: ReadonlySet<string>; coming_bytes: number; most_bytes: number },
): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => [])
  const looked = await Promise.all(names.map((name) => look(folder, name)))
  const kept = looked.filter((one) => one !== null).sort((a, b) => a.written_ms - b.written_ms)
  let bytes = given.coming_bytes + kept.reduce((sum, one) => sum + one.bytes, 0)
  const gone: string[] = []
  for (const one of kept) {
    if (bytes <= given.most_bytes) break
    if (given.stay.has(one.name)) continue
    const removed = await rm(join(folder, one.name)).then(
      () => true,
      () => false,
    )
    if (!removed) continue
    bytes -= one.bytes
    gone.push(one.name)
  }
  return gone
}

async function look(folder: string, name: string): Promise<Kept | null> {
  const found = await stat(join(folder, name)).catch(() => null)
  if (found === null || !found.isFile()) return null
  return { name, bytes: found.size, written_ms: found.mtimeMs }
}
