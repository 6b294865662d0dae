/**
 * Synthetic cards in place of real ones, the same for the same within one run: a recording, or what
 * the conformance kit gives away. Fields hold what nobody's do: a region code never given out, a name
 * that says what it is. Keeps a digest of each block it has seen under a key of its own, which goes
 * with it, and nothing of its text.
 */
import { createHmac, randomBytes } from 'node:crypto'
import {
  type CardText,
  checkCharacter,
  decodeCardText,
  encodeCardText,
  type ResidentText,
} from '#devices/wire/id-card-text.ts'

/** Replaces each card by a synthetic one, the same by the same. */
export type Synthesis = {
  /** A 256-byte text block for the one read. */
  text(block: Uint8Array): Uint8Array
  /** A newest address for the one read, of the same length; an even number of bytes. */
  address(units: Uint8Array): Uint8Array
  /** As many digits. */
  digits(text: string): string
}

/** More than fit into the largest recording, in hex. */
const most_known = 4096
/** Cards a year of birth is given to. */
const cards_a_year = 1000

export function createSynthesis(): Synthesis {
  const seen = new Map<string, number>()
  // Not to be guessed: the digest of a card's text alone could be.
  const key = randomBytes(32)
  const digest = (what: string, content: Uint8Array | string) =>
    createHmac('sha256', key).update(what).update(content).digest('hex')
  /** From 1, in the order they were first seen. */
  const numberOf = (what: string, content: Uint8Array | string): number => {
    const name = digest(what, content)
    const known = seen.get(name)
    if (known !== undefined) return known
    const number = 1 + (seen.size % most_known)
    if (seen.size < most_known) seen.set(name, number)
    return number
  }
  return {
    text: (block) => encodeCardText(syntheticText(kindOf(block), numberOf('text', block))),
    address: (units) => unitsOf(`虚构市合成新路${numberOf('address', units)}号`, units.length / 2),
    digits: (text) => {
      const decimal = BigInt(`0x${digest('digits', text)}`).toString()
      return decimal.slice(-text.length)
    },
  }
}

/** UTF-16LE of exactly so many units, blanks behind. */
function unitsOf(text: string, count: number): Uint8Array {
  const units = new Uint8Array(count * 2)
  for (const [at, unit] of [...text.padEnd(count, ' ')].slice(0, count).entries()) {
    const code = unit.charCodeAt(0)
    units.set([code & 0xff, code >> 8], at * 2)
  }
  return units
}

function kindOf(block: Uint8Array): CardText['kind'] {
  return decodeCardText(block).text.kind
}

function syntheticText(kind: CardText['kind'], n: number): CardText {
  const resident = residentText(n)
  const { name, sex, birth, address, issuer, valid_from, valid_to } = resident
  switch (kind) {
    case 'resident':
      return resident
    case 'permit':
      return {
        kind,
        ...{ name, sex, birth, address, issuer, valid_from, valid_to },
        number: numbered('810000', birth, n),
        pass_number: `H${String(n).padStart(8, '0')}`,
        issue_count: '01',
        reserved: '',
      }
    case 'foreigner_2017':
      return {
        kind,
        ...{ name, sex, birth, valid_from, valid_to },
        name_en: `SYNTHETIC CARD ${n}`,
        number: `UTO${String(n).padStart(12, '0')}`,
        nationality: 'UTO',
        version: '01',
        authority: '9999',
        reserved: '',
      }
    case 'foreigner_2023':
      return {
        kind,
        ...{ name, sex, birth, valid_from, valid_to },
        name_en: `SYNTHETIC CARD ${n}`,
        renewals: '01',
        number: numbered('990000', birth, n),
        nationality: 'UTO',
        previous_link: '',
        reserved: '',
      }
  }
}

function residentText(n: number): ResidentText {
  const birth = `${1900 + Math.floor(n / cards_a_year)}0101`
  return {
    kind: 'resident',
    name: `合成卡${n}`,
    sex: '1',
    nation: '01',
    birth,
    address: `虚构市合成路${n}号`,
    number: numbered('990000', birth, n),
    issuer: '虚构市公安局',
    valid_from: '20200101',
    valid_to: '20400101',
    reserved: '',
  }
}

function numbered(region: string, birth: string, n: number): string {
  const digits = `${region}${birth}${String(n % cards_a_year).padStart(3, '0')}`
  return digits + checkCharacter(digits)
}
