/**
 * An initramfs: a cpio archive in the `newc` form, written here so that no tool is needed for it.
 */

const folder_mode = 0o040755
const file_mode = 0o100755
const link_mode = 0o120777
const device_mode = 0o020600

export class Archive {
  readonly #pieces: Uint8Array[] = []
  readonly #names = new Set<string>()

  /** Parents come by themselves; a name that is there already is not written again. */
  file(path: string, bytes: Uint8Array): void {
    this.#entry(path, file_mode, { bytes })
  }

  folder(path: string): void {
    this.#entry(path, folder_mode, {})
  }

  link(path: string, target: string): void {
    this.#entry(path, link_mode, { bytes: new TextEncoder().encode(target) })
  }

  device(path: string, major: number, minor: number): void {
    this.#entry(path, device_mode, { device: [major, minor] })
  }

  /** The pieces to write one after another. */
  end(): Uint8Array[] {
    this.#entry('TRAILER!!!', 0, {})
    return this.#pieces
  }

  #entry(
    path: string,
    mode: number,
    { bytes = new Uint8Array(0), device = [0, 0] }: { bytes?: Uint8Array; device?: number[] },
  ): void {
    const name = path.replace(/^\/+/, '')
    if (name === '' || this.#names.has(name)) return
    this.#names.add(name)
    const parent = name.slice(0, Math.max(name.lastIndexOf('/'), 0))
    if (parent !== '') this.folder(parent)
    const text = new TextEncoder().encode(`${name}\0`)
    const numbers = [
      this.#names.size,
      mode,
      0,
      0,
      1,
      0,
      bytes.length,
      0,
      0,
      device[0]!,
      device[1]!,
      text.length,
      0,
    ]
    const head = numbers.map((number) => number.toString(16).padStart(8, '0')).join('')
    const start = new TextEncoder().encode(`070701${head}`)
    this.#pieces.push(padded(start, text), padded(bytes))
  }
}

/** Together, with zeros up to a multiple of four. */
function padded(...parts: Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  if (parts.length === 1 && size % 4 === 0) return parts[0]!
  const whole = new Uint8Array(Math.ceil(size / 4) * 4)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
