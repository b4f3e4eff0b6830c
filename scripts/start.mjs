// `npm start`: builds when a source is newer than the program, then runs `zeroth up --demo` with any further flags.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './ensure-built.mjs';

ensureBuilt();
const program = fileURLToPath(new URL('../dist/zeroth.js', import.meta.url));
const child = spawn(process.execPath, [program, 'up', '--demo', ...process.argv.slice(2)], { stdio: 'inherit' });
// The terminal sends Ctrl-C to both of us; a signal to this process alone is passed on.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
