/** Every device type, state and reason of a page has words in both languages. */
import { expect, test } from 'vitest'
import { DeviceState } from '#devices/contract/presence.ts'
import { floorWordsScript, reasonWords, stateWords, typeWords } from '#devices/types/floor-words.ts'
import { deviceTypes } from '#devices/types/index.ts'

test('each in its own script', () => {
  const all = [typeWords(), stateWords, reasonWords].flatMap((words) => Object.entries(words))
  for (const [code, { zh, en }] of all) {
    expect(zh, code).toMatch(/\p{Script=Han}/u)
    expect(en, code).toMatch(/^[^\p{Script=Han}]+$/u)
  }
})

test('every type by its name, every state, and what devices say of themselves', () => {
  expect(Object.keys(typeWords())).toEqual(Object.keys(deviceTypes))
  expect(Object.keys(stateWords)).toEqual(DeviceState.options)
  expect(Object.keys(reasonWords)).toEqual(expect.arrayContaining(['answers', 'device_gone']))
})

test('a browser reads the same', async () => {
  const script = `data:text/javascript,${encodeURIComponent(floorWordsScript())}`
  const { types, states, reasons } = await import(/* @vite-ignore */ script)
  expect({ types, states, reasons }).toEqual({
    ...{ types: typeWords(), states: stateWords, reasons: reasonWords },
  })
})
