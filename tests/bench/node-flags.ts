/** Flags of Node for the programs that are measured, for trials: `--node-flags "--a --b"`. */
let flags: readonly string[] = []

export function setNodeFlags(text: string): void {
  flags = text.split(' ').filter((flag) => flag !== '')
}

export const nodeFlags = (): readonly string[] => flags
