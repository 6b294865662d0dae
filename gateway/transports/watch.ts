/**
 * Notices device nodes that come and go, also where nobody reads and the kernel says nothing to us:
 * one look every half second over all that is watched together, none while nothing is.
 * A look is a few microseconds in the kernel's own file systems, so it is done in place.
 * Raises nothing; a look that fails sees nothing.
 */
import { statSync } from 'node:fs'
import type { Cancel, Pace } from '#devices/std/clock.ts'

/**
 * Names what is there now, so that another device at the same place has another name, and behind a
 * blank who may open it; null: nothing is there.
 */
export type Look = () => string | null

export interface NodeWatch {
  /** Calls `then` once, when a look is due and `when` holds. */
  await(when: () => boolean, then: () => void): Cancel
}

const look_ms = 500

export function nodeWatch(pace: Pace): NodeWatch {
  const awaited = new Set<{ when: () => boolean; then: () => void }>()
  let timer: Cancel | null = null
  const lookAgain = () => {
    timer = awaited.size > 0 ? pace.after(look_ms, 'device nodes', look) : null
  }
  const look = () => {
    timer = null
    for (const one of [...awaited]) {
      if (!awaited.has(one) || !one.when()) continue
      awaited.delete(one)
      one.then()
    }
    if (timer === null) lookAgain()
  }
  return {
    await(when, then) {
      const one = { when, then }
      awaited.add(one)
      if (timer === null) lookAgain()
      return () => {
        awaited.delete(one)
        if (awaited.size > 0) return
        timer?.()
        timer = null
      }
    },
  }
}

/**
 * The node behind a path, links followed. Permissions count: who may open it only now has it back.
 */
export function lookAtPath(path: string): Look {
  return () => {
    const node = statOf(path)
    if (node === null) return null
    return nameOfNode(
      `${node.dev}:${node.ino}:${node.rdev}`,
      `${node.mode}:${node.gid}:${node.ctimeMs}`,
    )
  }
}

export function nameOfNode(node: string, access: string): string {
  return `${node} ${access}`
}

/** The same node, whoever may open it now. */
function sameNode(a: string | null, b: string | null): boolean {
  return a?.split(' ')[0] === b?.split(' ')[0]
}

function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null
  } catch {
    return null
  }
}

/**
 * What a transport over a node knows of it: what it last tried to open, and whether that is there.
 */
export class WatchedNode {
  readonly #nodes: NodeWatch
  readonly #look: Look
  #tried: string | null = null

  constructor(nodes: NodeWatch, look: Look) {
    this.#nodes = nodes
    this.#look = look
  }

  /** Before each attempt to open. False: there is nothing to open. */
  try(): boolean {
    this.#tried = this.#look()
    return this.#tried !== null
  }

  /** `gone` is called once, as soon as what was tried is no longer there. */
  whileThere(gone: () => void): Cancel {
    const opened = this.#tried
    return this.#nodes.await(() => !sameNode(this.#look(), opened), gone)
  }

  untilBack(onBack: () => void): Cancel {
    return this.#nodes.await(() => {
      const now = this.#look()
      if (now === null) this.#tried = null
      return now !== null && now !== this.#tried
    }, onBack)
  }
}
