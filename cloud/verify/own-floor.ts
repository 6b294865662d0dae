/**
 * Ratings and bound devices told again from the records alone. Written apart from the controller's
 * projections, on purpose: all presses are collected, then each question finds its answer.
 */
import type { Fact } from './facts.ts'

type Told = Record<string, unknown>

export class OwnRatings {
  readonly #asked = new Map<string, Fact>()
  readonly #pressed: Fact[] = []

  /** Why the record cannot be used, or null. */
  take(fact: Fact): string | null {
    if (fact.kind === 'rating.given') this.#pressed.push(fact)
    if (fact.kind !== 'rating.asked') return null
    const request = String(fact.data.request)
    if (this.#asked.has(request)) return 'wrong_state'
    this.#asked.set(request, fact)
    return null
  }

  /** The first press that claims a question is its answer. */
  #answers(): Map<string, Fact> {
    const answers = new Map<string, Fact>()
    for (const fact of this.#pressed) {
      const request = fact.data.request
      if (fact.data.attributed !== true || request === null) continue
      if (!answers.has(String(request))) answers.set(String(request), fact)
    }
    return answers
  }

  ratings(): Map<string, Told> {
    const answers = this.#answers()
    return new Map(
      this.#pressed.map((fact) => {
        const { request, day, counter, key, score, keys, clerk, ticket, service } = fact.data
        const claims = fact.data.attributed === true
        const attributed = claims && (request === null || answers.get(String(request)) === fact)
        const whose = attributed
          ? { clerk, ticket, service }
          : { clerk: null, ticket: null, service: null }
        const { place } = fact
        const press = { place, request, day, at_ms: fact.at.wall_ms, counter, key, score, keys }
        return [String(place), { ...press, ...whose, attributed }]
      }),
    )
  }

  questions(): Map<string, Told> {
    const answers = this.#answers()
    const requests = new Set([...this.#asked.keys(), ...answers.keys()])
    return new Map(
      [...requests].map((request) => {
        const asked = this.#asked.get(request)
        const answer = answers.get(request)
        const { day, counter, clerk, ticket, service, keys } = (asked ?? answer!).data
        return [
          request,
          {
            ...{ request, day, counter, clerk, ticket, service, keys },
            asked_ms: asked?.at.wall_ms ?? null,
            rated_place: answer?.place ?? null,
          },
        ]
      }),
    )
  }
}

export class OwnBindings {
  /** The records of each device that counted, in order. */
  readonly #stories = new Map<string, Fact[]>()
  /** Places that their device left, with the record that says where it is instead. */
  readonly #left = new Map<string, Fact>()

  take(fact: Fact): string | null {
    if (fact.kind !== 'device.bound' && fact.kind !== 'device.replaced') return null
    const device = String(fact.data.device)
    const story = this.#stories.get(device)
    if (fact.kind === 'device.replaced') {
      if (story === undefined || this.#left.has(device)) return 'not_found'
      if (identityOf(story.at(-1)!) !== fact.data.old_identity) return 'wrong_state'
    }
    for (const [other, theirs] of this.#stories) {
      const stood = other !== device && !this.#left.has(other)
      if (stood && identityOf(theirs.at(-1)!) === identityOf(fact)) this.#left.set(other, fact)
    }
    this.#stories.set(device, [...(story ?? []), fact])
    this.#left.delete(device)
    return null
  }

  /** Of all records that put a device somewhere, the last. */
  homes(): Map<string, Told> {
    const all = [...this.#stories.values()].flat().sort((a, b) => a.place - b.place)
    return new Map(
      all.map((fact) => {
        const identity = String(identityOf(fact))
        return [identity, { identity, device: fact.data.device }]
      }),
    )
  }

  devices(): Map<string, Told> {
    return new Map(
      [...this.#stories].map(([device, story]) => {
        const { type, place, counter } = story.findLast(({ kind }) => kind === 'device.bound')!.data
        const left = this.#left.get(device)
        const last = story.at(-1)!
        const changed = left ?? last
        const replacements = story.filter(({ kind }) => kind === 'device.replaced').length
        return [
          device,
          {
            ...{ device, type, identity: identityOf(last), place, counter, replacements },
            left_for: left?.data.device ?? null,
            ...{ bound_by: changed.data.by, since_ms: changed.at.wall_ms },
            updated_place: changed.place,
          },
        ]
      }),
    )
  }
}

function identityOf({ kind, data }: Fact): unknown {
  return kind === 'device.bound' ? data.identity : data.new_identity
}
