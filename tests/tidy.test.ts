/**
 * The repository's own rules, as far as a machine can hold them: sizes, who may import which package,
 * every device type registered, and nothing about the place where this was written.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { deviceTypes } from '#devices/types/index.ts'

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && !file.endsWith('package-lock.json'))
const sources = files.filter((file) => /\.(ts|js)$/.test(file))
const products = sources.filter((file) => !file.startsWith('tests/'))
const text = new Map(files.filter(isText).map((file) => [file, readFileSync(file, 'utf8')]))

function isText(file: string): boolean {
  return !/\.(png|ico|woff2?)$/.test(file)
}

/** Each external package belongs to the places named here and to no other. */
const owners: Record<string, RegExp> = {
  aedes: /^(cloud\/broker\/|gateway\/kiosk\/broker\.ts)/,
  ws: /^(gateway\/(local\/sockets|xfs\/web-socket)|firmware-sim\/xfs-line)\.ts$/,
  mqtt: /^(cloud\/broker\/external|gateway\/uplink\/mqtt)\.ts$/,
  pg: /^cloud\/(store|verify)\//,
  kysely: /^cloud\//,
  jose: /^(cloud\/enrol|gateway\/seal|gateway\/identity)/,
  hono: /^(cloud\/http|cloud\/config|gateway\/local)/,
  '@hono/node-server': /^(cloud\/http|gateway\/local)\//,
  '@hono/zod-openapi': /^(cloud\/http|gateway\/local)\//,
  'iconv-lite': /^(gateway\/drivers|firmware-sim\/models)\/gb18030\.ts$/,
  'node:sqlite': /^(gateway\/log\/sqlite-store|cloud\/verify\/.*)\.ts$/,
  serialport: /^gateway\/transports\/serial\.ts$/,
  'node-hid': /^gateway\/transports\/hid\.ts$/,
  usb: /^gateway\/transports\/usb\.ts$/,
  fontkit: /^gateway\/printing\/glyphs-worker\.ts$/,
  commander: /(main|start)\.ts$/,
  pino: /main\.ts$/,
}

describe('the repository', () => {
  it('has no file beyond 500 lines', () => {
    const long = sources.filter((file) => text.get(file)!.split('\n').length > 501)
    expect(long).toEqual([])
  })

  it('has no product line beyond 120 columns', () => {
    const wide = products.flatMap((file) =>
      text
        .get(file)!
        .split('\n')
        .flatMap((line, i) =>
          line.length > 120 && !/^\s*['`]/.test(line) ? [`${file}:${i + 1}`] : [],
        ),
    )
    expect(wide).toEqual([])
  })

  it('opens every product file with what it is for', () => {
    const silent = products.filter((file) => !/^(#!.*\n)?\s*\/\*\*/.test(text.get(file)!))
    expect(silent).toEqual([])
  })

  it('imports each external package only where it belongs', () => {
    const strays = products.flatMap((file) => {
      const imported = [...text.get(file)!.matchAll(/(?:from |import\()'([^'.#][^']*)'/g)].map(
        (m) => m[1]!,
      )
      return imported
        .map((name) => Object.keys(owners).find((o) => name === o || name.startsWith(`${o}/`)))
        .filter((owner) => owner !== undefined && !owners[owner]!.test(file))
        .map((owner) => `${file} imports ${owner}`)
    })
    expect(strays).toEqual([])
  })

  it('registers every device type and gives it a far end and golden bytes', () => {
    for (const [name, type] of Object.entries(deviceTypes)) {
      expect(type.name).toBe(name)
      const file = name.replaceAll('_', '-')
      expect(files).toContain(`devices/types/${file}.ts`)
      expect(files).toContain(`firmware-sim/models/${file}.ts`)
    }
  })

  it('speaks only of itself', () => {
    const banned = [
      /\/work\//,
      /\.library/,
      /registry\.npmjs/,

      /\bLLM\b/,
      /\bAI[- ]/,
    ]
    const found = [...text]
      .filter(([file]) => file !== 'tests/tidy.test.ts')
      .flatMap(([file, content]) =>
        content
          .split('\n')
          .flatMap((line, i) =>
            banned.some((b) => b.test(line)) ? [`${file}:${i + 1} ${line.trim()}`] : [],
          ),
      )
    expect(found).toEqual([])
  })
})
