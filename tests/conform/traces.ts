/** Where a text that nobody may see stands in what was given out, in the forms a slip would take. */
export function tracesOf(canaries: readonly string[], given: string): string[] {
  const packed = given.replaceAll(/\s+/g, '').toLowerCase()
  return canaries.flatMap((canary) =>
    formsOf(canary)
      .filter(([, form]) => given.includes(form) || packed.includes(form.toLowerCase()))
      .map(([how]) => `${how} of a field`),
  )
}

function formsOf(text: string): [string, string][] {
  const forms: [string, string][] = [['text', text]]
  for (const encoding of ['utf8', 'utf16le'] as const) {
    const bytes = Buffer.from(text, encoding)
    forms.push([`hex of ${encoding}`, bytes.toString('hex')])
    for (let offset = 0; offset < 3; offset++) {
      // Without the letters at both ends that depend on what stands beside.
      const shifted = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
      forms.push([`base64 of ${encoding}`, shifted.slice(offset === 0 ? 0 : 4, -4)])
    }
  }
  return forms.filter(([, form]) => form.length >= 3)
}
