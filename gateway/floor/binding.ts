/**
 * Whether the device that answers at a place is the one that belongs there. Its own name decides (SAM
 * id, serial number); where it is plugged in only proposes. Pure.
 */

/** Place → the device that was bound to it, as the hall's log has it. */
export type Bound = Readonly<Record<string, { type: string; identity: string }>>

/** What answers at a place: a device of this type, by what it says it is. */
export type Answering = {
  type: string
  identity: string | null
  /** Its kind has no word for who it is. */
  nameless: boolean
}

export type Binding =
  /** Its place is all that is known of it, and nothing with a name is expected there. */
  | { state: 'nameless' }
  /** It says no name, or not yet, where one of its type with a name belongs: perhaps another one. */
  | { state: 'unconfirmed'; expected: string }
  /** A device with a name at a place that was never bound. */
  | { state: 'unbound'; identity: string }
  | { state: 'bound'; identity: string }
  /** It belongs to another place: somebody changed cables. */
  | { state: 'wrong_place'; identity: string; belongs: string }
  /** Another device belongs here: replaced, or somebody's own. */
  | { state: 'stranger'; identity: string; expected: string }

/** Who was bound as one of another type tells nothing of this one: types without names exist. */
export function bindingOf(
  place: string,
  { type, identity, nameless }: Answering,
  bound: Bound,
): Binding {
  const expected = Object.hasOwn(bound, place) ? bound[place] : undefined
  // A name of nothing is none: all who say it would be one and the same device.
  if (identity === null || identity.trim() === '') {
    const named = !nameless && expected?.type === type
    return named ? { state: 'unconfirmed', expected: expected.identity } : { state: 'nameless' }
  }
  if (expected?.identity === identity) return { state: 'bound', identity }
  const belongs = Object.keys(bound).find((other) => bound[other]?.identity === identity)
  if (belongs !== undefined) return { state: 'wrong_place', identity, belongs }
  if (expected === undefined) return { state: 'unbound', identity }
  return { state: 'stranger', identity, expected: expected.identity }
}

export type HeldBack = 'wrong_place' | 'stranger' | 'unconfirmed'

/** What such a device says is kept from the hall until it is known, or a person decides. */
export function isHeldBack(binding: Binding): binding is Extract<Binding, { state: HeldBack }> {
  const { state } = binding
  return state === 'wrong_place' || state === 'stranger' || state === 'unconfirmed'
}
