/**
 * Steps for the address of a unit: a broadcast sets it while a key is held, and never otherwise. The
 * address is set back at the end.
 */
import type { Bench } from '../bench.ts'
import { type Finding, fail, hex, nobody, notTried, pass, type Step } from '../kind.ts'
import { isWholeModbus, lookAtModbus, modbusFrame } from '../modbus-bytes.ts'
import { type Unit, words, writeBody } from '../unit-wire.ts'

export function addressSteps(unit: Unit): Step[] {
  const other = unit.address === 1 ? 247 : 1
  return [
    {
      code: 'address_kept',
      title: { zh: '未按键时的改址广播', en: 'a new address while no key is held' },
      expected: { zh: '不应答，地址不变', en: 'no answer, and the address stays' },
      run: (bench) => kept(bench, unit.address, other),
    },
    {
      code: 'address_taken',
      title: { zh: '按住键时的改址广播', en: 'a new address while a key is held' },
      expected: {
        zh: '不应答，以新地址应答以后的请求',
        en: 'no answer; then it answers at the new one',
      },
      run: (bench) => taken(bench, unit.address, other),
    },
  ]
}

async function answersAt(bench: Bench, address: number): Promise<boolean> {
  const request = modbusFrame(address, 0x04, ...words(0x0000, 12))
  const came = await bench.ask(`identity at ${address}`, request, { complete: isWholeModbus })
  return lookAtModbus(address, came).ok
}

function setAddress(bench: Bench, address: number): Promise<Uint8Array> {
  return bench.silent(`address ${address}`, modbusFrame(0, ...writeBody(0x0070, [0x4857, address])))
}

async function kept(bench: Bench, address: number, other: number): Promise<Finding> {
  if (!(await answersAt(bench, address)))
    return fail({ zh: '设备无应答', en: 'it does not answer' })
  const came = await setAddress(bench, other)
  if (came.length > 0) return fail({ zh: `应答了 ${hex(came)}`, en: `it answered ${hex(came)}` })
  if (await answersAt(bench, address)) return pass()
  return fail({ zh: '未按键也改了地址', en: 'the address changed though no key was held' })
}

async function taken(bench: Bench, address: number, other: number): Promise<Finding> {
  const prompt = {
    zh: '请按住任意一键，直到提示松开',
    en: 'hold any key down until told to let go',
  }
  if (!(await bench.hand('hold_key', prompt))) return notTried(nobody)
  const came = await setAddress(bench, other)
  const moved = await answersAt(bench, other)
  // Back again, whatever came of it.
  if (moved) await setAddress(bench, address)
  await bench.hand('let_go', { zh: '可以松开了', en: 'let go' })
  if (came.length > 0) return fail({ zh: `应答了 ${hex(came)}`, en: `it answered ${hex(came)}` })
  if (!moved) return fail({ zh: '没有改地址', en: 'the new address is not taken' })
  if (await answersAt(bench, address)) return pass()
  return fail({ zh: '没有改回原地址', en: 'the old address was not taken back' })
}
