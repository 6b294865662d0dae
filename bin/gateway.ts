/**
 * `npm run gateway`: starts gateway/main.ts small (./small.ts says how) and becomes it: same process,
 * same terminal, same signals.
 */
import { smallGateway } from './small.ts'

const { args, env } = smallGateway(process.argv.slice(2))
process.execve!(process.execPath, [process.execPath, ...args], { ...process.env, ...env })
