/** When a program is to end: Ctrl-C, a polite kill, or the end of the program that started it. */
export function untilStopped(): { asked: Promise<void>; signal: AbortSignal } {
  const controller = new AbortController()
  const asked = new Promise<void>((resolve) => {
    for (const event of ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect'] as const) {
      process.on(event, () => {
        controller.abort()
        resolve()
      })
    }
  })
  return { asked, signal: controller.signal }
}
