/**
 * The far end of a recorded link: waits for what the host asked then, and says what the device said
 * then, in its time. A host that asks otherwise is followed as far as it can be: the same question
 * with another content is the same; one out of turn gets the last answer to it, or the first that is to
 * come, and the recording stands still meanwhile; one that nobody asks any more is passed over. What
 * differed is counted by question.
 */
import { equalBytes } from '#devices/std/bytes.ts'
import type { Cancel, Pace } from '#devices/std/clock.ts'
import type { DeviceModel } from '../models/model.ts'
import type { Matcher, Question } from './matching.ts'
import type { Script, Step } from './script.ts'

export type PlaybackOptions = {
  /** Pauses of the device are divided by it. */
  speed: number
  /** What the host was to ask and does not is passed over so long after it was due. */
  late_ms: number
}

export const playbackDefaults: PlaybackOptions = { speed: 1, late_ms: 5_000 }

/**
 * `content`: asked with other bytes. `out_of_turn`: asked when something else was to be. `unanswered`:
 * the recording has no answer to it. `not_asked`: passed over. `left_out`: not in the recording.
 */
export type Difference = 'content' | 'out_of_turn' | 'unanswered' | 'not_asked' | 'left_out'

/** Said within this of the question, it is its answer. */
const answer_ms = 1_000
const most_early = 16
const most_kinds = 256

type Known = { question: Question; answers: Uint8Array[] }

export class Playback implements DeviceModel {
  /** Called at the end of the recording. */
  onEnd: (() => void) | null = null
  /** Called where the recorded link was closed. */
  onHangUp: (() => void) | null = null
  readonly #steps: Step[]
  readonly #matcher: Matcher
  readonly #pace: Pace
  readonly #options: PlaybackOptions
  readonly #differences = new Map<string, number>()
  /** The last answer to each question. */
  readonly #known = new Map<string, Known>()
  #early: Question[] = []
  #at = 0
  #send: ((bytes: Uint8Array) => void) | null = null
  #timer: Cancel | null = null
  #ended = false

  constructor(
    { steps, matcher }: Script,
    { pace }: { pace: Pace },
    options: Partial<PlaybackOptions> = {},
  ) {
    this.#steps = [...steps]
    this.#matcher = matcher
    this.#pace = pace
    this.#options = { ...playbackDefaults, ...options }
  }

  /** How often what differed: `content prompt` → 2. */
  get differences(): ReadonlyMap<string, number> {
    return this.#differences
  }

