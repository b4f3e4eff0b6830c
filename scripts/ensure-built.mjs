// Builds dist/ when a source is newer than it.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = ['api', 'kube', 'cli', 'serving', 'eventing', 'local', 'config', 'scripts', 'package-lock.json'];

/** Exits with the build's code when it fails. */
export function ensureBuilt() {
  if (newest(SOURCES) <= builtAt()) return;
  console.log('building…');
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

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
