// `npm start`: builds when a source is newer than the program, then runs `zeroth up --demo` with any further flags.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = ['api', 'kube', 'cli', 'serving', 'eventing', 'local', 'config', 'scripts', 'package-lock.json'];

if (newest(SOURCES) > builtAt()) {
  console.log('building…');
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
const child = spawn(process.execPath, [join(root, 'dist', 'zeroth.js'), 'up', '--demo', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
// The terminal sends Ctrl-C to both of us; a signal to this process alone is passed on.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));

function builtAt() {
  try {
    return statSync(join(root, 'dist', 'manifests.json')).mtimeMs;
  } catch {
    return 0;
  }
}

function newest(names) {
  return Math.max(
    ...names.flatMap((name) => {
      const path = join(root, name);
      const info = statSync(path);
      if (!info.isDirectory()) return [info.mtimeMs];
      return readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs);
    }),
  );
}
