/**
 * Glyphs on demand: asks the thread that draws for what is not known yet and keeps the last
 * `most_glyphs_kept`. The thread is started when something is missing and ends by itself.
 * Rejects with Fault `unavailable` when the font cannot be read; the caller prints as text then.
 */
import { Worker } from 'node:worker_threads'
import { Fault } from '#devices/std/fault.ts'
import type { Glyph } from './dots.ts'

const most_glyphs_kept = 1024

export class Glyphs implements AsyncDisposable {
  readonly #known = new Map<string, Glyph | null>()
  #worker: Worker | null = null
  /** Questions are asked one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  /** One glyph for each character; a missing one is drawn as `?`. */
  of(text: string): Promise<Glyph[]> {
    const asked = this.#last.then(() => this.#of([...text]))
    this.#last = asked.catch(() => {})
    return asked
  }

  async #of(characters: readonly string[]): Promise<Glyph[]> {
    const missing = [...new Set(['?', ...characters])].filter((c) => !this.#known.has(c))
    if (missing.length > 0) {
      const drawn = await this.#draw(missing)
      missing.forEach((character, i) => {
        this.#known.set(character, drawn[i] ?? null)
      })
    }
    const glyphs = characters.flatMap((c) => this.#known.get(c) ?? this.#known.get('?') ?? [])
    for (const character of this.#known.keys()) {
      if (this.#known.size <= most_glyphs_kept) break
      if (character !== '?') this.#known.delete(character)
    }
    return glyphs
  }

  #draw(characters: readonly string[]): Promise<(Glyph | null)[]> {
    return new Promise((resolve, reject) => {
      const worker = this.#worker ?? this.#start()
      const failed = (error?: unknown) => {
        worker.off('message', done)
        this.#worker = null
        reject(new Fault('unavailable', 'the font for printed dots', { cause: error }))
      }
      const done = (glyphs: (Glyph | null)[]) => {
        worker.off('error', failed)
        worker.off('exit', failed)
        resolve(glyphs)
      }
      worker.once('message', done)
      worker.once('error', failed)
      worker.once('exit', failed)
      worker.postMessage(characters)
    })
  }

  #start(): Worker {
    const worker = new Worker(new URL('./glyphs-worker.ts', import.meta.url))
    worker.unref()
    worker.on('error', () => {})
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = null
    })
    this.#worker = worker
    return worker
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate()
  }
}