  get progress(): { played: number; of: number } {
    return { played: this.#at, of: this.#steps.length }
  }

  attach(send: (bytes: Uint8Array) => void): void {
    this.#matcher.flush()
    this.#send = send
    this.#early = []
    this.#go()
  }

  detach(): void {
    this.#send = null
    this.#timer?.()
    this.#timer = null
    // The host hung up where the recording does too.
    if (this.#steps[this.#at]?.do === 'closed') this.#at += 1
    if (this.#at >= this.#steps.length) this.#end()
  }

  receive(bytes: Uint8Array): void {
    for (const question of this.#matcher.push(bytes)) this.#heard(question)
  }

  /** On to the next step that has to wait for time or for the host. */
  #go(): void {
    this.#timer?.()
    this.#timer = null
    for (;;) {
      const step = this.#steps[this.#at]
      if (step === undefined) {
        this.#end()
        return
      }
      if (this.#send === null) return
      if (step.do === 'open') this.#at += 1
      else if (step.do === 'left_out') {
        this.#count('left_out', `${step.what}, ${step.length} bytes`)
        this.#at += 1
      } else if (step.do === 'hear') {
        if (this.#wasEarly(step.question)) continue
        this.#waitFor(step)
        return
      } else {
        this.#later(step)
        return
      }
    }
  }

  #later(step: Extract<Step, { do: 'say' | 'closed' }>): void {
    this.#timer = this.#pace.after(step.after_ms / this.#options.speed, 'playback', () => {
      this.#timer = null
      this.#at += 1
      if (step.do === 'closed') {
        this.#hangUp()
        return
      }
      this.#say(step.bytes)
      this.#go()
    })
  }

  #hangUp(): void {
    const over = this.#at >= this.#steps.length
    this.onHangUp?.()
    if (over) this.#end()
  }

  #waitFor({ question, after_ms }: Extract<Step, { do: 'hear' }>): void {
    const ms = this.#options.late_ms + after_ms
    this.#timer = this.#pace.after(ms, 'playback waits', () => {
      this.#count('not_asked', question.key)
      // Its answer would be one to nothing.
      this.#at += 1 + this.#answersAfter(this.#at).length
      this.#go()
    })
  }

  #heard(asked: Question): void {
    const step = this.#steps[this.#at]
    if (step?.do === 'hear' && step.question.key === asked.key) this.#matched(asked)
    else if (this.#isEarly(asked)) this.#early.push(asked)
    else this.#outOfTurn(asked)
  }

  #matched(asked: Question): void {
    const step = this.#steps[this.#at]
    if (step?.do !== 'hear') return
    this.#take(step.question, asked)
    this.#at += 1
    this.#go()
  }

  #take(recorded: Question, asked: Question): void {
    this.#compare(recorded, asked)
    this.#known.set(asked.key, { question: recorded, answers: this.#answersAfter(this.#at) })
  }

  #compare(recorded: Question, asked: Question): void {
    const same = asked.varies === true || equalBytes(recorded.bytes, asked.bytes)
    if (!same) this.#count('content', asked.key)
    this.#matcher.pair(recorded.bytes, asked.bytes)
  }

  /** The device is not done saying what comes before the question that this one is. */
  #isEarly(asked: Question): boolean {
    if (this.#early.length >= most_early) return false
    if (this.#steps[this.#at]?.do === 'hear') return false
    let passed = this.#early.length
    for (let at = this.#at; at < this.#steps.length; at++) {
      const step = this.#steps[at]!
      if (step.do === 'open' || step.do === 'closed') return false
      if (step.do !== 'hear') continue
      if (passed === 0) return step.question.key === asked.key
      passed -= 1
    }
    return false
  }

  #wasEarly(recorded: Question): boolean {
    const [asked] = this.#early
    if (asked?.key !== recorded.key) {
      this.#early = []
      return false
    }
    this.#early.shift()
    this.#take(recorded, asked)
    this.#at += 1
    return true
  }

  #outOfTurn(asked: Question): void {
    this.#count('out_of_turn', asked.key)
    const ahead = this.#ahead(asked.key)
    const now = asked.once === true && ahead?.linked === true
    const known = now ? ahead.known : (this.#known.get(asked.key) ?? ahead?.known)
    if (known === undefined) {
      this.#count('unanswered', asked.key)
      return
    }
    this.#compare(known.question, asked)
    for (const answer of known.answers) this.#say(answer)
    // It was to come, and has come.
    if (now) this.#steps.splice(ahead.at, 1 + known.answers.length)
  }

  /** The next time it is asked; `linked`: on the link that is open. */
  #ahead(key: string): { at: number; linked: boolean; known: Known } | null {
    let linked = true
    for (let at = this.#at; at < this.#steps.length; at++) {
      const step = this.#steps[at]!
      if (step.do === 'closed') linked = false
      if (step.do !== 'hear' || step.question.key !== key) continue
      const known = { question: step.question, answers: this.#answersAfter(at) }
      return { at, linked, known }
    }
    return null
  }

  #answersAfter(at: number): Uint8Array[] {
    const answers: Uint8Array[] = []
    const asked = this.#steps[at]
    if (asked?.do === 'hear' && asked.question.silent === true) return answers
    let since_ms = 0
    for (let next = at + 1; next < this.#steps.length; next++) {
      const step = this.#steps[next]!
      since_ms += step.after_ms
      if (step.do !== 'say' || since_ms > answer_ms) break
      answers.push(step.bytes)
    }
    return answers
  }

  #say(bytes: Uint8Array): void {
    this.#send?.(this.#matcher.adapt(bytes))
  }

  #count(difference: Difference, what: string): void {
    const name = `${difference} ${what}`
    if (this.#differences.size >= most_kinds && !this.#differences.has(name)) return
    this.#differences.set(name, (this.#differences.get(name) ?? 0) + 1)
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.onEnd?.()
  }
}
